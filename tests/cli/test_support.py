"""What verbs share says what it should, to those who look, and leaves nothing behind."""

import io
import re
import sys
import time

import pytest

from wellkeeper import native
from wellkeeper.cli.support import progress
from wellkeeper.engine.progress import Progress

COMPILING = "Compiling loops for this processor, once (about ten seconds)..."


class Screen(io.StringIO):
    def isatty(self) -> bool:
        return True

    def lines(self) -> list[str]:
        plain = re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", self.getvalue())
        return [line.rstrip() for line in re.split(r"[\r\n]+", plain)]


def drawn(screen: Screen, pattern: str) -> bool:
    """Whether a line comes to be like that: another thread draws, a few times a second."""
    until = time.monotonic() + 20
    while (
        not (found := any(re.search(pattern, line) for line in screen.lines())) and time.monotonic() < until
    ):
        time.sleep(0.01)
    return found


def watched(monkeypatch: pytest.MonkeyPatch) -> Screen:
    """A terminal in place of stderr; made in the test itself, since pytest puts its own there before each."""
    made = Screen()
    monkeypatch.setattr(sys, "stderr", made)
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setenv("COLUMNS", "120")
    return made


def tell_of(*loops: str) -> None:
    for loop in loops:
        for told in native.before_compiling:
            told(loop)


def test_a_person_is_told_once_a_command_that_loops_are_compiled(monkeypatch: pytest.MonkeyPatch) -> None:
    screen = watched(monkeypatch)
    for _ in range(2):
        with progress(quiet=False) as listener:
            listener(Progress(stage="reading", done=1, total=3, unit="blocks", documents=1234))
            tell_of("kernels.text._all_columns", "kernels.scan._scan")
            listener(Progress(stage="reading", done=2, total=3, unit="blocks", documents=2345))
    assert screen.lines().count(COMPILING) == 2
    assert all(line == COMPILING or "Compiling" not in line for line in screen.lines())
    assert native.before_compiling == []


def test_a_warm_cache_is_not_spoken_of(monkeypatch: pytest.MonkeyPatch) -> None:
    screen = watched(monkeypatch)
    with progress(quiet=False):
        pass
    assert COMPILING not in screen.getvalue()


def test_nobody_is_told_where_no_progress_is_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    screen = watched(monkeypatch)
    with progress(quiet=True):
        tell_of("kernels.scan._scan")
    monkeypatch.setattr(screen, "isatty", lambda: False)
    with progress(quiet=False):
        tell_of("kernels.scan._scan")
    assert screen.getvalue() == ""


def test_a_command_that_fails_leaves_no_listener_behind(monkeypatch: pytest.MonkeyPatch) -> None:
    watched(monkeypatch)
    with pytest.raises(ValueError, match="stop"), progress(quiet=False):
        raise ValueError("stop")
    assert native.before_compiling == []


def test_progress_counts_documents_or_whatever_the_run_counts_and_tells_the_time_left(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    screen = watched(monkeypatch)
    with progress(quiet=False) as listener:
        listener(Progress(stage="reading", done=1, total=3, unit="blocks", documents=1234))
        assert drawn(screen, "reading.* 1,234 documents")
        for done in range(5):
            listener(Progress(stage="replace", done=done, total=1005, unit="generations"))
            time.sleep(0.03)
        assert drawn(screen, r"replace .* of 1,005 generations 0:00:0\d (?:\d|-):")
