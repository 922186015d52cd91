"""Transcendence in a real game: a transformer that learns from weak experts, at one temperature after the other.

Twelve experts play each other from random openings, and a transformer learns to tell the next move. At temperature 1 it
plays about as they do together; near 0 it plays what most of them would, which as long as they err in different ways
may be better than any of them [1]. The control is the same with experts that err alike. Moves that are not legal are
masked before the student's chances are made.

Strength is measured twice: as Elo over games of everybody against every expert and against perfect play, each opening
played with either colour; and exactly, as what moves lose of a position's value, in positions of experts' games that
nobody learnt from.

[1] Zhang et al., Transcendence: generative models can outperform the experts that train them, NeurIPS 2024, arXiv
    2406.11741.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations
from types import ModuleType
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from wellkeeper.errors import MissingExtraError, RecipeError
from wellkeeper.lab.experiment import Curve, Experiment, Figure, Setting
from wellkeeper.lab.ranges import check_range
from wellkeeper.lab.seeds import stream
from wellkeeper.lab.worlds.game.board import NEVER, Board, Keys, Solved, solved, value
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
from wellkeeper.lab.worlds.game.ratings import drawn_again, elo
from wellkeeper.lab.worlds.transformer import Size

TEMPERATURES = (0.0, 0.1, 0.3, 0.5, 0.7, 1.0, 1.5)
_ERRORS = {"errors differ": False, "errors shared": True}
_PLAYERS = ("student", "vote", "best expert", "perfect play")
_DRAWS = 200  # of games, for the standard error of a rating
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
    games: int  # of each pair in a tournament, even
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
        ("games", games, 2),
        ("opening", opening, 0),
    ):
        if given < least:
            raise RecipeError(f"{name} is {given}. Give at least {least}.")
    if opening > 2 * in_a_row - 2:
        raise RecipeError(
            f"opening is {opening}, and a game may be over by then. Give at most {2 * in_a_row - 2}."
        )
    check_range("skill", skill, 0, 1)
    check_range("spread", spread, 0, min(skill, 1 - skill))
    setup = _Setup(
        board=board,
        experts=experts,
        skill=skill,
        spread=spread,
        opening=opening,
        games=games - games % 2,
        learnt=size,
        size=Size(layers=layers, width=width, heads=heads, context=board.cells, steps=steps, batch=batch),
    )
    _torch_part()  # better missed before games are played than after
    found: list[Curve] = []
    for errors, shared in _ERRORS.items():
        measured = [_measured(setup, shared, seed, replicate, errors) for replicate in range(replicates)]
        found += (_curve(player, errors, [one[player] for one in measured]) for player in _PLAYERS)
    return found


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Contest:
    """Who meets in a tournament: experts, then perfect play, then votes and students at each temperature."""

    first: NDArray[np.int64]  # who begins each game, shape (games,)
    second: NDArray[np.int64]

    @classmethod
    def of(cls, experts: int, games: int) -> "Contest":
        """Every expert against every other, and votes and students against all experts and perfect play.

        Of each pair's games, the second half repeats the openings of the first with colours exchanged.
        """
        newer = range(experts + 1, experts + 1 + 2 * len(TEMPERATURES))
        pairs = [
            *combinations(range(experts + 1), 2),
            *((one, old) for one in newer for old in range(experts + 1)),
        ]
        one, other = (np.repeat(side, games // 2) for side in np.array(pairs).T)
        return cls(first=np.concatenate((one, other)), second=np.concatenate((other, one)))


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Taught:
    """Experts, and a model that has read their games."""

    solved: Solved
    experts: Experts
    model: Any

    def student(self, logits: Logits, keys: Keys, heat: NDArray[np.float64]) -> Chances:
        """Its chances of each column, from its logits of each cell."""
        board = self.solved.board
        by_column = np.take_along_axis(logits, board.landing(keys), axis=1)
        return softmax(by_column, board.filled(keys) < board.rows, heat)

    def vote(self, keys: Keys, discs: int, heat: NDArray[np.float64]) -> Chances:
        return tempered(self.experts.vote(self.solved, keys, discs), heat)


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
    model = _torch_part().student_of(learnt.moves, setup.opening, setup.size, random("student"))
    taught = Taught(solved=game, experts=experts, model=model)
    judged = _judged(taught, kept, np.unique(learnt.keys), setup.opening)
    rated = _rated(taught, setup, random("tournament"))
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


def _judged(taught: Taught, kept: Games, seen: Keys, opening: int) -> dict[str, Figures]:
    """What moves lose and how many are best, exactly, in all positions of games after their openings."""
    game = taught.solved
    student = _torch_part().Student(taught.model, np.arange(len(kept.moves)))
    new: list[NDArray[np.bool_]] = []
    found: list[
        NDArray[np.float64]
    ] = []  # each of shape (players, 2, positions): loss, and whether it is best
    for discs in range(opening, game.board.cells):
        live = np.flatnonzero(kept.keys[:, discs] >= 0)
        if not live.size:
            break
        keys = kept.keys[live, discs]
        scores = game.of_moves(keys, discs)
        best = scores == scores.max(axis=1, keepdims=True)
        loss = np.where(scores == NEVER, 0, value(scores.max(axis=1, keepdims=True)) - value(scores))
        logits = student.logits(live, kept.moves[:, :discs])
        heats = np.broadcast_to(_HEATS[:, None], (_HEATS.size, keys.size))
        everyone = (
            *(taught.student(logits, keys, heat) for heat in heats),
            *(taught.vote(keys, discs, heat) for heat in heats),
            perfect(game, keys, discs),
            *taught.experts.each(game, keys, discs),
        )
        found.append(np.array([((part * loss).sum(axis=1), (part * best).sum(axis=1)) for part in everyone]))
        new.append(~np.isin(keys, seen))
    means = np.concatenate(found, axis=2).mean(axis=2)
    experts = means[2 * _HEATS.size + 1 :]
    told = (
        means[: _HEATS.size],
        means[_HEATS.size : 2 * _HEATS.size],
        experts[experts[:, 0].argmin()],
        means[2 * _HEATS.size],
    )
    unseen = np.full(_HEATS.size, np.concatenate(new).mean())
    return {
        player: {"loss": _at_all(one[..., 0]), "right": _at_all(one[..., 1]), "unseen": unseen}
        for player, one in zip(_PLAYERS, told, strict=True)
    }


def _rated(taught: Taught, setup: _Setup, random: np.random.Generator) -> dict[str, Figures]:
    """Elo above the best expert, with its standard error over games."""
    game, experts = taught.solved, taught.experts
    contest = Contest.of(experts.count, setup.games)
    half = openings(game, contest.first.size // 2, setup.opening, random)
    sides = np.stack((contest.first, contest.second))
    votes, students = experts.count + 1, experts.count + 1 + _HEATS.size
    reader = _torch_part().Student(taught.model, np.flatnonzero((sides >= students).any(axis=0)))

    def chooser(live: NDArray[np.int64], keys: Keys, moves: Moves) -> Chances:
        discs = moves.shape[1]
        who = sides[discs % 2, live]
        chances = np.zeros((live.size, game.board.columns))
        by_expert, by_perfect = who < experts.count, who == experts.count
        by_vote, by_student = (who >= votes) & (who < students), who >= students
        chances[by_expert] = experts.chances(game, keys[by_expert], discs, who[by_expert])
        chances[by_perfect] = perfect(game, keys[by_perfect], discs)
        chances[by_vote] = taught.vote(keys[by_vote], discs, _HEATS[who[by_vote] - votes])
        logits = reader.logits(live[by_student], moves)
        chances[by_student] = taught.student(logits, keys[by_student], _HEATS[who[by_student] - students])
        return chances

    games = played(game, np.concatenate((half, half)), chooser, random)
    players = students + _HEATS.size
    ratings = elo(*drawn_again(contest.first, contest.second, games.results, players, _DRAWS, random))
    best = ratings[:, : experts.count].max(axis=1, keepdims=True)
    told = (ratings[:, students:], ratings[:, votes:students], best, ratings[:, experts.count : votes])
    return {
        player: {"elo": _at_all((one - best)[0]), "elo_error": _at_all((one - best)[1:].std(axis=0))}
        for player, one in zip(_PLAYERS, told, strict=True)
    }


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
        Figure(name="elo_error", title="Standard error of the Elo over games", unit="points"),
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
        Setting(name="games", value=80, help="of each pair in the tournament"),
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
        "temperature makes it far stronger than they are on average, about as strong as the best of them; where all "
        "like the same, the lower the temperature the weaker it is."
    ),
    curves=curves,
)
