"""Writers: transformers' own marks with our tables, draws by the key, and the same sampling without a mark."""

import sys

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from marked_tokens import VOCABULARY
from wellkeeper.errors import DataError, MissingExtraError
from wellkeeper.watermark.keys import SCHEMES, detector_of, new_key
from wellkeeper.watermark.tokens import tokens_of
from wellkeeper.watermark.writers import key_of as key_in_use
from wellkeeper.watermark.writers import mark_of, sampling_of, share_of_tokens, writer_of

torch = pytest.importorskip("torch", reason="the extra lm-torch is not installed")
transformers = pytest.importorskip("transformers", reason="the extra lm-torch is not installed")

pytestmark = [pytest.mark.torch, pytest.mark.filterwarnings("ignore")]


def key_of(scheme, seed=1, **parameters):
    return new_key(scheme, vocabulary=VOCABULARY, seed=seed, parameters=parameters)


def logits(rows, spread=2.0):
    return torch.randn(rows, VOCABULARY) * spread


def written(mark, *, rows=6, tokens=80, prompt=6, spread=2.0):
    """What a model of random logits writes through a mark; and its prompts."""
    ids = torch.randint(0, VOCABULARY, (rows, prompt))
    for _ in range(tokens):
        shares = mark(ids, logits(rows, spread)).softmax(1)
        ids = torch.cat((ids, torch.multinomial(shares, 1)), 1)
    return tokens_of(ids[:, prompt:].tolist())


@pytest.fixture(autouse=True)
def _seeded():
    torch.manual_seed(0)


@pytest.mark.parametrize("scheme", SCHEMES)
def test_what_a_writer_marks_its_detector_finds_and_no_other_key_does(scheme):
    key = key_of(scheme)
    tokens = written(mark_of(key), tokens=40 if scheme == "kgw-selfhash" else 80)
    detector, other = detector_of(key), detector_of(key_of(scheme, seed=2))
    assert (detector.p_values(detector.scores(tokens.ids, tokens.offsets)) < 1e-3).all()
    assert np.median(other.p_values(other.scores(tokens.ids, tokens.offsets))) > 0.01


def test_synthid_is_placed_as_transformers_places_it():
    key = key_of("synthid", depth=8, history=5)
    theirs = transformers.SynthIDTextWatermarkLogitsProcessor(
        ngram_len=5,
        keys=key.secret["keys"],
        sampling_table_size=1 << 16,
        sampling_table_seed=0,
        context_history_size=5,
        device=torch.device("cpu"),
    )
    theirs.sampling_table = torch.from_numpy(key.secret["table"].astype(np.int64))
    ours = mark_of(key)
    ids = torch.randint(0, VOCABULARY, (3, 7))
    for step in range(30):
        given = logits(3)
        if step % 3 == 0:  # some tokens cannot be drawn
            given[torch.rand_like(given) < 0.8] = -torch.inf
        found = ours(ids, given).softmax(1)
        torch.testing.assert_close(found, theirs(ids, given).softmax(1), atol=1e-5, rtol=1e-4)
        following = torch.multinomial(found, 1) if step % 7 else ids[:, -5:-4]  # contexts come again
        ids = torch.cat((ids, following), 1)


@pytest.mark.parametrize("scheme", ["kgw-lefthash", "kgw-selfhash"])
def test_kgw_is_placed_as_transformers_places_it(scheme):
    key = key_of(scheme)
    theirs = transformers.WatermarkLogitsProcessor(
        vocab_size=VOCABULARY,
        device="cpu",
        hashing_key=key.secret["key"],
        seeding_scheme=scheme.removeprefix("kgw-"),
        context_width=1 if scheme == "kgw-lefthash" else 4,
    )
    ids, given = torch.randint(0, VOCABULARY, (3, 9)), logits(3)
    torch.testing.assert_close(mark_of(key)(ids, given), theirs(ids, given))


@pytest.mark.parametrize("scheme", ["gumbel", "textseal"])
def test_over_keys_a_drawn_mark_samples_the_models_own_distribution(scheme):
    given = logits(1, spread=1.5)
    given[:, 5:] = -torch.inf
    ids = torch.randint(0, VOCABULARY, (1, 8))
    drawn = [int(mark_of(key_of(scheme, seed=seed))(ids, given).argmax()) for seed in range(1500)]
    shares = np.bincount(drawn, minlength=VOCABULARY) / len(drawn)
    expected = given.softmax(1)[0].numpy()
    assert np.abs(shares - expected).max() < 4.5 * (0.25 / len(drawn)) ** 0.5


@pytest.mark.parametrize("scheme", ["synthid", "gumbel", "textseal"])
def test_a_context_that_comes_again_is_left_as_it_is(scheme):
    mark, given = mark_of(key_of(scheme)), logits(2)
    ids = torch.randint(0, VOCABULARY, (2, 4)).repeat(1, 4)
    found = [mark(ids[:, :length], given) for length in range(8, 17)]
    assert not torch.allclose(found[0].softmax(1), given.softmax(1))
    torch.testing.assert_close(found[-1], given)


@pytest.mark.parametrize("scheme", SCHEMES)
def test_a_writer_serves_one_text_after_the_other(scheme):
    used, key = mark_of(key_of(scheme)), key_of(scheme)
    written(used, rows=2, tokens=7)
    ids, given = torch.randint(0, VOCABULARY, (3, 6)), logits(3)
    torch.testing.assert_close(used(ids, given), mark_of(key)(ids, given))


@pytest.mark.parametrize("scheme", SCHEMES)
def test_what_cannot_be_drawn_stays_so(scheme):
    given = logits(2)
    given[:, ::2] = -torch.inf
    found = mark_of(key_of(scheme))(torch.randint(0, VOCABULARY, (2, 6)), given).softmax(1)
    assert float(found[:, ::2].sum()) == 0.0


def test_temperature_and_top_k_come_before_the_mark():
    given = logits(2)
    ids = torch.randint(0, VOCABULARY, (2, 6))
    found = writer_of(key_of("unigram", bias=0.0), temperature=0.5, top_k=10)(ids, given)
    kept = given.topk(10, dim=1)
    assert (torch.isfinite(found).sum(1) == 10).all()
    torch.testing.assert_close(found.gather(1, kept.indices), kept.values / 0.5)
    torch.testing.assert_close(sampling_of(None, temperature=0.5, top_k=10)(ids, given), found)
    whole = sampling_of(None, top_p=0.5)(ids, given)
    assert int(torch.isfinite(whole).sum()) < VOCABULARY


def test_the_key_of_a_processor_in_use_finds_its_mark_and_places_the_same():
    synthid = transformers.SynthIDTextWatermarkLogitsProcessor(
        ngram_len=4,
        keys=[654, 400, 836, 123],
        sampling_table_size=1 << 16,
        sampling_table_seed=9,
        context_history_size=64,
        device=torch.device("cpu"),
    )
    kgw = [
        transformers.WatermarkLogitsProcessor(
            vocab_size=VOCABULARY,
            device="cpu",
            greenlist_ratio=0.3,
            seeding_scheme=scheme,
            context_width=width,
        )
        for scheme, width in (("lefthash", 1), ("selfhash", 3))
    ]
    for processor in (synthid, *kgw):
        key = key_in_use(processor, vocabulary=VOCABULARY)
        tokens = written(processor, rows=3, tokens=60)
        detector = detector_of(key)
        assert (detector.p_values(detector.scores(tokens.ids, tokens.offsets)) < 1e-2).all()
        processor.state = None
        ids, given = torch.randint(0, VOCABULARY, (2, 6)), logits(2)
        torch.testing.assert_close(
            mark_of(key)(ids, given).softmax(1), processor(ids, given).softmax(1), atol=1e-5, rtol=1e-4
        )


@given(st.integers(2, 300_000), st.data())
def test_a_share_of_the_vocabulary_is_as_many_tokens_again(vocabulary, data):
    count = data.draw(st.integers(1, vocabulary - 1))
    assert int(vocabulary * share_of_tokens(count, vocabulary)) == count


def test_a_processor_that_marks_by_nothing_known_is_told():
    with pytest.raises(
        DataError, match=r"^TemperatureLogitsWarper marks by no scheme that is known here. Give"
    ):
        key_in_use(transformers.TemperatureLogitsWarper(0.5), vocabulary=9)


def test_what_a_writer_cannot_do_is_told():
    with pytest.raises(
        DataError, match=r"temperature is 0. Give a number above 0: .*leaves no choice to mark.$"
    ):
        writer_of(key_of("gumbel"), temperature=0.0)
    with pytest.raises(
        DataError, match=r"top_k is -1 and top_p 1. Give top_k of 0 or more and top_p above 0, up to 1"
    ):
        writer_of(key_of("gumbel"), top_k=-1)
    with pytest.raises(
        DataError, match=r"gives logits of 7 tokens and the key \w{12} is for 400. .*--vocabulary 7.$"
    ):
        mark_of(key_of("gumbel"))(torch.zeros((1, 6), dtype=torch.long), torch.zeros((1, 7)))


def test_without_torch_its_extra_is_named(monkeypatch):
    monkeypatch.setitem(sys.modules, "torch", None)
    with pytest.raises(MissingExtraError, match=r"pip install 'wellkeeper\[lm-torch\]'$"):
        writer_of(key_of("gumbel"))


# --- a real model ------------------------------------------------------------------------------------------------


def test_a_small_model_writes_the_same_marked_texts_each_time(tmp_path):
    from wellkeeper.watermark.generation import Generator

    words = transformers.PreTrainedTokenizerFast(tokenizer_object=_letters(), pad_token="a", eos_token="a")
    config = transformers.LlamaConfig(
        vocab_size=26,
        hidden_size=16,
        intermediate_size=16,
        num_hidden_layers=1,
        num_attention_heads=2,
        architectures=["LlamaForCausalLM"],
    )
    transformers.LlamaForCausalLM(config).save_pretrained(tmp_path)
    words.save_pretrained(tmp_path)
    generator = Generator(tmp_path)
    key = new_key("gumbel", vocabulary=generator.vocabulary, seed=1, parameters={"context": 2})
    first, second = (
        list(generator.write(["b c d", "e"], key, tokens=60, least=60, temperature=0.8, seed=3, batch=2))
        for _ in range(2)
    )
    assert first == second
    assert [one.prompt for one in first] == ["b c d", "e"]
    tokens = tokens_of([one.ids for one in first])
    detector = detector_of(key)
    assert (detector.p_values(detector.scores(tokens.ids, tokens.offsets)) < 1e-4).all()
    plain = list(generator.write(["b c d", "e"], None, tokens=60, least=60, seed=3, batch=2))
    unmarked = tokens_of([one.ids for one in plain])
    assert (detector.p_values(detector.scores(unmarked.ids, unmarked.offsets)) > 1e-4).all()


def _letters():
    tokenizers = __import__("tokenizers")
    inner = tokenizers.Tokenizer(
        tokenizers.models.WordLevel({chr(97 + k): k for k in range(26)}, unk_token="a")
    )
    inner.pre_tokenizer = tokenizers.pre_tokenizers.Whitespace()
    return inner
