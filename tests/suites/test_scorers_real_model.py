"""Scorers on the answers of a real model."""

import pytest
from language_model_files import needs_lm, smollm2
from scorer_helpers import item, output

from wellkeeper.infer.local import GgufSampler
from wellkeeper.suites.reading import lettered
from wellkeeper.suites.scorers import scorer_of
from wellkeeper.suites.scorers.choice import letter_chances

COLOURS = ("green", "blue", "loud", "round")


@pytest.fixture(scope="module")
def model():
    sampler = GgufSampler(smollm2(), tokens=8, context=512)
    yield sampler
    sampler.close()


@needs_lm
def test_the_letter_that_a_real_model_held_likeliest_is_the_one_it_writes(model):
    scorer = scorer_of({"kind": "choice", "by": "logprob"})
    asked = item("blue", choices=COLOURS, prompt=lettered("Which colour is the sky?", COLOURS))
    (answer,) = model.sample(asked.prompt, 1, 0.0, 1, scorer.needs_logprobs)
    chances = letter_chances(answer.first_tokens, "ABCD")
    likeliest = max(chances, key=chances.get)
    score = scorer.score(asked, answer)
    assert score.note.startswith(f"{likeliest} has a chance of ")
    assert score.value == (likeliest == "B")
    assert answer.text.lstrip().startswith(likeliest)  # at temperature 0 it writes what it holds likeliest


@needs_lm
def test_a_judge_that_is_too_weak_to_keep_to_the_form_is_unknown_and_no_error(model):
    def ask(prompt, seed):
        (reply,) = model.sample(prompt, 1, 0.0, seed)
        return reply

    score = scorer_of({"kind": "judge"}, ask=ask).score(item("blue"), output("blue"))
    assert score.value is None
    assert score.note.startswith("the judge")
