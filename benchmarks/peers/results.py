"""Results as JSON lines, one a run, and the tables made from them.

A file may hold several series: what one call of the benchmark measured, and what later calls with `--resume` added.
The tables show, for each tool and corpus, the last series that has it, and in that series the last version.
"""

import json
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import Any

from peers.quality import BANDS
from peers.tools import BY_NAME, TOOLS

Row = Mapping[str, Any]
_OURS = TOOLS[0].name
FIGURES = re.compile(r"^<!-- figures: (?P<path>\S+) -->\n.*?^<!-- end -->$", re.MULTILINE | re.DOTALL)
"""A block of a Markdown file that shows the tables of a results file."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Key:
    """Runs with equal keys measure the same thing."""

    tool: str
    version: str
    setting: str
    corpus_sha256: str
    machine: str

    @classmethod
    def of(cls, row: Row) -> "Key":
        machine = json.dumps(row["machine"], sort_keys=True)
        return cls(
            tool=row["tool"],
            version=row["version"],
            setting=row["setting"],
            corpus_sha256=row["corpus_sha256"],
            machine=machine,
        )


def read(path: Path) -> list[dict[str, Any]]:
    """The rows of a results file; none if there is no such file."""
    return [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []


def append(path: Path, row: Row) -> None:
    """Add one row, whole, so that a run that is stopped loses nothing but itself."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("a", encoding="utf-8") as stream:
        stream.write(json.dumps(row, ensure_ascii=False) + "\n")


def last_line(error: str) -> str:
    """The line of an error that names it."""
    return error.splitlines()[-1] if error else "no message"


def runs_of(rows: Iterable[Row], key: Key, series: str) -> list[Row]:
    """The runs of one series that measured what `key` says."""
    return [row for row in rows if row["kind"] == "run" and row["series"] == series and Key.of(row) == key]


def tables(rows: Sequence[Row]) -> str:
    """Everything the rows say, as Markdown."""
    shown = _shown(rows)
    corpora = {runs[0]["corpus"]: runs[0] for runs in shown}
    parts = [
        text
        for corpus, first in sorted(corpora.items(), key=lambda item: item[1]["text_mb"])
        for text in _corpus_tables(first, [runs for runs in shown if runs[0]["corpus"] == corpus])
    ]
    parts += [_conditions(shown)] if shown else []
    parts += [_failures(rows, shown)]
    return "\n\n".join(part for part in parts if part) + "\n"


def filled(text: str, folder: Path) -> str:
    """A Markdown text with its blocks of figures made anew; paths in it are relative to `folder`."""

    def block(found: re.Match[str]) -> str:
        return f"<!-- figures: {found['path']} -->\n{tables(read(folder / found['path']))}<!-- end -->"

    return FIGURES.sub(block, text)


def _shown(rows: Sequence[Row]) -> list[list[Row]]:
    """The runs behind each line, in the order of the tools."""
    last: dict[tuple[str, str], tuple[str, Key]] = {}
    runs = [row for row in rows if row["kind"] == "run"]
    for row in runs:
        last[row["corpus"], row["tool"]] = (row["series"], Key.of(row))
    order = {tool.name: number for number, tool in enumerate(TOOLS)}
    known = sorted(last, key=lambda pair: order.get(pair[1], len(order)))
    return [runs_of_line for pair in known if (runs_of_line := runs_of(runs, last[pair][1], last[pair][0]))]


def _corpus_tables(first: Row, lines: list[list[Row]]) -> Iterator[str]:
    yield (
        f"**{first['corpus']}**: {first['documents']:,} documents, {first['text_mb']:.1f} MB of text, "
        f"{sum(first['quality']['pairs_by_band'].values()):,} originals with one planted copy"
    )
    speed = {runs[0]["tool"]: _speed(runs) for runs in lines}
    ours = speed.get(_OURS)
    yield _markdown(
        ["tool", "version", ">cores", ">MB per CPU-s", ">range", ">ours is", ">wall s", ">peak MB", ">runs"],
        (
            [
                _title(runs[0]),
                runs[0]["version"],
                str(runs[0]["cores"]),
                f"{speed[runs[0]['tool']]:.3g}",
                "-".join(f"{f(map(_rate, runs)):.3g}" for f in (min, max)),
                f"{ours / speed[runs[0]['tool']]:.1f} x" if ours else "",
                f"{median(run['wall_s'] for run in runs):.2f}",
                f"{max(run['peak_mb'] for run in runs):,.0f}",
                str(len(runs)),
            ]
            for runs in lines
        ),
    )
    counts = first["quality"]["pairs_by_band"]
    bands = [name for _, name in BANDS if name in counts]
    yield _markdown(
        ["tool", ">removed", ">recall, J ≥ .8", *(f">J {name} ({counts[name]:,})" for name in bands),
         ">precision, J ≥ .8", ">J ≥ .5", ">original stays"],
        ([_title(runs[0]), *_quality(runs[0]["quality"], bands)] for runs in lines),
    )  # fmt: skip


def _quality(quality: Row, bands: list[str]) -> list[str]:
    def share(value: float | None) -> str:
        return "" if value is None else f"{value:.4f}"

    return [
        f"{quality['removed']:,}",
        share(quality["recall"]),
        *(share(quality["recall_by_band"].get(name)) for name in bands),
        share(quality["precision_80"]),
        share(quality["precision_50"]),
        share(quality["originals_kept"]),
    ]


def _rate(run: Row) -> float:
    return float(run["text_mb"] / run["cpu_s"])


def _speed(runs: list[Row]) -> float:
    return median(map(_rate, runs))


def _title(row: Row) -> str:
    return BY_NAME[row["tool"]].title if row["tool"] in BY_NAME else str(row["tool"])


def _conditions(shown: list[list[Row]]) -> str:
    rows = [row for runs in shown for row in runs]
    machines = {
        "{processor}, {cores} cores, {memory_gb} GB, {system}, Python {python}".format(**row["machine"])
        for row in rows
    }
    dates = sorted({row["date"][:10] for row in rows})
    loads = [row["load"] for row in rows]
    text = (
        f"Taken {' to '.join(dict.fromkeys((dates[0], dates[-1])))} on {'; '.join(sorted(machines))}; "
        f"load before a run {min(loads):.1f} to {max(loads):.1f}."
    )
    for runs in shown:
        if (check := runs[-1].get("verified")) and check["least_similarity"] is not None:
            text += (
                f" On {runs[0]['corpus']} each of the {check['removals']:,} removals of {_title(runs[0])} was compared "
                f"with its survivor once more, in plain Python: least similarity {check['least_similarity']:.4f}, "
                f"largest difference from the ledger {check['largest_difference']:.1g}, "
                f"survivors removed {check['survivors_removed']}."
            )
            if left := check.get("left_planted"):
                listed = ", ".join(f"{value:.3f}" for value in left)
                text += (
                    f" Of the planted pairs at 0.8 or more it left {len(left)}: by that definition {listed}."
                )
    unsteady = [
        f"{_title(runs[0])} on {runs[0]['corpus']}"
        for runs in shown
        if len({run["kept_sha256"] for run in runs}) > 1
    ]
    return text + (f" Not the same result in every run: {', '.join(unsteady)}." if unsteady else "")


def _failures(rows: Sequence[Row], shown: list[list[Row]]) -> str:
    done = {(runs[0]["corpus"], runs[0]["tool"]) for runs in shown}
    series = rows[-1]["series"] if rows else ""
    failed = {
        (row["tool"], row["corpus"]): row["error"]
        for row in rows
        if row["kind"] == "failure" and row["series"] == series and (row["corpus"], row["tool"]) not in done
    }
    return "\n".join(
        f"- {tool}{f' on {corpus}' if corpus else ''} could not be measured: {error}"
        for (tool, corpus), error in failed.items()
    )


def _markdown(columns: Sequence[str], lines: Iterable[Sequence[str]]) -> str:
    """A table; a column whose name starts with > is of numbers."""
    rule = ["--:" if name.startswith(">") else "---" for name in columns]
    rows = [[name.removeprefix(">") for name in columns], rule, *lines]
    return "\n".join(f"| {' | '.join(row)} |" for row in rows)
