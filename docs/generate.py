"""Fill in what README and docs show: outputs of commands, tables of the code, and the reference pages.

    python docs/generate.py            # rewrite what is stale
    python docs/generate.py --check    # exit 1 and show the differences

A Markdown file may hold blocks, each between a comment that says what to put there and `<!-- end -->`:

    <!-- run: wellkeeper steps -->           a terminal session: the command and its output
    <!-- run first 9 last 2: ... -->         the same, less the lines between
    <!-- run exits 2: wellkeeper why x y --> the same for a command that ends with another code than 0 or 1
    <!-- python: CODE -->                    a Python session; CODE may have several lines
    <!-- table: evidence-kinds -->           a table of the code, by its name in `TABLES`

Commands run in a temporary folder with copies of `examples` and `recipes`, one after the other as they appear,
README first; each text runs once. Nothing that a run shows may depend on place or time.
"""

import argparse
import difflib
import json
import os
import pty
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import suppress
from functools import cache
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
DOCS = ROOT / "docs"
PICTURE = DOCS / "images" / "tails.svg"
COPIED = (
    *("examples/corpus", "examples/reference", "examples/runs", "examples/suites", "examples/vet"),
    *("examples/review", "examples/watermarks"),
    *("recipes", "docs/make_picture.py"),
)
WIDTH = 100  # columns of the terminal that the sessions show

_BLOCK = re.compile(
    r"^<!-- (?P<kind>run|python|table)(?: exits (?P<code>\d+))?(?: first (?P<first>\d+))?(?: last (?P<last>\d+))?:"
    r"\s(?P<what>.*?)\s*-->\n.*?^<!-- end -->$",
    re.MULTILINE | re.DOTALL,
)
_GENERATED = "<!-- made by docs/generate.py; edit the code it describes, then run `make docs` -->"

# Reads one statement a line, as a person types it, and echoes what a person would see.
_SESSION = """
import code, sys
interpreter = code.InteractiveInterpreter({"__name__": "__console__"})
pending = []
for line in sys.stdin.read().splitlines() + [""]:
    if line or pending:
        if line:
            print("..." if pending else ">>>", line)
        pending.append(line)
        if not interpreter.runsource("\\n".join(pending), "<session>", "single"):
            pending = []
"""


class StaleError(Exception):
    """A command did not do what its block says."""


class Bench:
    """The folder where commands run, and what they printed."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._seen: dict[tuple[str, int | None], str] = {}
        for name in COPIED:
            if (ROOT / name).is_dir():
                shutil.copytree(ROOT / name, folder / name)
            else:
                (folder / name).parent.mkdir(parents=True, exist_ok=True)
                shutil.copy(ROOT / name, folder / name)

    def run(self, command: str, code: int | None = None) -> str:
        """What the command prints on both streams, trailing white space cut."""
        return self._once(["bash", "-o", "pipefail", "-c", command], command, code)

    def python(self, source: str) -> str:
        """What a Python session shows, prompts included."""
        return self._once([sys.executable, "-c", _SESSION], source, None, given=source)

    def _once(self, argv: Sequence[str], key: str, code: int | None, given: str | None = None) -> str:
        if (key, code) not in self._seen:
            returned, output = _on_a_terminal(argv, self.folder, given)
            crashed = "Traceback (most recent call last)" in output  # exits with 1, as findings do
            if crashed or returned not in ((0, 1) if code is None else (code,)):
                raise StaleError(f"exit code {returned} of: {key}\n{output}")
            self._seen[key, code] = self._clean(output)
        return self._seen[key, code]

    def _clean(self, output: str) -> str:
        for place in (self.folder.resolve(), self.folder):
            output = output.replace(f"{place}/", "").replace(str(place), ".")
        lines = [line.rstrip() for line in output.rstrip().splitlines()]
        return "\n".join(lines).lstrip("\n")


def _on_a_terminal(argv: Sequence[str], folder: Path, given: str | None) -> tuple[int, str]:
    """Exit code and output of a command whose stdout is a terminal, as a person has it; stderr follows.

    Progress bars go to stderr where that is a terminal: here it is a file, so that none is shown.
    """
    terminal, line = pty.openpty()
    with tempfile.TemporaryFile() as errors, tempfile.TemporaryFile() as typed:
        typed.write((given or "").encode())
        typed.seek(0)
        process = subprocess.Popen(
            argv, cwd=folder, env=_environment(), stdin=typed, stdout=line, stderr=errors
        )
        os.close(line)
        output = bytearray()
        with suppress(OSError):  # Linux ends a terminal's output with an error
            while piece := os.read(terminal, 1 << 16):
                output += piece
        os.close(terminal)
        code = process.wait()
        errors.seek(0)
        output += errors.read()
    return code, output.decode().replace("\r\n", "\n")


def _environment() -> dict[str, str]:
    """A plain terminal of fixed width, this environment's `wellkeeper`, none of the user's settings."""
    inherited = {name: value for name, value in os.environ.items() if not name.startswith("WELLKEEPER")}
    return {
        **inherited,
        "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
        "TERM": "dumb",
        "COLUMNS": str(WIDTH),
        "LINES": "50",
        "NO_COLOR": "1",
        "PYTHONHASHSEED": "0",
        "PYTHONIOENCODING": "utf-8",
        "LC_ALL": "C.UTF-8",
        "HF_DATASETS_DISABLE_PROGRESS_BARS": "1",
        "HF_DATASETS_OFFLINE": "1",
    }


# --- blocks ------------------------------------------------------------------------------------------------


def filled(text: str, bench: Bench) -> str:
    """The text with every block made anew."""

    def fill(match: re.Match[str]) -> str:
        head = match[0].split("-->", 1)[0] + "-->"
        code = int(match["code"]) if match["code"] else None
        body = _body(match["kind"], match["what"], code, bench, _cut(match["first"], match["last"]))
        return f"{head}\n{body}\n<!-- end -->"

    return _BLOCK.sub(fill, text)


def _cut(first: str | None, last: str | None) -> Callable[[str], str]:
    """Keeps the first and last lines of an output, and marks where others were left out."""

    def cut(output: str) -> str:
        lines = output.split("\n")
        if first is None or len(lines) <= int(first) + int(last or 0):
            return output
        tail = lines[-int(last) :] if last else []
        return "\n".join([*lines[: int(first)], "...", *tail])

    return cut


def _body(kind: str, what: str, code: int | None, bench: Bench, cut: Callable[[str], str]) -> str:
    match kind:
        case "run":
            return f"\n```console\n$ {what}\n{cut(bench.run(what, code))}\n```\n"
        case "python":
            return f"\n```pycon\n{bench.python(what)}\n```\n"
        case _ if what in TABLES:
            return f"\n{TABLES[what]()}\n"
        case _:
            raise StaleError(f"there is no table {what!r}; there are {', '.join(TABLES)}")


def table(head: Sequence[str], rows: Iterable[Sequence[object]]) -> str:
    """A Markdown table."""
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join(
        "| " + " | ".join(str(cell).replace("|", r"\|") for cell in line) + " |" for line in lines
    )


def code(text: object) -> str:
    return f"`{text}`"


def evidence_kinds() -> str:
    from wellkeeper.core.evidence import KINDS, EvidenceKind, Strength

    def weight(kind: EvidenceKind) -> str:
        by_document = kind.strength in {Strength.STATISTICAL, Strength.KEYED}
        return "by document" if by_document else f"{kind.weight:+g}"

    rows = (
        (code(kind.name), kind.bit, kind.strength.label, kind.group, weight(kind), kind.title)
        for kind in sorted(KINDS, key=lambda kind: kind.bit)
    )
    return table(("kind", "bit", "strength", "group", "weight", "what it is"), rows)


def evidence_patterns() -> str:
    from wellkeeper.origin.catalogue import PATTERNS

    kinds = dict.fromkeys(pattern.kind for pattern in PATTERNS)
    rows = []
    for kind in kinds:
        mine = [pattern for pattern in PATTERNS if pattern.kind == kind]
        rows.append((code(kind), len(mine), "; ".join(pattern.name for pattern in mine)))
    return table(("kind", "patterns", "their names"), rows)


def quality_rules() -> str:
    from wellkeeper.filter.quality import SETS

    rows = (
        (
            code(name),
            code(rule.name),
            rule.title,
            code(f"{rule.column} {rule.comparison} {rule.threshold:g}"),
            rule.source,
        )
        for name, rules in SETS.items()
        for rule in rules
    )
    return table(("set", "rule", "a document fails with", "test", "source"), rows)


def bandings() -> str:
    from wellkeeper.filter.duplicates import banding_for

    asked = (0.5, 0.6, 0.7, 0.8, 0.9, 0.95)
    rows = []
    for similarity in asked:
        banding = banding_for(similarity)
        found = (
            banding.candidate_probability(other) for other in (similarity - 0.2, similarity - 0.1, similarity)
        )
        rows.append((similarity, banding.bands, banding.rows, *(f"{p:.4f}" for p in found)))
    return table(
        ("similarity s", "bands", "slots in each", "candidates at s - 0.2", "at s - 0.1", "at s"), rows
    )


def formats() -> str:
    from wellkeeper.engine.files import FORMATS

    names = {
        "jsonl": "JSON lines; `.json` also as one array of objects",
        "parquet": "Parquet",
        "arrow": "Arrow IPC, as a file or a stream (Feather; what `datasets` saves)",
        "csv": "CSV, also with `;`, tab or `\\|` between fields",
        "tsv": "TSV",
        "text": "plain text: each file is one document",
        "warc": "WARC, with the main text of each page; WET (extra `warc`)",
    }
    compressed = {"parquet": "inside the file", "arrow": "inside the file"}
    rows = (
        (
            ", ".join(code(suffix) for suffix, other in FORMATS.items() if other == format_),
            names[format_],
            compressed.get(format_, "`.gz`, `.zst`"),
        )
        for format_ in dict.fromkeys(FORMATS.values())
    )
    return table(("file names", "format", "compressed as"), rows)


def priors() -> str:
    from wellkeeper.origin.evidence import PRIORS

    return table(("prior", "in words"), ((code(name), str(prior)) for name, prior in PRIORS.items()))


def flag_references() -> str:
    from wellkeeper.origin.flags import references_needed

    sizes = (1, 2, 5, 10)
    rows = (
        (f"{level:.1%}", *(references_needed(level, documents=size) for size in sizes))
        for level in (0.001, 0.01, 0.05, 0.1)
    )
    head = ("level", "a document", *(f"a source of {size}" for size in sizes[1:]))
    return table(head, rows)


def flag_bands() -> str:
    from wellkeeper.measure.conformal import realised_rate_band

    levels = (0.01, 0.05, 0.1)
    rows = (
        (count, *("{:.1%} to {:.1%}".format(*realised_rate_band(count, level)) for level in levels))
        for count in (99, 199, 499, 999)
    )
    return table(("human references", *(f"level {level:.0%}" for level in levels)), rows)


def anchor_widths() -> str:
    """How many references of each kind an interval takes, from the function that audits ask."""
    from wellkeeper.measure.quantify import references_needed

    rows = (
        (f"{width:.2f}", references_needed(0, 0, width=width)) for width in (0.18, 0.15, 0.13, 0.12, 0.11)
    )
    return table(("mean width of the interval", "references of each kind"), rows)


def coverage() -> str:
    """How often tail intervals covered, from the docstring that owns the figures."""
    from wellkeeper.measure import jackknife

    said = (jackknife.__doc__ or "").split("\nMeasured on ", 1)[1].split("\n[1] ")[0]
    return f"```text\nMeasured on {said.rstrip()}\n```"


def ai_bots() -> str:
    from wellkeeper.core.optouts import BOTS

    return table(
        ("user agent", "collects for", "operator"), [(code(bot.name), bot.use, bot.operator) for bot in BOTS]
    )


def licence_families() -> str:
    from wellkeeper.core.rights import FAMILIES

    rows = [(code(name), ", ".join(map(code, patterns))) for name, patterns in FAMILIES.items()]
    return table(("family", "licences"), rows)


def signal_bits() -> str:
    from wellkeeper.core.optouts import KINDS

    return table(
        ("kind", "denies", "allows"),
        [(code(kind), 1 << k, 1 << (len(KINDS) + k)) for k, kind in enumerate(KINDS)],
    )


def recipe_keys(definition: str | None) -> str:
    """Keys of one part of a recipe, by its definition in the JSON schema; None: the top level."""
    from wellkeeper.recipe.schema import json_schema

    schema = json_schema()
    part = schema if definition is None else schema["$defs"][definition]
    needed = part.get("required", ())
    rows = [
        (
            code(key),
            said.get("description", "see below"),
            "required" if key in needed else _default(said.get("default")),
        )
        for key, said in part["properties"].items()
    ]
    return table(("key", "meaning", "default"), rows)


def _default(value: object) -> str:
    return "none" if value is None else code(json.dumps(value).strip('"'))


TABLES: dict[str, Callable[[], str]] = {
    "ai-bots": ai_bots,
    "licence-families": licence_families,
    "signal-bits": signal_bits,
    "coverage": coverage,
    "recipe": lambda: recipe_keys(None),
    "recipe-source": lambda: recipe_keys("_SourcePart"),
    "evidence-kinds": evidence_kinds,
    "evidence-patterns": evidence_patterns,
    "quality-rules": quality_rules,
    "bandings": bandings,
    "formats": formats,
    "priors": priors,
    "flag-references": flag_references,
    "flag-bands": flag_bands,
    "anchor-widths": anchor_widths,
}


# --- reference pages ---------------------------------------------------------------------------------------


def cli_page(bench: Bench) -> str:
    top = bench.run("wellkeeper --help")
    verbs = re.findall(r"^  (\w+) ", top.split("Commands:")[1].split("\n\n")[0], re.MULTILINE)
    parts = [
        "# Command line",
        _GENERATED,
        (
            "What every command says of itself. Exit codes, environment variables and streams: "
            "[architecture](../architecture.md#contracts)."
        ),
        f"## wellkeeper\n\n```console\n$ wellkeeper --help\n{top}\n```",
    ]
    for verb in sorted(verbs):
        shown = bench.run(f"wellkeeper {verb} --help")
        parts.append(f"## wellkeeper {verb}\n\n```console\n$ wellkeeper {verb} --help\n{shown}\n```")
        for one in re.findall(r"^  ([\w-]+) ", shown.partition("Commands:")[2], re.MULTILINE):
            below = bench.run(f"wellkeeper {verb} {one} --help")
            parts.append(f"```console\n$ wellkeeper {verb} {one} --help\n{below}\n```")
    return "\n\n".join(parts) + "\n"


_GUIDES = {
    "quality.v1": "quality.md",
    "artefacts.v1": "evidence.md",
    "origin.v1": "evidence.md",
    "weight-by-origin.v1": "evidence.md",
    "exact-duplicates.v1": "duplicates.md",
    "near-duplicates.v1": "duplicates.md",
    "repeated-passages.v1": "passages.md",
    "decontaminate.v1": "decontamination.md",
    "semantic-duplicates.v1": "duplicates.md",
    "weight-by-template.v1": "templates.md",
    "rights.v1": "rights.md",
    "verified.v1": "vet.md",
}


def steps_page(bench: Bench) -> str:
    from wellkeeper.recipe.steps import registered_steps

    listed = json.loads(bench.run("wellkeeper steps --json"))["steps"]
    parts = [
        "# Steps",
        _GENERATED,
        (
            "The steps that a [recipe](../curate.md#steps) can name, with their options and defaults, as "
            "`wellkeeper steps --json` lists them. [Write your own](../extending.md)."
        ),
    ]
    for name, options in listed.items():
        if name not in _GUIDES:
            continue  # of another package that happens to be installed here
        rows = [(code(option), code(json.dumps(default))) for option, default in options.items()]
        said = (type(registered_steps()[name]).__doc__ or "").splitlines()[0]
        parts.append(
            f"## {name}\n\n{said} Explained in [{_GUIDES[name]}](../{_GUIDES[name]}).\n\n"
            + table(("option", "default"), rows)
        )
    return "\n\n".join(parts) + "\n"


def signals_page(_: Bench) -> str:
    from wellkeeper.core import signals

    groups = {
        "Counts": signals.COUNTS,
        "Quality and repetition": signals.QUALITY,
        "Declared": signals.DECLARED,
        "Evidence": signals.EVIDENCE,
        "Identity": signals.IDENTITY,
        "Derived when the corpus is loaded": signals.DERIVED,
    }
    definitions = " ".join((signals.__doc__ or "").split("\n\n", 1)[1].split()).replace(r"\n", "a line feed")
    parts = [
        "# Signals",
        _GENERATED,
        "The numeric columns that a step may read of every document. Types are numpy's.",
        definitions.replace("`a line feed`", "a line feed"),
    ]
    for title, group in groups.items():
        rows = ((code(signal.name), code(signal.type), signal.meaning) for signal in group)
        parts.append(f"## {title}\n\n" + table(("signal", "type", "meaning"), rows))
    bands = (
        "`band_00`, `band_01`, ... hold the keys of the sketch's bands (numpy type `u8`): see "
        "[duplicates](../duplicates.md)."
    )
    return "\n\n".join([*parts, bands]) + "\n"


PAGES: dict[str, Callable[[Bench], str]] = {
    "reference/cli.md": cli_page,
    "reference/steps.md": steps_page,
    "reference/signals.md": signals_page,
}


# --- all of it ---------------------------------------------------------------------------------------------


def hand_written() -> list[Path]:
    """README first, so that what it makes can be asked about later, then the tutorial, then the rest."""
    first = [ROOT / "README.md", DOCS / "tutorial.md"]
    others = sorted(path for path in DOCS.rglob("*.md") if path.relative_to(DOCS).as_posix() not in PAGES)
    return [*first, *(path for path in others if path not in first)]


def made(bench: Bench) -> Iterator[tuple[Path, str]]:
    """Every file with the text it should have."""
    for path in hand_written():
        yield path, filled(path.read_text(encoding="utf-8"), bench)
    for name, page in PAGES.items():
        yield DOCS / name, page(bench)
    yield PICTURE, picture()
    yield from run_pictures(bench)


def run_pictures(bench: Bench) -> Iterator[tuple[Path, str]]:
    """What the gallery shows of its runs: `images/gallery/RUN.FIGURE.svg` is a figure of the run in `gallery/RUN`."""
    shown = re.findall(
        r"images/gallery/([\w-]+)\.(\w+)\.svg", (DOCS / "gallery.md").read_text(encoding="utf-8")
    )
    for run, figure in dict.fromkeys(shown):
        drawn = bench.folder / "gallery" / run / "pictures" / f"{figure}.svg"
        yield DOCS / "images" / "gallery" / f"{run}.{figure}.svg", drawn.read_text(encoding="utf-8")


@cache
def picture() -> str:
    script = DOCS / "make_picture.py"
    return subprocess.run([sys.executable, script], check=True, capture_output=True, text=True).stdout


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--check", action="store_true", help="change nothing; exit 1 if anything is stale")
    check = parser.parse_args().check
    stale = 0
    with tempfile.TemporaryDirectory(prefix="wellkeeper-docs-") as folder:
        bench = Bench(Path(folder))
        try:
            for path, wanted in made(bench):
                name = path.relative_to(ROOT).as_posix()
                found = path.read_text(encoding="utf-8") if path.exists() else ""
                if found == wanted:
                    continue
                stale += 1
                if check:
                    sys.stdout.writelines(
                        difflib.unified_diff(
                            found.splitlines(keepends=True),
                            wanted.splitlines(keepends=True),
                            f"{name} (as it is)",
                            f"{name} (as commands print)",
                        )
                    )
                else:
                    path.parent.mkdir(parents=True, exist_ok=True)
                    path.write_text(wanted, encoding="utf-8")
                    print(f"rewrote {name}")
        except StaleError as error:
            print(f"{error}\nRepair the command or the block that runs it.", file=sys.stderr)
            return 1
    if check and stale:
        print(f"\n{stale} file(s) show something else than the commands print. Run: make docs")
    return 1 if check and stale else 0


if __name__ == "__main__":
    sys.exit(main())
