"""A pre-trained model as a student: a tiny Llama."""

import pytest
from language_model_files import needs_lm, smollm2

from wellkeeper.errors import InputError, RecipeError
from wellkeeper.feedback.evaluation import HeldOut
from wellkeeper.feedback.materials import Materials
from wellkeeper.feedback.plan import Plan
from wellkeeper.feedback.rounds import read_generated, run_line
from wellkeeper.feedback.student import Example
from wellkeeper.measure.selection import Selection
from wellkeeper.suites.suite import Suite, SuiteItem

torch = pytest.importorskip("torch", reason="the extra lm-torch is not installed")
transformers = pytest.importorskip("transformers", reason="the extra lm-torch is not installed")
tokenizers = pytest.importorskip("tokenizers", reason="the extra lm-torch is not installed")
from wellkeeper.feedback.tuned import TunedStudent, tuned_of

pytestmark = pytest.mark.torch

PAIRS = [
    Example(prompt=f"{name} is ", answer=colour) for name, colour in (("grass", "green"), ("snow", "white"))
]


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    place = tmp_path_factory.mktemp("tiny")
    coder = tokenizers.ByteLevelBPETokenizer()
    coder.train_from_iterator(["grass is green and snow is white"] * 9, 280, special_tokens=["<s>", "</s>"])
    tokeniser = transformers.PreTrainedTokenizerFast(
        tokenizer_object=coder._tokenizer, bos_token="<s>", eos_token="</s>"
    )
    config = transformers.LlamaConfig(
        vocab_size=280,
        hidden_size=32,
        intermediate_size=64,
        num_hidden_layers=2,
        num_attention_heads=2,
        max_position_embeddings=64,
        bos_token_id=0,
        eos_token_id=1,
        tie_word_embeddings=True,
    )
    torch.manual_seed(0)
    transformers.LlamaForCausalLM(config).save_pretrained(place)
    tokeniser.save_pretrained(place)
    return place


@pytest.fixture(scope="module")
def student(folder):
    return TunedStudent(model=folder, layers=0, rate=5e-3, epochs=60, batch=2, tokens=8)


@pytest.fixture(scope="module")
def model(student):
    return student.train(None, PAIRS, 1)


def texts(outputs):
    return [[output.text for output in some] for some in outputs]


def test_it_learns_answers_and_where_they_end_and_is_kept_as_it_is(student, model, tmp_path):
    prompts = [one.prompt for one in PAIRS]
    answers = student.answer(model, prompts, 2, 0.0, 0)
    assert texts(answers) == [[one.answer] * 2 for one in PAIRS]
    assert {output.finish for some in answers for output in some} == {"stop"}
    student.save(model, tmp_path)
    again = student.load(tmp_path)
    drawn = student.answer(model, prompts, 5, 3.0, 7)
    assert texts(drawn) == texts(student.answer(again, prompts, 5, 3.0, 7))
    assert texts(drawn) != texts(student.answer(model, prompts, 5, 3.0, 8))
    # an answer hangs on its own prompt's place and seed alone
    assert texts(student.answer(model, prompts[:1], 5, 3.0, 7)) == texts(drawn)[:1]


def test_surprise_is_less_for_what_was_learnt(student, model):
    learnt = student.surprise(model, PAIRS)
    swapped = student.surprise(
        model, [Example(prompt=a.prompt, answer=b.answer) for a, b in zip(PAIRS, PAIRS[::-1], strict=True)]
    )
    assert (learnt < 0.1).all()
    assert (swapped > 1).all()


def test_an_answer_that_was_cut_off_does_not_teach_to_end_there(student):
    cut = Example(prompt="grass is ", answer="green " * 20)
    model = student.train(None, [cut], 1)
    (outputs,) = student.answer(model, [cut.prompt], 5, 0.0, 0)
    assert {output.finish for output in outputs} == {"length"}


def test_conversations_and_wrong_settings_are_refused(student, folder):
    with pytest.raises(InputError, match="continues text, and a prompt is a conversation"):
        student.train(None, [Example(prompt=[{"role": "user", "content": "a"}], answer="b")], 0)
    with pytest.raises(RecipeError, match=r"student\.epochs is 0"):
        TunedStudent(model=folder, epochs=0)
    with pytest.raises(RecipeError, match=r"Name it: student: \{kind: transformers, model: PATH\}"):
        tuned_of({}, folder)
    with pytest.raises(RecipeError, match=r"student\.lyers is no setting"):
        tuned_of({"lyers": 1}, folder)


@pytest.mark.slow
@needs_lm
def test_a_round_of_smollm2_from_its_gguf(tmp_path):
    """Four prompts, two answers each: verified, trained on, measured, kept and read again."""
    student = TunedStudent(model=smollm2(), layers=1, epochs=1, batch=2, tokens=3)
    colours = {"grass": "green", "snow": "white", "coal": "black", "blood": "red"}
    human = tuple(
        Example(prompt=f"The colour of {name} is", answer=f" {said}") for name, said in colours.items()
    )
    names = ("milk", "sky", "lemons", "soot")
    asked = Suite(
        name="asked",
        items=tuple(
            SuiteItem(name=name, prompt=f"The colour of {name} is", references=("a",)) for name in names
        ),
    )
    held_out = Suite(
        name="held",
        scorer={"kind": "contains"},
        items=tuple(
            SuiteItem(name=f"{at}", prompt=f"Item {at} has the colour", references=("red",))
            for at in range(10)
        ),
    )
    given = Materials(
        student=student,
        human=human,
        prompts=asked,
        held_out=HeldOut.of(held_out, rare="rare"),
        verifiers=None,
    )
    settings = Plan(
        name="tiny", student={}, human="", prompts="", held_out="", rounds=1, samples=2, evaluation_samples=1,
        on_refusal="go on", on_harm="go on", selection=Selection(by="surprise", share=0.5),
    )  # fmt: skip
    records = run_line(settings, given, 1, tmp_path)
    assert [record["round"] for record in records] == [0, 1]
    assert records[1]["selection"] == {"by": "surprise", "of": 8, "selected": 4}
    texts = read_generated(tmp_path / "round-01/accepted.jsonl")
    assert {text.depth for text in texts} == {1}
    assert any(text.text.strip() for text in texts)
    model = student.load(tmp_path / "round-01/model")
    assert student.surprise(model, human).shape == (4,)
