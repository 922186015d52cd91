"""Transcendence in a real game: a transformer that learns from weak experts, at one temperature after the other.

Twelve experts play each other from random openings, and a transformer learns to tell the next move. At temperature 1 it
plays about as they do together; near 0 it plays what most of them would, which as long as they err in different ways
may be better than any of them [1]. The control is the same with experts that err alike. Moves that are not legal are
masked before the student's chances are made.

Strength is measured twice. Elo is Bradley's and Terry's model of expected scores among the experts, which are exact, as
the game is small enough to follow every position; others are rated by their expected scores against these experts, each
opening played with either colour. A student's are exact at temperature 0, and else estimated from games that are drawn.
The other measure is what moves lose of a position's value, in positions of experts' games that nobody learnt from.

[1] Zhang et al., Transcendence: generative models can outperform the experts that train them, NeurIPS 2024, arXiv
    2406.11741.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from types import ModuleType
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from wellkeeper.engine.progress import Listener, Progress, nobody
from wellkeeper.errors import MissingExtraError, RecipeError
from wellkeeper.lab.experiment import Curve, Experiment, Figure, Setting
from wellkeeper.lab.ranges import check_range
from wellkeeper.lab.seeds import stream
from wellkeeper.lab.worlds.game.board import NEVER, Board, Keys, Solved, solved, value
from wellkeeper.lab.worlds.game.exact import Scores, beginning, expected, followed, layers_of
from wellkeeper.lab.worlds.game.players import (
    Chances,
    Experts,
    Games,
    Moves,
    experts_of,
    openings,
    perfect,
    played,
    softmax,
    tempered,
)
from wellkeeper.lab.worlds.game.ratings import against, elo
from wellkeeper.lab.worlds.transformer import Size

TEMPERATURES = (0.0, 0.1, 0.3, 0.5, 0.7, 1.0, 1.5)
_ERRORS = {"errors differ": False, "errors shared": True}
_PLAYERS = ("student", "vote", "best expert", "perfect play")
_SURE = (
    1e6  # games of a pair in which an exact score is said: so many that the draw added to them says nothing
)
_JUDGED = 500  # games whose positions all are judged in
_HEATS = np.array(TEMPERATURES)

Logits: TypeAlias = NDArray[np.float64]  # of each cell, shape (positions, cells)
Figures: TypeAlias = dict[str, NDArray[np.float64]]  # each of shape (temperatures,)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Setup:
    """Of a run, all but the seed."""

    board: Board
    experts: int
    skill: float
    spread: float
    opening: int
    games: int  # of a student, followed at once
    learnt: int  # games that a student learns from
    size: Size


def curves(
    size: int,
    replicates: int,
    seed: int,
    *,
    columns: int,
    rows: int,
    in_a_row: int,
    experts: int,
    skill: float,
    spread: float,
    opening: int,
    games: int,
    layers: int,
    width: int,
    heads: int,
    steps: int,
    batch: int,
    listener: Listener = nobody,
) -> Sequence[Curve]:
    """Strength by temperature, of students and of votes, where errors differ and where they are shared.

    Raises:
        RecipeError: a setting makes no sense.
        MissingExtraError: torch is not installed.
    """
    board = Board(columns=columns, rows=rows, in_a_row=in_a_row)
    for name, given, least in (
        ("size", size, 1),
        ("experts", experts, 2),
        ("games", games, 1),
        ("opening", opening, 0),
    ):
        if given < least:
            raise RecipeError(f"{name} is {given}. Give at least {least}.")
    longest = min(2 * in_a_row - 2, board.cells - 1)
    if opening > longest:
        raise RecipeError(f"opening is {opening}, and a game may be over by then. Give at most {longest}.")
    check_range("skill", skill, 0, 1)
    check_range("spread", spread, 0, min(skill, 1 - skill))
    setup = _Setup(
        board=board,
        experts=experts,
        skill=skill,
        spread=spread,
        opening=opening,
        games=games,
        learnt=size,
        size=Size(layers=layers, width=width, heads=heads, context=board.cells, steps=steps, batch=batch),
    )
    _torch_part()  # better missed before games are played than after
    found: list[Curve] = []
    for errors, shared in _ERRORS.items():
        measured = []
        for replicate in range(replicates):
            listener(
                Progress(
                    stage=f"{errors}, replicate {replicate + 1} of {replicates}",
                    done=len(found) // len(_PLAYERS) * replicates + replicate,
                    total=len(_ERRORS) * replicates,
                    unit="students",
                )
            )
            measured.append(_measured(setup, shared, seed, replicate, errors))
        found += (_curve(player, errors, [one[player] for one in measured]) for player in _PLAYERS)
    return found


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Taught:
    """Experts, and a model that has read their games."""

    solved: Solved
    experts: Experts
    model: Any

    def reader(self, heat: float) -> "_Reader":
        """The student at a temperature, before it has read anything."""
        return _Reader(taught=self, student=_torch_part().Student(self.model), heat=heat)

    def student(self, logits: Logits, keys: Keys, heat: NDArray[np.float64]) -> Chances:
        """Its chances of each column, from its logits of each cell."""
        board = self.solved.board
        by_column = np.take_along_axis(logits, board.landing(keys), axis=1)
        return softmax(by_column, board.filled(keys) < board.rows, heat)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _Reader:
    """A student at one temperature, in games that go on at the same pace."""

    taught: Taught
    student: Any
    heat: float

    def chances(self, moves: Moves, keys: Keys) -> Chances:
        return self.taught.student(self.student.logits(moves), keys, np.full(keys.size, self.heat))

    def keep(self, rows: NDArray[np.int64]) -> None:
        self.student.keep(rows)


def _measured(setup: _Setup, shared: bool, seed: int, *names: object) -> dict[str, Figures]:  # noqa: FBT001
    """Figures at each temperature, by player, of one set of experts and their student."""

    def random(use: str) -> np.random.Generator:
        return stream(seed, "game", *names, use)

    game = solved(setup.board)
    experts = experts_of(
        setup.board.cells,
        setup.experts,
        skill=setup.skill,
        spread=setup.spread,
        shared=shared,
        random=random("experts"),
    )
    learnt, kept = (
        among_experts(game, experts, count, setup.opening, random(use))
        for use, count in (("learnt", setup.learnt), ("kept", _JUDGED))
    )
    model = _torch_part().student_of(setup.board, learnt, setup.opening, setup.size, random("student"))
    taught = Taught(solved=game, experts=experts, model=model)
    rated, best = _rated(taught, setup, random("tournament"))
    judged = _judged(taught, kept, np.unique(learnt.keys), setup.opening, best)
    return {player: judged[player] | rated[player] for player in _PLAYERS}


def among_experts(
    game: Solved, experts: Experts, count: int, opening: int, random: np.random.Generator
) -> Games:
    """Games between experts who are drawn anew for each."""
    who = random.integers(experts.count, size=(count, 2))
    opened = openings(game, count, opening, random)

    def chooser(live: NDArray[np.int64], keys: Keys, moves: Moves) -> Chances:
        discs = moves.shape[1]
        return experts.chances(game, keys, discs, who[live, discs % 2])

    return played(game, opened, chooser, random)


def _judged(taught: Taught, kept: Games, seen: Keys, opening: int, best_expert: int) -> dict[str, Figures]:
    """What moves lose and how many are best, exactly, in all positions of games after their openings."""
    game = taught.solved
    student = _torch_part().Student(taught.model)
    before = np.arange(len(kept.moves))
    new: list[NDArray[np.bool_]] = []
    found: list[
        NDArray[np.float64]
    ] = []  # each of shape (players, 2, positions): loss, and whether it is best
    for discs in range(opening, game.board.cells):
        live = np.flatnonzero(kept.keys[:, discs] >= 0)
        if not live.size:
            break
        if discs > opening:
            student.keep(np.searchsorted(before, live))
        before = live
        keys = kept.keys[live, discs]
        scores = game.of_moves(keys, discs)
        best = scores == scores.max(axis=1, keepdims=True)
        loss = np.where(scores == NEVER, 0, value(scores.max(axis=1, keepdims=True)) - value(scores))
        logits = student.logits(kept.moves[live, :discs])
        heats = np.broadcast_to(_HEATS[:, None], (_HEATS.size, keys.size))
        students = (taught.student(logits, keys, heat) for heat in heats)
        everyone = (*_table(taught, keys, discs), *students)
        found.append(np.array([((part * loss).sum(axis=1), (part * best).sum(axis=1)) for part in everyone]))
        new.append(~np.isin(keys, seen))
    means = np.concatenate(found, axis=2).mean(axis=2)
    unseen = np.full(_HEATS.size, np.concatenate(new).mean())
    return {
        player: {"loss": _at_all(means[who, 0]), "right": _at_all(means[who, 1]), "unseen": unseen}
        for player, who in _places(taught.experts.count, best_expert).items()
    }


def _rated(taught: Taught, setup: _Setup, random: np.random.Generator) -> tuple[dict[str, Figures], int]:
    """Elo above the best expert, score against that one, and which it is."""
    game, experts = taught.solved, taught.experts
    begun = beginning(game, setup.opening)
    layers = layers_of(game, begun.keys, setup.opening)
    tables = [_table(taught, layer.keys, layer.discs) for layer in layers]
    scores = expected(begun, layers, tables)[:, : experts.count]
    panel = [table[: experts.count] for table in tables]
    students = [
        followed(begun, layers, panel, partial(taught.reader, heat), setup.games, random)
        for heat in TEMPERATURES
    ]
    ratings, best = panel_of(scores[: experts.count])
    everyone = np.concatenate((scores, students))
    rated = against(everyone, ratings)
    above = rated - rated[best]
    return {
        player: {"elo": _at_all(above[who]), "score": _at_all(everyone[who, best])}
        for player, who in _places(experts.count, best).items()
    }, best


def _table(taught: Taught, keys: Keys, discs: int) -> NDArray[np.float64]:
    """Chances of experts, perfect play and the votes, shape (players, positions, columns)."""
    game, experts = taught.solved, taught.experts
    together = experts.vote(game, keys, discs)
    votes = (tempered(together, np.full(keys.size, heat)) for heat in TEMPERATURES)
    return np.array([*experts.each(game, keys, discs), perfect(game, keys, discs), *votes])


def _places(experts: int, best: int) -> dict[str, slice]:
    """Where each of `_PLAYERS` stands in a `_table` with the student at each temperature after it."""
    return {
        "best expert": slice(best, best + 1),
        "perfect play": slice(experts, experts + 1),
        "vote": slice(experts + 1, experts + 1 + _HEATS.size),
        "student": slice(experts + 1 + _HEATS.size, None),
    }


def panel_of(scores: Scores) -> tuple[NDArray[np.float64], int]:
    """Elo of experts from their expected scores, shape (experts, experts), and which is the best."""
    games = np.where(np.eye(len(scores), dtype=np.bool_), 0.0, _SURE)
    ratings = elo(games * scores, games)
    return ratings, int(ratings.argmax())


def _at_all(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """A figure at each temperature, of a player who has one or none."""
    return np.broadcast_to(values, _HEATS.shape).copy()


def _curve(player: str, errors: str, found: Sequence[Figures]) -> Curve:
    return Curve(
        label=f"{player}, {errors}",
        axis="temperature",
        points=_HEATS,
        figures={figure.name: np.stack([one[figure.name] for one in found]) for figure in EXPERIMENT.figures},
    )


def _torch_part() -> ModuleType:
    try:
        from wellkeeper.lab.worlds.game import _student
    except ImportError as error:
        raise MissingExtraError("A student of games", extra="torch") from error
    return _student


EXPERIMENT = Experiment(
    name="game",
    title="Weak players, and a transformer that learns from their games",
    paper="Zhang et al. 2024",
    regime="from scratch",
    figures=(
        Figure(name="elo", title="Elo above the best expert", unit="points", worse="down"),
        Figure(name="loss", title="Value that a move loses", unit="of a win", worse="up"),
        Figure(name="right", title="Best moves", unit="share", worse="down"),
        Figure(name="score", title="Score against the best expert", unit="of a win", worse="down"),
        Figure(name="unseen", title="Judged positions that no game learnt from had", unit="share"),
    ),
    size=20_000,
    replicates=5,
    settings=(
        Setting(name="columns", value=4, help="of the board"),
        Setting(name="rows", value=4, help="of the board; columns x (rows + 1) is at most 25"),
        Setting(name="in_a_row", value=3, help="discs in a row that win"),
        Setting(name="experts", value=12, help="players whose games the student learns from"),
        Setting(
            name="skill",
            value=0.3,
            help="chance of one of the best moves on purpose, on average over experts",
        ),
        Setting(
            name="spread",
            value=0.1,
            help="how far the best and the worst expert's skill lie from the average",
        ),
        Setting(name="opening", value=2, help="random discs before the players begin"),
        Setting(name="games", value=2048, help="of a student, followed at once to rate it"),
        Setting(name="layers", value=2, help="blocks of attention and network"),
        Setting(name="width", value=64, help="numbers that stand for a token"),
        Setting(name="heads", value=4, help="parts of attention; the width is a multiple"),
        Setting(name="steps", value=3600, help="steps of training"),
        Setting(name="batch", value=64, help="games of a step"),
    ),
    needs=("torch",),
    about=(
        "Experts of a solved game, connect three on 4 by 4 cells, know the best move and often play what they like "
        "instead. A small transformer learns from their games alone. Where each expert likes something else, a low "
        "temperature makes it stronger than the best of them; where all like the same, the lower the temperature the "
        "weaker it is."
    ),
    curves=curves,
    tells=True,
)
