"""What is installed is whole: weights, schemas and templates go with the code."""

import tomllib
from collections import Counter
from pathlib import Path

ROOT = Path(__file__).parents[1]
PACKAGE = ROOT / "src" / "wellkeeper"


def test_every_file_of_the_package_that_is_no_code_goes_into_the_wheel() -> None:
    settings = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["setuptools"]
    packed = {path for pattern in settings["package-data"]["wellkeeper"] for path in PACKAGE.glob(pattern)}
    data = {
        path
        for path in PACKAGE.rglob("*")
        if path.is_file() and path.suffix != ".py" and "__pycache__" not in path.parts
    }
    assert data - packed == set()
    assert {path.relative_to(PACKAGE).as_posix() for path in packed} >= {
        "origin/style-en.npz",
        "recipe/anchors.schema.json",
        "kernels/unicode.npz",
        "py.typed",
    }


def test_the_weights_stay_small_enough_to_ship() -> None:
    assert sum(path.stat().st_size for path in PACKAGE.rglob("*.npz")) <= 3 << 20  # the wheel's budget


def test_no_two_test_files_have_the_same_name() -> None:
    """Tests are no packages, so that a second file of a name would not be collected with the first."""
    names = Counter(path.name for path in (ROOT / "tests").rglob("test_*.py"))
    assert [name for name, count in names.items() if count > 1] == []
