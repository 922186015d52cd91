"""Cards of judges: what a judge answered is kept and not paid for twice, but its anchors are judged anew."""

from contextlib import contextmanager

import pytest

from wellkeeper.core.answers import Output
from wellkeeper.core.generated import Generated
from wellkeeper.errors import InputError
from wellkeeper.recipe.verifying import asked, measure_verifiers
from wellkeeper.vet.labels import LabelledItem

ITEMS = [
    LabelledItem(
        item=Generated(id=f"t{k}", text="right" if k % 2 else "wrong", prompt=f"{k}?"), right=bool(k % 2)
    )
    for k in range(12)
]


class Judge:
    """A model on this machine that knows right from wrong, and counts how often it is asked."""

    fingerprint, tokens, at_once = "fake", 64, 2

    def __init__(self):
        self.calls = []

    def sample(self, prompt, n=1, temperature=1.0, seed=0, logprobs=False, *, first=0):
        self.calls.append(prompt)
        said = "VERDICT: 1" if "\nright\n" in prompt else "VERDICT: 0"
        return [Output(text=said, finish="stop", tokens=3, prompt_tokens=50)]

    def stop(self):
        pass

    @contextmanager
    def sampler(self, *, tokens):
        assert tokens
        yield self


@pytest.fixture
def verifiers(tmp_path):
    path = tmp_path / "verifiers.yaml"
    path.write_text("verifiers:\n  - kind: judge\n")
    return path


def test_a_judge_is_measured_and_asked_about_each_text_once(tmp_path, verifiers):
    judge = Judge()
    found = measure_verifiers(ITEMS, verifiers=verifiers, out=tmp_path / "card.json", judge=judge)
    assert (found.cards.whole.right.accepted, found.cards.whole.wrong.rejected) == (6, 6)
    assert found.cards.whole.families == ("judge fake",)
    again = measure_verifiers(ITEMS, verifiers=verifiers, out=tmp_path / "card.json", judge=judge)
    assert len(judge.calls) == len(ITEMS)
    assert again.cards.whole.right == found.cards.whole.right


def test_without_a_file_of_answers_a_judge_is_asked_anew(verifiers):
    judge = Judge()
    for _ in range(2):
        with asked(verifiers, judge, None, None) as (whole, at_once):
            assert at_once == judge.at_once
            whole.verdict(ITEMS[0].item)
    assert len(judge.calls) == 2


def test_a_judge_without_a_model_is_refused_with_its_line(verifiers, tmp_path):
    with pytest.raises(InputError, match=r"verifiers\.yaml, line 2: The scorer judge asks a model"):
        measure_verifiers(ITEMS, verifiers=verifiers, out=tmp_path / "card.json")
    assert not (tmp_path / "card.json").exists()
