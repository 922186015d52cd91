"""A folder of transformers writes a mark that its key finds, and keeps the promises of a sampler."""

import pytest

from wellkeeper.errors import DataError, InputError

torch = pytest.importorskip("torch", reason="the extra lm-torch is not installed")
transformers = pytest.importorskip("transformers", reason="the extra lm-torch is not installed")
tokenizers = pytest.importorskip("tokenizers", reason="the extra tokens is not installed")

from test_folder_sampler import WORDS, saved

from wellkeeper.infer.folder import FolderSampler
from wellkeeper.infer.marked_folder import MarkedFolderSampler
from wellkeeper.recipe.generating import writer_at
from wellkeeper.recipe.samplers import ModelPlace
from wellkeeper.watermark.keys import new_key
from wellkeeper.watermark.tokens import open_tokenizer

pytestmark = [pytest.mark.torch, pytest.mark.filterwarnings("ignore")]


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return saved(tmp_path_factory.mktemp("marked"))


def key_of(folder=None, **changed):
    given = {"vocabulary": len(WORDS), "seed": 3, "parameters": {"bias": 6.0}, **changed}
    bound = None if folder is None else open_tokenizer(folder).fingerprint
    return new_key("unigram", tokenizer=bound, **given)


def green_share(key, outputs):
    tokens = [WORDS.index(word) for output in outputs for word in output.text.split() if word in WORDS]
    assert len(tokens) > 100
    return sum(bool(key.secret["green"][token]) for token in tokens) / len(tokens)


def test_a_marked_answer_is_green_and_one_without_a_mark_is_not(folder):
    key = key_of(folder)
    marked = MarkedFolderSampler(folder, key, tokens=30, threads=1)
    plain = FolderSampler(folder, tokens=30, threads=1)
    with_mark, without = (one.sample("w1 w2", 12, 1.0, 5) for one in (marked, plain))
    assert green_share(key, with_mark) > 0.9 > green_share(key, without)
    assert marked.fingerprint != plain.fingerprint


def test_a_marked_answer_hangs_on_its_own_seed_alone(folder):
    marked = MarkedFolderSampler(folder, key_of(), tokens=8, threads=1)
    together = marked.sample("w1", 3, 0.8, 7)
    alone = marked.sample("w1", 1, 0.8, 7, first=2)
    assert alone[0].text == together[2].text
    (output,) = marked.sample("w1", 1, 1.0, 7, logprobs=True)
    assert len(output.logprobs) >= output.tokens - 1
    assert max(output.logprobs) <= 0


def test_a_key_of_another_model_and_a_temperature_of_0_are_refused(folder):
    with pytest.raises(InputError, match="was made for the tokeniser"):
        MarkedFolderSampler(folder, new_key("unigram", vocabulary=len(WORDS), tokenizer="0" * 64, seed=1))
    with pytest.raises(DataError, match="temperature is 0"):
        MarkedFolderSampler(folder, key_of(), tokens=4, threads=1).sample("w1", 1, 0.0, 1)
    with pytest.raises(DataError, match="The model gives logits of 32 tokens and the key"):
        MarkedFolderSampler(folder, key_of(vocabulary=40), tokens=4, threads=1).sample("w1", 1, 1.0, 1)


def test_a_place_with_a_key_gives_a_writer_that_marks(folder):
    with writer_at(ModelPlace(folder=str(folder)), tokens=4, watermark=key_of(folder)) as writer:
        assert isinstance(writer, MarkedFolderSampler)
        assert writer.tokens == 4
    with (
        pytest.raises(InputError, match=r"gone does not exist\. Give a folder that save_pretrained wrote"),
        writer_at(ModelPlace(folder="gone"), watermark=key_of()),
    ):
        pass
