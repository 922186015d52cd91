"""`wellkeeper watch`: streams and exit codes, kills, and the verbs as cron calls them."""

import json
import signal
import subprocess
import sys
import time

import pytest
from verb_process import SECRET, VerbProcess, settings

VERB = VerbProcess("watch")
command, run = VERB.command, VERB.run
SUITE = """\
name: sums
scorer: {kind: exact}
temperature: 1.0
items:
"""
ITEMS = 20
WEEK_1 = """\
w: No alarm in 1 week against small.
stored design, 20 items, 1 week run; of years without a change at most 5% raise an alarm within 52 weeks
no alarm  Accuracy: 100.0% (83.9%-100.0%) against 100.0% in week 1; evidence 10^-0.03 of 10^1.60
no alarm  Empty, cut, refused or failed answers: 0.0% (0.0%-16.1%) against 0.0% in week 1; evidence 10^-0.03 of 10^1.60
Next: Go on: run it again next week.
"""


@pytest.fixture
def folder(tmp_path):
    items = "".join(f'  - {{name: n{at}, prompt: "{at}?", reference: "4"}}\n' for at in range(ITEMS))
    (tmp_path / "suite.yaml").write_text(SUITE + items)
    return tmp_path


def answering(content):
    return {"content": content, "usage": {"prompt_tokens": 9, "completion_tokens": 1}}


def init(folder, server, *more):
    place = ("--endpoint", server.url, "--model", "small", "--key-env", "MODEL_KEY")
    return run(folder, "init", "w", "suite.yaml", *place, "--no-fingerprint", "--now", "2026-01-05", *more)


@pytest.fixture
def begun(folder, server):
    server.always(**answering("4"))
    done = init(folder, server)
    assert (done.returncode, done.stderr) == (0, "")
    return folder


def test_the_settings_are_a_file_for_people_without_the_key(begun, server):
    text = (begun / "w/watch.yaml").read_text()
    assert text == (
        'wellkeeper: 1\nname: "w"\ndesign: "stored"\nsuite: "../suite.yaml"\nmodel:\n'
        f'  endpoint: "{server.url}"\n  model: "small"\n  key_env: "MODEL_KEY"\n'
        'reference_name: "small"\nfingerprint: false\n'
    )
    assert all(SECRET.encode() not in file.read_bytes() for file in (begun / "w").iterdir())
    assert len(server.requests()) == 4 * ITEMS


def test_a_year_as_cron_calls_it(begun, server):
    quiet = run(begun, "run", "w", "--now", "2026-01-06")
    assert (quiet.returncode, quiet.stderr) == (0, "")
    assert quiet.stdout == WEEK_1
    none_due = run(begun, "run", "w", "--now", "2026-01-07")
    assert "No week is due: the last one was on 2026-01-06" in none_due.stdout
    server.always(**answering("5"))
    worse = run(begun, "run", "w", "--now", "2026-01-13", "--json", "--version", "v2")
    assert (worse.returncode, worse.stderr) == (1, "")
    document = json.loads(worse.stdout)
    assert (document["schema"], document["verdict"]) == ("wellkeeper.watch/1", "worse")
    assert document["run"]["week"]["version"] == "v2"
    assert document["series"][0]["change"]["date"] == "2026-01-13"
    again = run(begun, "report", "w", "--exit-zero")
    assert again.returncode == 0
    assert "worse  Accuracy: 0.0%" in again.stdout
    losses = run(begun, "report", "w", "--week", "2", "--most", "1", "--exit-zero").stdout.splitlines()
    assert losses[:2] == ["Week 2: 20 items, largest losses first", "n0  -1.00  0?"]
    assert losses[-1] == "  after 0.00: 5"
    assert run(begun, "renew", "w", "--reason", "rolled back", "--now", "2026-01-14", "-q").returncode == 0
    assert run(begun, "report", "w", "-q").returncode == 0


def test_a_run_that_is_killed_goes_on_and_asks_for_no_answer_twice(begun, server):
    server.exactly(*[answering("4")] * 8, {"wait": 60})  # so many answers come quickly, then the server hangs
    process = subprocess.Popen(
        command("run", "w", "--now", "2026-01-06"), stdout=subprocess.DEVNULL, **settings(begun)
    )
    until = time.monotonic() + 60
    while len(server.requests()) < 8 + 4 and time.monotonic() < until:
        time.sleep(0.02)
    process.send_signal(signal.SIGKILL)
    process.wait()
    before = server.requests()
    assert 8 <= len(before) < ITEMS
    server.always(**answering("4"))  # which forgets the requests so far
    done = run(begun, "run", "w", "--now", "2026-01-06", "--json")
    assert done.returncode == 0
    assert json.loads(done.stdout)["weeks"][0]["is_complete"]
    asked = [json.dumps(request["asked"], sort_keys=True) for request in [*before, *server.requests()]]
    assert len(set(asked)) == ITEMS
    assert len(asked) <= ITEMS + 4  # those under way, at most four at a time


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (("run", "nowhere"), "holds no watch.yaml. Begin a watch there: wellkeeper watch init nowhere SUITE ...\n"),
        (("report", "nowhere"), "holds no watch.yaml. Begin a watch there: wellkeeper watch init nowhere SUITE ...\n"),
        (("init", "w", "suite.yaml", "--gguf", "x", "--stored", "1"), "or ask new items every week (--design fresh).\n"),
        (("init", "w", "suite.yaml"), "Give one: --endpoint URL --model NAME, --gguf FILE or --folder DIR.\n"),
        (("init", "w", "suite.yaml", "--gguf", "x", "--judge-gguf", "y"), "nothing else tells a judge that changed from a system that did.\n"),
        (("init", "w", "suite.yaml", "--gguf", "x", "--design", "paired"), "Give it by --reference-endpoint and --reference-model, or the like.\n"),
    ],
)  # fmt: skip
def test_what_cannot_run_exits_2_with_the_next_step(folder, arguments, says):
    done = run(folder, *arguments)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.endswith(says)


def test_a_watch_is_not_begun_twice(begun, server):
    done = init(begun, server)
    assert done.returncode == 2
    assert done.stderr == "wellkeeper: w holds a watch already. Go on with: wellkeeper watch run w\n"


def test_an_imported_run_is_a_week(begun, server):
    server.always(**answering("4"))
    place = ("--endpoint", server.url, "--model", "small")
    asked = [sys.executable, "-m", "wellkeeper", "ask", "suite.yaml", *place, "--out", "r", "-q"]
    assert subprocess.run(asked, check=False, **settings(begun)).returncode == 0
    done = run(begun, "import", "w", "r", "--now", "2026-01-12", "--json")
    assert (done.returncode, done.stderr) == (0, "")
    assert json.loads(done.stdout)["weeks"][0]["reason"] == "import"
    assert run(begun, "import", "w", "r").stderr.endswith(
        "is week 1 of this watch already. Give another run.\n"
    )
