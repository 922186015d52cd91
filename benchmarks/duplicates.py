"""Near-duplicate removal: the open tools and wellkeeper, in turns, on the same corpora.

    python benchmarks/duplicates.py [--corpora tiny mid full] [--tools rensa ...] [--runs 3] [--all] [--resume]
    python benchmarks/duplicates.py --table benchmarks/results/DATE-duplicates.jsonl
    python benchmarks/duplicates.py --readme

Each tool is installed into an environment of its own, in the versions that `peers/tools.py` pins, and runs as one
process on one processor: JSON lines in, the list of ids that stay out. All are told word 5-grams, 128 hashes and a
similarity of 0.8 (`peers/settings.py`). wellkeeper runs as `wellkeeper curate RECIPE --dry-run`.

What is timed is the whole process and its children, from start to exit: imports and reading included. Every tool
runs once on a small corpus before anything counts, so that compiled code and the page cache are warm; then each
round runs every tool once. Tools that need minutes for megabytes are left out on `full` unless `--all` is given.

Corpora are folders DATA/NAME with corpus.jsonl or corpus.jsonl.zst, truth.jsonl and allpairs.tsv; DATA is --data or
WELLKEEPER_BENCH_DATA. Without it the corpus `own` is made from the example texts. Every run is appended to the
results file as it ends: `--resume` takes up where a run was stopped and keeps what the same tool, in the same
version and setting, gave on the same corpus and machine.
"""

import argparse
import hashlib
import os
import shutil
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from measuring import CommandError, Usage, load, machine, measured
from peers import results
from peers.corpora import OWN, Corpus, MissingCorpusError, corpus_named
from peers.environments import Installed, InstallError, ensure
from peers.ours import Verified, curated, verified
from peers.quality import Quality, quality_of
from peers.settings import KEPT
from peers.tools import BENCHMARKS, BY_NAME, TOOLS, Tool, code_digest

_STANDARD = ("tiny", "mid", "full")
_WARM = "tiny"
_LARGE = "full"


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What a tool decided on a corpus."""

    kept_sha256: str  # of the sorted ids
    quality: Quality
    verified: Verified | None = None  # wellkeeper alone: its ledger against plain Python


class Benchmark:
    """One call: environments, corpora, and the results file that grows with every run."""

    def __init__(self, arguments: argparse.Namespace) -> None:
        self.arguments = arguments
        self.machine = machine()
        self.code = code_digest()
        self.past: list[dict[str, Any]] = results.read(arguments.out) if arguments.resume else []
        self.series = self.past[-1]["series"] if self.past else _now()
        self.installed: dict[str, Installed] = {}
        self.broken: dict[str, str] = {}  # environment -> why it could not be made
        self.outcomes: dict[tuple[str, str], Outcome] = {}

    def run(self, tools: list[Tool], names: list[str]) -> None:
        """Install, warm up, and take the runs that are missing, in turns.

        Raises:
            MissingCorpusError: a corpus is not there.
        """
        work = self.arguments.environments / "corpora"
        data = self.arguments.data
        corpora = [corpus_named(name, data, work) for name in names]
        ready = [tool for tool in tools if self._install(tool)]
        missing = {
            (tool.name, corpus.name): self.arguments.runs - self._done(tool, corpus)
            for corpus in corpora
            for tool in ready
            if not (tool.slow and corpus.name == _LARGE and not self.arguments.all)
        }
        warm = _WARM if data and (data / _WARM).exists() else OWN
        self._warm_up([tool for tool in ready if any(n > 0 for (t, _), n in missing.items() if t == tool.name)],
                      corpus_named(warm, data, work))  # fmt: skip
        for turn in range(self.arguments.runs):
            for corpus in corpora:
                for tool in ready:
                    if missing.get((tool.name, corpus.name), 0) > turn and not self._turn(tool, corpus):
                        missing[tool.name, corpus.name] = 0

    def version(self, tool: Tool) -> str:
        packages = self.installed[tool.environment.name].packages
        return packages[tool.environment.package] + ("" if tool.module else f"+{self.code}")

    def _install(self, tool: Tool) -> bool:
        environment = tool.environment
        if environment.name not in self.installed.keys() | self.broken.keys():
            _say(f"environment {environment.name}: {' '.join(environment.requirements)}")
            try:
                installed = ensure(environment, self.arguments.environments)
            except InstallError as error:
                self.broken[environment.name] = str(error)
            else:
                self.installed[environment.name] = installed
                self._record(environment.name, installed)
        if environment.name in self.broken:
            self._fail(tool, "", self.broken[environment.name])
        return environment.name in self.installed

    def _record(self, name: str, installed: Installed) -> None:
        facts = {
            "environment": name,
            "megabytes": installed.megabytes,
            "packages": dict(installed.packages),
        }
        known = (row for row in self.past if row["kind"] == "environment")
        if not any({key: row[key] for key in facts} == facts for row in known):
            self._append("environment", facts)

    def _done(self, tool: Tool, corpus: Corpus) -> int:
        return len(results.runs_of(self.past, self._key(tool, corpus), self.series))

    def _key(self, tool: Tool, corpus: Corpus) -> results.Key:
        return results.Key.of({**self._names(tool, corpus), "machine": self.machine})

    def _names(self, tool: Tool, corpus: Corpus) -> dict[str, Any]:
        return {
            "tool": tool.name,
            "version": self.version(tool),
            "setting": tool.setting(),
            "corpus": corpus.name,
            "corpus_sha256": corpus.sha256,
        }

    def _warm_up(self, tools: list[Tool], corpus: Corpus) -> None:
        for tool in tools:
            _say(f"warm up: {tool.name} on {corpus.name}")
            try:
                with _folder() as out:
                    self._run_once(tool, corpus, out)
            except CommandError as error:
                _say(
                    f"{tool.name}: {results.last_line(str(error))}"
                )  # told again, and recorded, where it counts

    def _turn(self, tool: Tool, corpus: Corpus) -> bool:
        """One counted run; whether it went well."""
        corpus.path.read_bytes()  # into the page cache
        before = load()
        try:
            with _folder() as out:
                usage = self._run_once(tool, corpus, out)
                outcome = self._outcome(tool, corpus, out)
        except (CommandError, ValueError, OSError) as error:
            self._fail(tool, corpus.name, str(error))
            return False
        if not tool.module and code_digest() != self.code:
            self._fail(
                tool, corpus.name, "The package changed while it was measured. Run again with --resume."
            )
            return False
        _say(
            f"{corpus.name:>5} {tool.name:<18} {corpus.text_mb / usage.cpu_s:8.2f} MB/CPU-s {usage.wall_s:8.2f} s "
            f"{usage.peak_mb:7.0f} MB  recall {_share(outcome.quality.recall)}  "
            f"precision {_share(outcome.quality.precision_80)}"
        )
        self._append(
            "run",
            {
                **self._names(tool, corpus),
                "documents": len(corpus.ids),
                "text_mb": corpus.text_mb,
                "cores": tool.cores,
                "load": before,
                **{name: round(value, 3) for name, value in asdict(usage).items()},
                **asdict(outcome),
            },
        )
        return True

    def _run_once(self, tool: Tool, corpus: Corpus, out: Path) -> Usage:
        place = out / "hf"
        return measured(
            tool.command(self.installed[tool.environment.name].python, corpus.path, out),
            cores=tool.cores,
            environment={"PYTHONPATH": str(BENCHMARKS), "HF_HUB_OFFLINE": "1", "HF_HOME": str(place)}
            if tool.module
            else {},
            limit_s=self.arguments.limit * 60,
        )

    def _outcome(self, tool: Tool, corpus: Corpus, out: Path) -> Outcome:
        """From the ids a peer left; wellkeeper's from the ledger of one more run, made once."""
        if tool.module:
            return _outcome_of(corpus, (out / KEPT).read_text().split())
        known = tool.name, corpus.name
        if known not in self.outcomes:
            python = self.installed[tool.environment.name].python
            with _folder() as place:
                kept, removals = curated(python, corpus.path, place / "set", workers=tool.cores)
            check = verified(corpus, kept, removals) if tool is TOOLS[0] else None
            self.outcomes[known] = _outcome_of(corpus, kept, check)
        return self.outcomes[known]

    def _fail(self, tool: Tool, corpus: str, error: str) -> None:
        _say(f"{tool.name}{f' on {corpus}' if corpus else ''} is left out:\n{error}")
        line = results.last_line(error)  # the others name paths of this machine
        self._append("failure", {"tool": tool.name, "corpus": corpus, "error": line})

    def _append(self, kind: str, facts: dict[str, Any]) -> None:
        row = {"kind": kind, "series": self.series, "date": _now(), "machine": self.machine, **facts}
        results.append(self.arguments.out, row)


def _outcome_of(corpus: Corpus, kept: list[str], check: Verified | None = None) -> Outcome:
    digest = hashlib.sha256("\n".join(sorted(kept)).encode()).hexdigest()
    return Outcome(kept_sha256=digest, quality=quality_of(corpus, kept), verified=check)


@contextmanager
def _folder() -> Iterator[Path]:
    place = Path(tempfile.mkdtemp(prefix="wellkeeper-bench-"))
    try:
        yield place
    finally:
        shutil.rmtree(place, ignore_errors=True)


def _share(value: float | None) -> str:
    return "none" if value is None else f"{value:.4f}"


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="seconds")


def _say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


def _arguments() -> argparse.Namespace:
    data = os.environ.get("WELLKEEPER_BENCH_DATA")
    default_out = BENCHMARKS / "results" / f"{datetime.now(UTC):%Y-%m-%d}-duplicates.jsonl"
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        "--corpora", nargs="+", help="default: those of tiny, mid, full that DATA has, else own"
    )
    parser.add_argument("--tools", nargs="+", choices=sorted(BY_NAME), help="default: all but optional ones")
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--all", action="store_true", help=f"slow tools on {_LARGE} too")
    parser.add_argument("--resume", action="store_true", help="take the runs that the results file lacks")
    parser.add_argument("--data", type=Path, default=Path(data) if data else None)
    parser.add_argument("--environments", type=Path, default=Path.home() / ".cache" / "wellkeeper-bench")
    parser.add_argument("--out", type=Path, default=default_out, help="results file, appended to")
    parser.add_argument("--limit", type=float, default=60, help="minutes a run may take")
    parser.add_argument(
        "--table", type=Path, metavar="FILE", help="print the tables of a results file and stop"
    )
    parser.add_argument(
        "--readme", action="store_true", help="fill in the figures of README.md here and stop"
    )
    return parser.parse_args()


def main() -> None:
    arguments = _arguments()
    if arguments.readme:
        readme = BENCHMARKS / "README.md"
        readme.write_text(results.filled(readme.read_text(), BENCHMARKS))
        return
    if not arguments.table:
        tools = [tool for tool in TOOLS if tool.name in (arguments.tools or [])] or [
            tool for tool in TOOLS if not tool.optional
        ]
        there = [name for name in _STANDARD if arguments.data and (arguments.data / name).exists()]
        try:
            Benchmark(arguments).run(tools, arguments.corpora or there or [OWN])
        except MissingCorpusError as error:
            sys.exit(str(error))
    print(results.tables(results.read(arguments.table or arguments.out)), end="")


if __name__ == "__main__":
    main()
