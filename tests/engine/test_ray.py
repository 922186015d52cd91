"""A Ray cluster of two real nodes gives what threads give, also when one of them is killed in the middle."""

import json
import signal
import subprocess
import sys
import time
from pathlib import Path

import corpora
import numpy as np
import pyarrow as pa
import pytest
from ray_nodes import Nodes

from wellkeeper.core.signals import band_name
from wellkeeper.engine.sidecar import write_block
from wellkeeper.filter.duplicates import banding_for
from wellkeeper.recipe.textpass import FILES_A_WORKER

pytest.importorskip("ray")
pytestmark = [pytest.mark.ray, pytest.mark.slow]

EXAMPLES = Path(__file__).parents[2] / "examples"
RECIPE = f"""
wellkeeper: 1
sources:
  archive: {{path: {EXAMPLES}/corpus/archive, text: body, origin: human}}
  forum: {{path: {EXAMPLES}/corpus/forum, text: content, source: board, origin: {{column: label}}}}
  made: {{path: {EXAMPLES}/corpus/made, text: text, origin: ai-generated}}
steps:
  - quality.v1: {{rules: [gopher-repetition]}}
  - artefacts.v1: {{}}
  - exact-duplicates.v1: {{}}
  - near-duplicates.v1: {{similarity: 0.8}}
"""
FILES = 16
BLOCK_BYTES = 1 << 13
"""So small that the text pass of the example corpus has hundreds of tasks, and a kill lands inside it."""


@pytest.fixture(scope="module")
def nodes():
    cluster = Nodes()
    try:
        cluster.second = cluster.join()
        yield cluster
    finally:
        cluster.stop()


@pytest.fixture
def second(nodes):
    """The second node, started anew if an earlier test killed it."""
    if nodes.second.process.poll() is not None:
        nodes.second = nodes.join()
    return nodes.second


def command(verb, out, *options):
    return [sys.executable, "-m", "wellkeeper", *verb, "--out", str(out), "-q", *options]


def audit_of(out, *options):
    reference = ["--reference", str(EXAMPLES / "reference"), "--exit-zero"]
    return command(["audit", str(EXAMPLES / "corpus"), *reference], out, *options)


def environment(nodes):
    return {**nodes.driver_environment, "WELLKEEPER_BLOCK_BYTES": str(BLOCK_BYTES)}


def on(nodes):
    return ["--executor", "ray", "--address", nodes.address]


def content(out):
    manifest = json.loads((out / "manifest.json").read_text())
    return manifest["tables"], manifest["files"], manifest["counts"]


def figures(out):
    report = json.loads((out / "report.json").read_text())
    return {name: value for name, value in report.items() if name != "run"}


def sidecars(work):
    return list(work.glob("sidecars/*/block-??????.parquet"))


def until(condition, process):
    """Wait for something that must happen while the process runs."""
    assert came(condition, process), f"the process ended with {process.returncode} before"


def is_soon(condition):
    """Whether something comes true within seconds: a node ends the workers of a driver that has gone by itself."""
    limit = time.monotonic() + 20
    while not condition() and time.monotonic() < limit:
        time.sleep(0.05)
    return condition()


def came(condition, process):
    """Whether something happened while the process ran, which is ended if it did not."""
    limit = time.monotonic() + 120
    while not condition():
        if process.poll() is not None or time.monotonic() > limit:
            process.kill()
            process.wait()
            return False
        time.sleep(0.02)
    return True


def started(run, condition, **options):
    """The run's process, in which something happens: where a busy machine was done before that, it is run again."""
    for _ in range(4):
        process = subprocess.Popen(run, **options)
        if came(condition, process):
            return process
        assert process.returncode == 0
        if process.stdout is not None:
            process.stdout.close()
    raise AssertionError("what must happen while the process runs came in none of 4 runs")


@pytest.fixture(scope="module")
def recipe(tmp_path_factory):
    """Of few files, which are cut in the driver and sent out as blocks."""
    path = tmp_path_factory.mktemp("recipe") / "recipe.yaml"
    path.write_text(RECIPE)
    return path


@pytest.fixture(scope="module")
def recipe_of_many(tmp_path_factory):
    """Of so many files that each is cut on the worker that has it."""
    folder = tmp_path_factory.mktemp("many")
    made = corpora.rows(1800, seed=3)
    assert FILES >= FILES_A_WORKER * 2
    for part in range(FILES):
        (folder / f"part-{part:02d}.jsonl").write_bytes(corpora.lines(made[part::FILES]))
    path = folder / "recipe.yaml"
    path.write_text(
        "wellkeeper: 1\nsources: {all: {path: part-*.jsonl, text: text, source: board}}\n"
        "steps: [exact-duplicates.v1: {}, near-duplicates.v1: {}]\n"
    )
    return path


@pytest.fixture(scope="module")
def by_threads(nodes, recipe, recipe_of_many, tmp_path_factory):
    """Folders that threads made: of the audit, and of each recipe by its fixture's name."""
    folder = tmp_path_factory.mktemp("threads")
    subprocess.run(audit_of(folder / "audit"), check=True, env=environment(nodes))
    for name, path in (("recipe", recipe), ("recipe_of_many", recipe_of_many)):
        subprocess.run(command(["curate", str(path)], folder / name), check=True, env=environment(nodes))
    return folder


@pytest.mark.usefixtures("second")
def test_an_audit_on_two_nodes_has_the_figures_of_threads(nodes, by_threads, tmp_path):
    subprocess.run(audit_of(tmp_path, *on(nodes)), check=True, env=environment(nodes), timeout=300)
    assert figures(tmp_path) == figures(by_threads / "audit")


@pytest.mark.usefixtures("second")
def test_a_set_made_on_two_nodes_has_the_digests_of_threads_and_its_manifest_says_ray(
    nodes, recipe, by_threads, tmp_path
):
    subprocess.run(
        command(["curate", str(recipe)], tmp_path, *on(nodes)),
        check=True,
        env=environment(nodes),
        timeout=300,
    )
    assert content(tmp_path) == content(by_threads / "recipe")
    run = json.loads((tmp_path / "manifest.json").read_text())["run"]
    assert (run["executor"], run["workers"]) == ("ray", 2)


@pytest.mark.parametrize("made", ["recipe", "recipe_of_many"])
def test_a_node_killed_in_the_text_pass_costs_time_and_nothing_else(
    nodes, second, made, by_threads, tmp_path, request
):
    recipe = request.getfixturevalue(made)
    whole = len(sidecars(by_threads / made / ".work"))
    assert whole > 100
    out, process = inside_the_pass(nodes, second, recipe, tmp_path, whole)
    second.kill()
    assert process.wait(timeout=300) == 0
    assert content(out) == content(by_threads / made)
    assert not list(out.rglob("*.tmp")), "what the killed node left half-written is cleared"


def inside_the_pass(nodes, second, recipe, tmp_path, whole):
    """A run that has blocks to make still, with workers on the second node; where these start too late, another."""
    for attempt in range(5):
        out = tmp_path / str(attempt)
        process = subprocess.Popen(command(["curate", str(recipe)], out, *on(nodes)), env=environment(nodes))

        def made(out=out):
            return len(sidecars(out / ".work"))

        until(lambda: made() > 0.9 * whole or (made() > whole // 10 and second.workers()), process)
        if made() <= 0.9 * whole:
            return out, process
        assert process.wait(timeout=300) == 0
    raise AssertionError("the workers of the second node start after the pass, five times")


def test_a_run_stopped_by_ctrl_c_leaves_the_cluster_free_and_goes_on_with_threads(
    nodes, second, recipe, by_threads, tmp_path
):
    process = subprocess.Popen(
        command(["curate", str(recipe)], tmp_path, *on(nodes)), env=environment(nodes), stderr=subprocess.PIPE
    )
    until(lambda: len(sidecars(tmp_path / ".work")) > 10, process)
    process.send_signal(signal.SIGINT)
    _, said = process.communicate(timeout=60)
    assert process.returncode == 130
    assert b"stopped. What is done is kept" in said
    assert is_soon(lambda: not nodes.head.workers() and not second.workers())
    subprocess.run(command(["curate", str(recipe)], tmp_path), check=True, env=environment(nodes))
    assert content(tmp_path) == content(by_threads / "recipe")


def test_a_driver_with_another_token_is_told_so_and_no_work_is_done(nodes, tmp_path):
    token = tmp_path / "token"
    token.write_text("0" * 64)
    done = subprocess.run(
        audit_of(tmp_path / "audit", *on(nodes)),
        env={**environment(nodes), "RAY_AUTH_TOKEN_PATH": str(token)},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 2
    assert f"wellkeeper: The Ray cluster at {nodes.address} does not take this connection" in done.stderr
    assert "Check that its token is also this machine's" in done.stderr
    assert done.stdout == ""
    assert not sidecars(tmp_path / "audit" / ".work")


TASKS = """
import sys
from wellkeeper.engine.executor import ready, run_tasks
from wellkeeper.errors import DataError, RecipeError

def halved(number):
    if number % 2:
        raise RecipeError(f"{number} is odd. Give even numbers.")
    return number // 2

with ready("ray", address=sys.argv[1]):
    drawn = []
    even = (drawn.append(n) or n for n in range(0, 2000, 2))
    results = run_tasks(halved, even, kind="ray")
    first = next(results)
    early = len(drawn)
    print(sorted([first, *results]) == list(range(1000)), early <= 5)
    try:
        list(run_tasks(halved, [2, 3, 4], kind="ray"))
    except RecipeError as error:
        print(type(error).__name__, error, "halved" in error.__notes__[0])
"""


@pytest.mark.usefixtures("second")
def test_tasks_are_drawn_as_there_is_room_and_their_errors_are_raised_here(nodes):
    run = [sys.executable, "-c", TASKS, nodes.address]
    done = subprocess.run(
        run, check=True, env=environment(nodes), stdout=subprocess.PIPE, text=True, timeout=300
    )
    assert done.stdout.splitlines() == ["True True", "RecipeError 3 is odd. Give even numbers. True"]


JOIN = """
import hashlib, sys
from pathlib import Path
import numpy as np
from wellkeeper.engine.executor import ready
from wellkeeper.filter.duplicates import banding_for, near_candidates
from wellkeeper.recipe.corpus import LoadedCorpus

folder, kind, *address = sys.argv[1:]
with ready(kind, address=address[0] if address else None):
    corpus = LoadedCorpus((), sorted(Path(folder).iterdir()), kind=kind)
    found, root = near_candidates(corpus, np.ones(len(corpus), np.bool_), banding_for(0.8))
print(len(found), hashlib.sha256(found.tobytes() + root.tobytes()).hexdigest())
"""
DOCUMENTS = 600_000
"""So many that each of the join's tasks takes about a second, and a kill lands inside one."""


@pytest.fixture(scope="module")
def keys(tmp_path_factory):
    """Sidecars of a corpus in which, in each band, about one document in ten shares its key."""
    folder = tmp_path_factory.mktemp("keys")
    rng = np.random.default_rng(20261121)
    for number in range(12):
        rows = DOCUMENTS // 12
        columns = {
            band_name(band): rng.integers(0, 10 * DOCUMENTS, rows).astype(np.uint64)
            * np.uint64(0x9E3779B97F4A7C15)
            for band in range(banding_for(0.8).bands)
        }
        place = folder / f"{number // 4}"
        place.mkdir(exist_ok=True)
        table = pa.table({"shingles": np.full(rows, 300, np.int64), **columns})
        write_block(place, number % 4, table, {"quarantined": 0}, {})
    return folder


def test_a_node_killed_in_the_band_join_changes_nothing_in_the_forest(nodes, second, keys):
    join = [sys.executable, "-c", JOIN, str(keys)]
    expected = subprocess.run(
        [*join, "threads"], check=True, env=environment(nodes), stdout=subprocess.PIPE
    ).stdout
    assert int(expected.split()[0]) > DOCUMENTS // 2
    run = [*join, "ray", nodes.address]
    process = started(run, second.workers, env=environment(nodes), stdout=subprocess.PIPE)
    second.kill()
    assert process.poll() is None, "the kill must land inside the join"
    found, _ = process.communicate(timeout=300)
    assert process.returncode == 0
    assert found == expected
