"""A pre-trained model as a student: a tiny Llama."""

import pytest

from wellkeeper.errors import InputError, RecipeError
from wellkeeper.feedback.student import Example

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


def texts(outputs):
    return [[output.text for output in some] for some in outputs]


def test_it_learns_answers_and_where_they_end_and_is_kept_as_it_is(student, tmp_path):
    model = student.train(None, PAIRS, 1)
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


def test_conversations_and_wrong_settings_are_refused(student, folder):
    with pytest.raises(InputError, match="continues text, and a prompt is a conversation"):
        student.train(None, [Example(prompt=[{"role": "user", "content": "a"}], answer="b")], 0)
    with pytest.raises(RecipeError, match=r"student\.epochs is 0"):
        TunedStudent(model=folder, epochs=0)
    with pytest.raises(RecipeError, match=r"Name it: student: \{kind: transformers, model: PATH\}"):
        tuned_of({}, folder)
    with pytest.raises(RecipeError, match=r"student\.lyers is no setting"):
        tuned_of({"lyers": 1}, folder)
