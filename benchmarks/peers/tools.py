"""Which tools are compared, in which versions, and how each is called."""

import hashlib
import json
from dataclasses import dataclass
from pathlib import Path

from peers.settings import SIMILARITY

REPOSITORY = Path(__file__).parents[2]
BENCHMARKS = REPOSITORY / "benchmarks"

RECIPE = """
wellkeeper: 1
sources:
  corpus: {{path: {path}, text: text, id: id}}
steps:
  - near-duplicates.v1: {{similarity: {similarity}}}
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Environment:
    """A virtual environment that the benchmark makes."""

    name: str
    requirements: tuple[str, ...]  # as pip takes them; what they pull in is recorded when they are installed
    package: str  # the one whose version is the tool's


@dataclass(frozen=True, slots=True, kw_only=True)
class Tool:
    """One line of the table."""

    name: str
    title: str
    environment: Environment
    module: str | None  # run as `python -m MODULE CORPUS OUT CORES [arguments]`; None: wellkeeper itself
    arguments: tuple[str, ...] = ()
    cores: int = 1
    slow: bool = False  # left out on `full` unless asked for: minutes to hours
    optional: bool = False  # left out unless named

    def command(self, python: Path, corpus: Path, out: Path) -> list[str]:
        """The command that is timed. A peer leaves the ids that stay in OUT; wellkeeper prints its summary."""
        if self.module:
            return [str(python), "-m", self.module, str(corpus), str(out), str(self.cores), *self.arguments]
        return [*curate(python, corpus, out / "set", workers=self.cores), "--dry-run"]

    def setting(self) -> str:
        """Changes with how the tool is called: figures of another setting are not figures of this one."""
        parts = [json.dumps([self.arguments, self.cores, SIMILARITY])]
        if self.module:
            scripts = (self.module, "peers.settings")
            parts += [(BENCHMARKS / f"{name.replace('.', '/')}.py").read_text() for name in scripts]
        else:
            parts.append(RECIPE)
        return hashlib.sha256("\0".join(parts).encode()).hexdigest()[:10]


def recipe_of(corpus: Path, similarity: float) -> str:
    """A recipe whose only step is near-duplicates, from this similarity on."""
    return RECIPE.format(path=json.dumps(str(corpus.resolve())), similarity=similarity)


def curate(python: Path, corpus: Path, out: Path, *, workers: int) -> list[str]:
    """`wellkeeper curate` with near-duplicates as the only step; its recipe is written beside OUT."""
    recipe = out.with_suffix(".yaml")
    recipe.write_text(recipe_of(corpus, SIMILARITY))
    command = [str(python), "-m", "wellkeeper", "curate", str(recipe), "--out", str(out)]
    return [*command, "--workers", str(workers), "-q"]


def code_digest() -> str:
    """Changes with any file of the package: two states of the tree between releases are two versions."""
    digest = hashlib.sha256()
    root = REPOSITORY / "src" / "wellkeeper"
    for path in sorted(root.rglob("*")):
        if path.is_file() and "__pycache__" not in path.parts:
            digest.update(f"{path.relative_to(root)}\0".encode() + path.read_bytes())
    return digest.hexdigest()[:10]


_OURS = Environment(name="wellkeeper", requirements=("--editable", str(REPOSITORY)), package="wellkeeper")
_RENSA = Environment(name="rensa", requirements=("rensa==0.5.0",), package="rensa")
_DATASKETCH = Environment(name="datasketch", requirements=("datasketch==2.0.0",), package="datasketch")
_DATATROVE = Environment(
    name="datatrove", requirements=("datatrove[io,processing]==0.10.1", "spacy==3.8.16"), package="datatrove"
)
_TEXT_DEDUP = Environment(name="text-dedup", requirements=("text-dedup==0.4.0",), package="text-dedup")
# aiohttp is missing from its own requirements; its first run installs several GB of packages by itself.
_DATA_JUICER = Environment(
    name="data-juicer", requirements=("py-data-juicer==1.6.1", "aiohttp==3.13.2"), package="py-data-juicer"
)

TOOLS = (
    Tool(name="wellkeeper", title="wellkeeper", environment=_OURS, module=None),
    Tool(name="wellkeeper-2", title="wellkeeper, 2 workers", environment=_OURS, module=None, cores=2),
    Tool(name="rensa", title="rensa", environment=_RENSA, module="peers.run_rensa"),
    Tool(
        name="datasketch",
        title="datasketch",
        environment=_DATASKETCH,
        module="peers.run_datasketch",
        slow=True,
    ),
    Tool(
        name="datatrove-split",
        title="datatrove, `str.split` words",
        environment=_DATATROVE,
        module="peers.run_datatrove",
        arguments=("split",),
    ),
    Tool(
        name="datatrove",
        title="datatrove, its default words",
        environment=_DATATROVE,
        module="peers.run_datatrove",
        arguments=("default",),
        slow=True,
    ),
    Tool(
        name="text-dedup",
        title="text-dedup",
        environment=_TEXT_DEDUP,
        module="peers.run_text_dedup",
        slow=True,
    ),
    Tool(
        name="data-juicer",
        title="Data-Juicer",
        environment=_DATA_JUICER,
        module="peers.run_data_juicer",
        slow=True,
        optional=True,
    ),
)
BY_NAME = {tool.name: tool for tool in TOOLS}
