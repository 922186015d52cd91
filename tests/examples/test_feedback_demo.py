"""The worked example of `wellkeeper feedback`, smaller: one seed, two rounds."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

pytest.importorskip("torch")
pytestmark = [pytest.mark.slow, pytest.mark.nightly, pytest.mark.torch]

HERE = Path(__file__).parents[2] / "examples/feedback"


@pytest.fixture(scope="module")
def curves(tmp_path_factory):
    out = tmp_path_factory.mktemp("demo")
    policies = ("verified", "unverified", "unverified-with-core", "verified-alike", "surprising")
    command = [sys.executable, str(HERE / "demo.py"), "--out", str(out), "--rounds", "2", "--seeds", "4"]
    subprocess.run([*command, "--policies", *policies], check=True)
    return {
        policy: row["accuracy"][0] for policy, row in json.loads((out / "curves.json").read_text()).items()
    }


def test_all_policies_begin_with_the_same_model(curves):
    assert len({accuracies[0] for accuracies in curves.values()}) == 1


def test_verified_rounds_gain_and_unverified_ones_do_not(curves):
    assert curves["verified"][-1] > curves["verified"][0] + 0.1
    for policy in ("unverified", "unverified-with-core"):
        assert curves[policy][-1] < curves[policy][0] + 0.05
        assert curves[policy][-1] < curves["verified"][-1] - 0.1


def test_the_gate_stops_rounds_that_leave_rare_sums_behind(curves):
    assert len(curves["verified-alike"]) < len(curves["verified"])


def test_the_data_are_what_their_script_makes(tmp_path):
    for name in ("make_sums.py",):
        (tmp_path / name).write_bytes((HERE / name).read_bytes())
    subprocess.run([sys.executable, str(tmp_path / "make_sums.py")], check=True)
    for made in tmp_path.glob("*.jsonl"):
        assert made.read_bytes() == (HERE / made.name).read_bytes()
