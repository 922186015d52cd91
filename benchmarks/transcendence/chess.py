"""Transcendence in chess: games of weak Stockfish levels, a small transformer that learns them, and who beats whom.

    python benchmarks/transcendence/chess.py [--stockfish PATH] [--games N] [--steps N] [--json]

Experts are Stockfish at skill levels 0 to 3, one ply deep, from random openings of four plies. The transformer reads
moves and tells the next; moves that are not legal are masked. It plays each expert at each temperature, with either
colour, and games of `--plies` plies are adjudicated by Stockfish at depth 8: 300 centipawns win. Elo is fitted over all
games; its standard error is over games, of one student. Needs the extra torch, and Stockfish (Debian: stockfish).

Stockfish is its own process, told over UCI by the few lines below, and says itself which moves are legal: python-chess
is under the GPL, which wellkeeper is not. Stockfish draws its weak moves from the clock, so that a run cannot be
repeated to the byte; --seed decides the openings, the training and the student's moves.
"""

import argparse
import json
import subprocess
import time
from itertools import combinations

import numpy as np
import torch

from wellkeeper.lab.seeds import stream
from wellkeeper.lab.worlds._gpt import taught
from wellkeeper.lab.worlds._torch import device, one_thread
from wellkeeper.lab.worlds.game.players import tempered
from wellkeeper.lab.worlds.game.ratings import drawn_again, elo
from wellkeeper.lab.worlds.transformer import Size

LEVELS = (0, 1, 2, 3)
TEMPERATURES = (0.0, 0.3, 0.7, 1.0)
OPENING = 4  # plies
WON = 300  # centipawns
DRAWS = 200


class Stockfish:
    """One engine, one game at a time."""

    def __init__(self, path):
        self._process = subprocess.Popen(
            [path], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, bufsize=1
        )
        self._asked("uci", "uciok")
        self._say("setoption name Hash value 1")

    def position(self, moves):
        self._say(f"position startpos moves {' '.join(moves)}" if moves else "position startpos")

    def legal(self):
        """Moves that are legal now."""
        lines = self._asked("go perft 1", "Nodes searched")
        return [line.split(":")[0] for line in lines if ": 1" in line]

    def is_in_check(self):
        lines = self._asked("d", "Checkers")
        return bool(lines[-1].partition(":")[2].strip())

    def move(self, level):
        self._say(f"setoption name Skill Level value {level}")
        return self._asked("go depth 1", "bestmove")[-1].split()[1]

    def centipawns(self):
        """For who is to move."""
        self._say("setoption name Skill Level value 20")
        lines = self._asked("go depth 8", "bestmove")
        scores = [line.split(" score ")[1].split() for line in lines if " score " in line]
        kind, number = scores[-1][:2]
        return int(number) if kind == "cp" else 10_000 * (1 if int(number) > 0 else -1)

    def close(self):
        self._say("quit")
        self._process.wait()

    def _say(self, line):
        self._process.stdin.write(line + "\n")

    def _asked(self, line, last):
        self._say(line)
        found = []
        while not found or not found[-1].startswith(last):
            found.append(self._process.stdout.readline().strip())
        return found


def played(engine, choosers, plies, random):
    """Moves of a game, and its result for White."""
    moves = []
    while len(moves) < plies:
        engine.position(moves)
        legal = engine.legal()
        if not legal:
            return moves, 0.5 if not engine.is_in_check() else float(len(moves) % 2)
        if len(moves) < OPENING:
            moves.append(str(random.choice(sorted(legal))))
        else:
            moves.append(choosers[len(moves) % 2](engine, moves, legal))
    engine.position(moves)
    ahead = (engine.centipawns() if engine.legal() else 0) * (1 if plies % 2 == 0 else -1)
    return moves, 1.0 if ahead > WON else 0.0 if ahead < -WON else 0.5


def expert(level):
    return lambda engine, _moves, _legal: engine.move(level)


def student(model, vocabulary, temperature, random, illegal):
    """Chooses among legal moves by the model; one that no game had is as unlikely as the vocabulary's unlikeliest."""
    begin = len(vocabulary)

    def choose(_engine, moves, legal):
        known = [vocabulary.get(move, begin + 1) for move in moves]
        with one_thread(), torch.inference_mode():
            logits = model.reader().read(torch.tensor([[begin, *known]], device=device()))[0].double().cpu()
        chances = torch.softmax(logits, 0).numpy()
        some = np.array(
            [chances[vocabulary[move]] if move in vocabulary else chances.min() for move in legal]
        )
        illegal.append(1 - min(some.sum(), 1))
        return legal[random.choice(len(legal), p=tempered(some[None], np.array([temperature]))[0])]

    return choose


def learnt(games, vocabulary, size, random):
    """A transformer that has read the games; openings are not learnt."""
    begin, where = len(vocabulary), device()
    rows = np.full((len(games), size.context), -100)
    for row, moves in zip(rows, games, strict=True):
        row[: len(moves)] = [vocabulary[move] for move in moves]
    inputs = np.concatenate((np.full((len(games), 1), begin), np.maximum(rows[:, :-1], 0)), axis=1)
    rows[:, :OPENING] = -100

    def batch():
        some = random.integers(len(games), size=size.batch)
        return tuple(torch.from_numpy(part[some]).to(where) for part in (inputs, rows))

    return taught(batch, size.steps, size, begin + 2, random)


def main():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--stockfish", default="/usr/games/stockfish")
    parser.add_argument("--games", type=int, default=1500, help="that the student learns from")
    parser.add_argument("--matches", type=int, default=20, help="games of each pair, even")
    parser.add_argument("--plies", type=int, default=80)
    parser.add_argument("--steps", type=int, default=600)
    parser.add_argument("--width", type=int, default=96)
    parser.add_argument("--layers", type=int, default=2)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    began, worked = time.monotonic(), time.process_time()
    engine = Stockfish(options.stockfish)
    random = stream(options.seed, "chess")
    games = [
        played(engine, [expert(level) for level in random.choice(LEVELS, 2)], options.plies, random)[0]
        for _ in range(options.games)
    ]
    made = time.monotonic() - began
    vocabulary = {move: at for at, move in enumerate(sorted({move for moves in games for move in moves}))}
    size = Size(
        layers=options.layers,
        width=options.width,
        heads=4,
        context=options.plies,
        steps=options.steps,
        batch=32,
    )
    model = learnt(games, vocabulary, size, random)
    trained = time.monotonic() - began - made
    illegal = []
    choosers = [expert(level) for level in LEVELS] + [
        student(model, vocabulary, heat, random, illegal) for heat in TEMPERATURES
    ]
    experts = range(len(LEVELS))
    pairs = [
        *combinations(experts, 2),
        *((one, old) for one in range(len(LEVELS), len(choosers)) for old in experts),
    ]
    first, second, results = [], [], []
    for one, other in pairs:
        for game in range(options.matches):
            white, black = (one, other) if game % 2 else (other, one)
            results.append(played(engine, (choosers[white], choosers[black]), options.plies, random)[1])
            first.append(white)
            second.append(black)
    engine.close()
    sides = np.array(first), np.array(second)
    ratings = elo(*drawn_again(*sides, np.array(results), len(choosers), DRAWS, random))
    above = ratings - ratings[:, : len(LEVELS)].max(axis=1, keepdims=True)
    names = [f"level {level}" for level in LEVELS] + [f"student at {heat:g}" for heat in TEMPERATURES]
    document = {
        "games": options.games,
        "distinct_moves": len(vocabulary),
        "parameters": model.parameters,
        "illegal_share": float(np.mean(illegal)),  # of the student's chances, before illegal moves are masked
        "elo_above_best_level": {
            name: {"elo": round(float(value), 1), "standard_error": round(float(error), 1)}
            for name, value, error in zip(names, above[0], above[1:].std(axis=0), strict=True)
        },
        "seconds": {
            "games": round(made),
            "training": round(trained),
            "all": round(time.monotonic() - began),
            "python_cpu": round(time.process_time() - worked),
        },
    }
    if options.json:
        print(json.dumps(document, indent=1))
        return
    print(f"{options.games:,} games, {len(vocabulary):,} distinct moves, {model.parameters:,} parameters.")
    print(
        f"Chances that the student gave to illegal moves before they were masked: {document['illegal_share']:.1%}"
    )
    for name, found in document["elo_above_best_level"].items():
        print(f"{name:<16} {found['elo']:+7.0f} Elo, standard error {found['standard_error']:.0f}")
    print(f"seconds: {document['seconds']}")


if __name__ == "__main__":
    main()
