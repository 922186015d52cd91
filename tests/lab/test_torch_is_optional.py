"""Worlds of models in torch are listed and named where torch is missing, and say what to install."""

import subprocess
import sys

import pytest

WORLDS = "from wellkeeper.lab.worlds import digits, own, smollm2, transformer\n"
PEOPLE = (
    "from wellkeeper.lab.human import human_text\n"
    "people = human_text([f'A text of the {n} kind, with words.' for n in range(60)])\n"
)


def run(code):
    return subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)


def test_worlds_are_imported_without_torch():
    found = run(
        f"import sys\n{WORLDS}print([m for m in ('torch', 'transformers', 'tokenizers') if m in sys.modules])"
    )
    assert found.stdout == "[]\n", found.stderr


@pytest.mark.parametrize(
    ("missing", "made", "extra"),
    [
        ("torch", "digits.DigitsWorld()", "torch"),
        ("torch", "transformer.TransformerWorld(people)", "torch"),
        ("tokenizers", "transformer.TransformerWorld(people)", "torch"),
        ("transformers", "from pathlib import Path; smollm2.SmolLM2World(people, Path('model'))", "lm-torch"),
    ],
)
def test_what_is_missing_is_told_before_anything_is_trained(missing, made, extra):
    if missing == "tokenizers":
        pytest.importorskip("torch")
    found = run(f"import sys\nsys.modules[{missing!r}] = None\n{WORLDS}{PEOPLE}{made}")
    last = found.stderr.strip().splitlines()[-1]
    assert last.startswith("wellkeeper.errors.MissingExtraError")
    assert last.endswith(f"needs an optional part. Install it: pip install 'wellkeeper[{extra}]'")
