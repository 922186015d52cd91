"""How a run runs: wrong settings from Python are refused before any work."""

from pathlib import Path

import pytest

from wellkeeper.errors import WorkError
from wellkeeper.recipe.running import Running


def test_an_unknown_executor_is_refused_with_the_known_ones(tmp_path: Path) -> None:
    with pytest.raises(
        WorkError, match=r"There is no executor 'thread'. Did you mean threads\? Choose one of threads"
    ):
        Running(work=tmp_path, kind="thread")  # type: ignore[arg-type]


@pytest.mark.parametrize("workers", [0, -1])
def test_fewer_than_one_worker_is_refused(tmp_path: Path, workers: int) -> None:
    with pytest.raises(WorkError, match=f"workers is {workers}. Give at least 1"):
        Running(work=tmp_path, workers=workers)
