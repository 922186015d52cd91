"""A real watch on disk as pages: what the file holds, and a dashboard that follows the store."""

import json
import os
import signal
import subprocess
import sys
import urllib.error
import urllib.request
from datetime import UTC, datetime, timedelta

import numpy as np
import pytest
from click.testing import CliRunner
from lxml import html as lxml_html
from starlette.testclient import TestClient

from wellkeeper.cli.main import cli
from wellkeeper.core.answers import Output
from wellkeeper.errors import InputError
from wellkeeper.recipe.watch_pages import watch_dashboard, write_watch_pages
from wellkeeper.recipe.watching import Models, begin_watch, import_week
from wellkeeper.suites.run import Answered, Run
from wellkeeper.suites.suite import Suite, SuiteItem
from wellkeeper.watch.config import WatchConfig

BEGIN = datetime(2026, 1, 5, tzinfo=UTC)
ITEMS = 60
SUITE = Suite(
    name="sums",
    scorer={"kind": "exact"},
    items=tuple(
        SuiteItem(
            name=f"sum-{k}",
            prompt=f"{k} + 1?",
            references=(str(k + 1),),
            slices={"size": "small" if k < 30 else "large"},
        )
        for k in range(ITEMS)
    ),
)


def run_of(name, rate, seed):
    """A run that is right at `rate` of the items."""
    right = np.random.default_rng(seed).random(ITEMS) < rate
    return Run(
        name=name,
        model=name,
        suite="sums",
        suite_digest=SUITE.digest,
        metric="exact",
        items=tuple(
            Answered(
                name=item.name,
                prompt=item.prompt,
                outputs=(
                    Output(text=item.references[0] if good else f"<b>{seed}</b>", finish="stop", tokens=1),
                ),
                scores=(float(good),),
                references=item.references,
                slices=item.slices,
            )
            for item, good in zip(SUITE.items, right, strict=True)
        ),
    )


def grow(folder, week, rate):
    import_week(
        folder,
        run_of("new" if rate < 0.8 else "old", rate, 2 * week),
        reference=run_of("reference", 0.8, 2 * week + 1),
        now=BEGIN + timedelta(days=7 * week),
    )


@pytest.fixture(scope="module")
def watch(tmp_path_factory):
    """A watch of ten weeks, worse from the sixth on."""
    folder = tmp_path_factory.mktemp("pages") / "watch"
    config = WatchConfig(
        name="sums",
        design="paired",
        suite="sums.yaml",
        reference={"endpoint": "http://127.0.0.1:1/v1", "model": "old"},
        fingerprint=False,
    )
    begin_watch(folder, config, now=BEGIN, suite=SUITE, models=Models(watched=None))
    for week in range(1, 11):
        grow(folder, week, 0.8 if week < 6 else 0.3)
    return folder


def test_the_file_holds_the_verdict_and_the_answers_of_the_weeks_that_tell_most(watch, tmp_path):
    paths = write_watch_pages(watch, tmp_path / "out")
    document = json.loads(paths["json"].read_text())
    assert document["schema"] == "wellkeeper.watch/1"
    assert document["verdict"] == "worse"
    page = paths["report"].read_text()
    tree = lxml_html.fromstring(page)
    assert tree.find(".//h1").text_content() == document["headline"].replace(" -> ", " \u2192 ")
    weeks = [
        node.text_content()
        for node in tree.xpath("//section[@id='answers']//h3")
        if "Week" in node.text_content()
    ]
    change = document["series"][0]["change"]["week"]
    assert {f"Week {week}" for week in (10, change)} <= {words.partition(":")[0] for words in weeks}
    assert "&lt;b&gt;" in page
    assert "<b>2" not in page
    assert paths == write_watch_pages(watch, tmp_path / "out")
    assert paths["report"].read_text() == page


def test_a_dashboard_follows_the_store(watch):
    client = TestClient(watch_dashboard(watch, token="t"), base_url="http://127.0.0.1")
    client.headers["Authorization"] = "Bearer t"
    first = client.get("/timeline.json")
    assert client.get("/timeline.json").headers["etag"] == first.headers["etag"]
    assert client.get("/weeks/11").status_code == 404
    assert client.get("/weeks/10").status_code == 200
    grow(watch, 11, 0.3)
    assert client.get("/timeline.json").headers["etag"] != first.headers["etag"]
    assert client.get("/weeks/11").status_code == 200


def test_a_folder_without_a_watch_is_said_before_anything_is_served(tmp_path):
    with pytest.raises(InputError, match="Begin a watch there"):
        watch_dashboard(tmp_path, token="t")
    result = CliRunner().invoke(cli, ["watch", "serve", str(tmp_path)])
    assert result.exit_code == 2
    assert result.stdout == ""
    assert "Begin a watch there" in result.stderr


def test_report_writes_pages_where_it_is_told_to(watch, tmp_path):
    result = CliRunner().invoke(cli, ["watch", "report", str(watch), "--out", str(tmp_path / "o"), "--json"])
    assert result.exit_code == 1
    assert json.loads(result.stdout)["verdict"] == "worse"
    assert result.stderr.splitlines() == [
        f"report: {tmp_path / 'o' / 'report.html'}",
        f"json: {tmp_path / 'o' / 'report.json'}",
    ]
    quiet = CliRunner().invoke(
        cli, ["watch", "report", str(watch), "--out", str(tmp_path / "q"), "-q", "--exit-zero"]
    )
    assert (quiet.exit_code, quiet.output) == (0, "")
    assert (tmp_path / "q" / "report.html").exists()


@pytest.mark.parametrize("as_json", [True, False])
def test_serve_prints_its_address_answers_and_ends_with_0_on_ctrl_c(watch, as_json):
    command = [sys.executable, "-W", "error", "-m", "wellkeeper", "watch", "serve", str(watch)]
    command += ["--json"] if as_json else []
    with subprocess.Popen(
        command,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, "COLUMNS": "80"},
    ) as server:
        try:
            if as_json:
                written = ""
                while "}" not in written:
                    written += server.stdout.readline()
                document = json.loads(written)
                assert document["schema"] == "wellkeeper.watch-serve/1"
                address = document["address"]
            else:
                address = server.stdout.readline().strip()
            with pytest.raises(urllib.error.HTTPError) as refused:
                urllib.request.urlopen(address.partition("?")[0], timeout=30)
            assert refused.value.code == 401
            refused.value.close()
            token = address.partition("token=")[2]
            request = urllib.request.Request(
                address.partition("?")[0] + "timeline.json", headers={"Authorization": f"Bearer {token}"}
            )
            with urllib.request.urlopen(request, timeout=30) as answer:
                assert json.load(answer)["schema"] == "wellkeeper.watch/1"
            server.send_signal(signal.SIGINT)
            out, err = server.communicate(timeout=30)
        finally:
            server.kill()
    assert server.returncode == 0
    assert out == ""
    assert err == ("" if as_json else "Open this address in a browser on this computer. Ctrl-C ends.\n")


def test_a_port_that_cannot_be_had_is_said(watch):
    from wellkeeper.watch import web

    with web.listen(0) as taken:
        port = str(taken.getsockname()[1])
        result = CliRunner().invoke(cli, ["watch", "serve", str(watch), "--port", port])
    assert result.exit_code == 2
    assert result.stderr.endswith("Give another, or 0 for any that is free: --port 0\n")
