"""What a cluster is asked and told before any work: messages that name the remedy, and nothing that waits."""

import builtins
import socket
import sys

import pytest

from wellkeeper.engine import cluster
from wellkeeper.engine.executor import ready, run_tasks, worker_count
from wellkeeper.errors import MissingExtraError, WorkError
from wellkeeper.filter.candidates import SHARES_A_CORE, shares_of

BANDS = [f"band_{band:02d}" for band in range(21)]


def test_without_ray_the_message_names_the_extra(monkeypatch):
    monkeypatch.setitem(sys.modules, "ray", None)
    with pytest.raises(MissingExtraError, match=r"The executor ray needs .* pip install 'wellkeeper\[ray\]'"):
        next(run_tasks(abs, [1], kind="ray"))


@pytest.mark.parametrize("kind", ["threads", "processes"])
def test_an_address_without_ray_is_refused(kind):
    with (
        pytest.raises(
            WorkError, match=rf"is of a Ray cluster, and the executor is {kind}. Choose --executor ray"
        ),
        ready(kind, address="head:6379"),
    ):
        pass


def test_where_nobody_answers_the_message_comes_at_once_and_says_how_to_start_one():
    pytest.importorskip("ray")
    with socket.socket() as taken:  # bound and not listening: connections are refused
        taken.bind(("127.0.0.1", 0))
        address = f"127.0.0.1:{taken.getsockname()[1]}"
        with pytest.raises(
            WorkError, match=rf"No Ray cluster answers at {address}: .* `ray start --head`, or correct"
        ):
            next(run_tasks(abs, [1], kind="ray", address=address))


def test_the_address_of_a_ray_client_is_refused_with_what_to_do_instead():
    with pytest.raises(
        WorkError, match="Run wellkeeper on a machine of the cluster, and give --address auto"
    ):
        next(run_tasks(abs, [1], kind="ray", address="ray://head:10001"))


def test_ray_is_not_loaded_for_other_executors(monkeypatch):
    real = builtins.__import__

    def refuse(name, *rest, **more):
        assert name.partition(".")[0] != "ray"
        return real(name, *rest, **more)

    monkeypatch.setattr(builtins, "__import__", refuse)
    assert list(run_tasks(abs, [-1, -2], workers=1)) == [1, 2]
    assert worker_count("threads", 3) == 3


def test_a_worker_with_other_code_stops_with_a_message_that_says_what_to_install():
    cluster._check_same(*cluster._identity())
    with pytest.raises(
        WorkError, match=r"runs wellkeeper .*, and the driver 9\.9\. Install the same version on all"
    ):
        cluster._check_same("9.9", "0" * 64)
    version, _ = cluster._identity()
    with pytest.raises(WorkError, match="with other source files"):
        cluster._check_same(version, "0" * 64)


def test_a_worker_sees_the_work_folder_if_it_finds_the_drivers_file_there(tmp_path):
    sign = tmp_path / ".seen-1"
    data = tmp_path / "part.jsonl"
    data.write_bytes(b"12345")
    with pytest.raises(WorkError, match=r"does not see the work folder .* under one name, with --work DIR"):
        cluster._look((str(sign), ()))
    sign.write_bytes(b".seen-1")
    cluster._look((str(sign), ((str(data), 5), (str(data), -1), (str(tmp_path), 5))))
    with pytest.raises(
        WorkError, match=r"does not see .*part\.jsonl as it is on the machine that started the run"
    ):
        cluster._look((str(sign), ((str(data), 6),)))
    with pytest.raises(WorkError, match=r"does not see .*gone\.jsonl as it is"):
        cluster._look((str(sign), ((str(tmp_path / "gone.jsonl"), 6),)))
    assert sorted(path.name for path in tmp_path.iterdir()) == [".seen-1", "part.jsonl"]


@pytest.mark.parametrize("cores", [1, 2, 5, 6, 64, 10_000])
def test_shares_hold_every_key_of_every_band_once(cores):
    shares = shares_of(BANDS, cores)
    keys = list(range(97))
    held = [
        (band, key)
        for share in shares
        for band in share.bands
        for key in keys
        if key & ((1 << share.bits) - 1) == share.last
    ]
    assert sorted(held) == sorted((band, key) for band in BANDS for key in keys)
    assert all(len(share.bands) == 1 for share in shares if share.bits)
    assert len(shares) >= min(cores * SHARES_A_CORE, len(BANDS) << 4) // 2
