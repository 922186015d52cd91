"""Key files: what they hold, what they refuse, and what may be known of a key."""

import base64
import json
import stat

import numpy as np
import pytest

from wellkeeper.errors import DataError, InputError
from wellkeeper.watermark.detection import Detector
from wellkeeper.watermark.keys import (
    SCHEMES,
    TABLE_BITS,
    check_tokenizer,
    detector_of,
    key_with,
    load_key,
    new_key,
    ngrams_of,
)

FINGERPRINT = "ab" * 32


@pytest.fixture(params=SCHEMES)
def key(request):
    return new_key(request.param, vocabulary=500, tokenizer=FINGERPRINT, seed=5)


def test_a_key_comes_back_from_its_file_as_it_was(key, tmp_path):
    key.save(tmp_path / "key.json")
    again = load_key(tmp_path / "key.json")
    assert again.public() == key.public()
    assert again.secret.keys() == key.secret.keys()
    for name, value in key.secret.items():
        assert np.array_equal(again.secret[name], value)


def test_a_key_file_is_its_owners_alone(key, tmp_path):
    key.save(tmp_path / "key.json")
    assert stat.S_IMODE((tmp_path / "key.json").stat().st_mode) == 0o600


def test_a_detector_of_a_stored_key_counts_as_that_of_the_new_one(key, tmp_path):
    key.save(tmp_path / "key.json")
    tokens = np.random.default_rng(0).integers(0, 500, 300).astype(np.int32)
    offsets = np.array([0, 100, 300])
    first, second = (detector_of(one) for one in (key, load_key(tmp_path / "key.json")))
    assert isinstance(first, Detector)
    assert np.array_equal(first.scores(tokens, offsets).statistic, second.scores(tokens, offsets).statistic)


def test_one_seed_makes_one_key_and_chance_another_each_time(key):
    same = new_key(key.scheme, vocabulary=500, tokenizer=FINGERPRINT, seed=5)
    assert same.id == key.id
    others = {
        new_key(key.scheme, vocabulary=500, tokenizer=FINGERPRINT, seed=seed).id
        for seed in (6, 7, None, None)
    }
    assert len(others | {key.id}) == 5


def test_keys_do_not_change_with_the_version():
    found = {scheme: new_key(scheme, vocabulary=500, seed=1).id[:16] for scheme in SCHEMES}
    assert found == {
        "synthid": "fa40403b849842a3",
        "kgw-lefthash": "ff636d63a1775892",
        "kgw-selfhash": "606d4175d5bcb231",
        "unigram": "e3ef4153b12a5d93",
        "gumbel": "2fa2d4dbf5504256",
        "textseal": "6f334a476f0cdbf3",
    }


def test_an_id_hangs_on_the_secret_and_does_not_show_it(key):
    changed = type(key)(
        **{name: getattr(key, name) for name in key.__slots__ if name != "secret"},
        secret={**key.secret, "salt": "00" * 32},
    )
    assert changed.id != key.id
    shown = json.dumps(key.public()) + repr(key)
    for value in key.secret.values():
        if isinstance(value, np.ndarray):
            assert base64.b64encode(np.packbits(value)).decode() not in shown
        else:
            assert str(value) not in shown


def test_a_key_is_never_written_over(key, tmp_path):
    path = tmp_path / "key.json"
    key.save(path)
    before = path.read_bytes()
    with pytest.raises(
        InputError, match=r"is there already, and a key written over is lost. Choose another name.$"
    ):
        key.save(path)
    assert path.read_bytes() == before


def _changed(path, change):
    document = json.loads(path.read_bytes())
    change(document)
    path.write_text(json.dumps(document))


@pytest.mark.parametrize(
    "change",
    [
        lambda d: d.pop("secret"),
        lambda d: d.pop("vocabulary"),
        lambda d: d.update(scheme="rot13"),
        lambda d: d.update(vocabulary=501),
        lambda d: d.update(tokenizer=None),
        lambda d: d["secret"].update(salt="11" * 32),
        lambda d: d["parameters"].clear() if d["parameters"] else d.pop("parameters"),
        lambda d: d.update(id="0" * 64),
    ],
)
def test_a_changed_key_file_is_refused(key, tmp_path, change):
    key.save(tmp_path / "key.json")
    _changed(tmp_path / "key.json", change)
    with pytest.raises(InputError, match=r"key.json is damaged: .*Take it from a backup"):
        load_key(tmp_path / "key.json")


def test_every_bit_of_a_table_matters(tmp_path):
    path = tmp_path / "key.json"
    new_key("synthid", vocabulary=500, seed=1).save(path)

    def flip(document):
        packed = bytearray(base64.b64decode(document["secret"]["table"]))
        packed[4000] ^= 16
        document["secret"]["table"] = base64.b64encode(packed).decode()

    _changed(path, flip)
    with pytest.raises(InputError, match="do not fit its id"):
        load_key(path)


@pytest.mark.parametrize("size", [0, 1, 100, 5000])
def test_a_torn_key_file_is_refused(key, tmp_path, size):
    path = tmp_path / "key.json"
    key.save(path)
    path.write_bytes(path.read_bytes()[: min(size, path.stat().st_size - 3)])
    with pytest.raises(InputError, match=r"is damaged: it is not JSON. Take it from a backup"):
        load_key(path)


@pytest.mark.parametrize("content", ["[]", "{}", '{"schema": "wellkeeper.anchors/1"}', "3"])
def test_another_file_is_no_key(tmp_path, content):
    (tmp_path / "key.json").write_text(content)
    with pytest.raises(
        InputError, match=r"is no watermark key .*Give a file that `wellkeeper watermark new` wrote.$"
    ):
        load_key(tmp_path / "key.json")


def test_a_missing_key_says_how_to_make_one(tmp_path):
    with pytest.raises(InputError, match=r"does not exist. Make a key with `wellkeeper watermark new`.$"):
        load_key(tmp_path / "none.json")


def test_another_tokeniser_is_refused():
    key = new_key("gumbel", vocabulary=500, tokenizer=FINGERPRINT, seed=1)
    check_tokenizer(key, FINGERPRINT)
    refused = r"made for the tokeniser abababababab, and this one is cdcd.*that wrote the text"
    with pytest.raises(InputError, match=refused + r"\.$"):
        check_tokenizer(key, "cd" * 32)
    with pytest.raises(InputError, match=refused + r", or else\.$"):
        check_tokenizer(key, "cd" * 32, otherwise=", or else")
    check_tokenizer(new_key("gumbel", vocabulary=500, seed=1), "cd" * 32)


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"scheme": "synthd"}, "There is no scheme 'synthd'. Did you mean synthid?"),
        ({"vocabulary": 1}, "vocabulary is 1. Give the width of the model's logits, 2 or more."),
        ({"parameters": {"nrgam": 4}}, "synthid has no parameter 'nrgam'. Did you mean ngram?"),
        ({"parameters": {"ngram": 1}}, "ngram of synthid is 1. Give a whole number from 2 to 16."),
        ({"parameters": {"depth": 2.5}}, "depth of synthid is 2.5. Give a whole number from 1 to 64."),
        (
            {"scheme": "unigram", "parameters": {"green": 1.5}},
            "green of unigram is 1.5. Give a number from 0.01 to",
        ),
    ],
)
def test_what_cannot_be_a_key_is_said(given, message):
    with pytest.raises(DataError) as raised:
        new_key(**{"scheme": "synthid", "vocabulary": 500, **given})
    assert str(raised.value).startswith(message)


def test_a_secret_that_exists_makes_a_key_as_good_as_a_new_one(key, tmp_path):
    known = {name: value for name, value in key.secret.items() if name != "salt"}
    adopted = key_with(known, key.scheme, vocabulary=500, parameters=key.parameters)
    adopted.save(tmp_path / "key.json")
    again = load_key(tmp_path / "key.json")
    assert again.id == adopted.id != key.id
    tokens, offsets = np.arange(100, dtype=np.int32), np.array([0, 100])
    first, second = (detector_of(one).scores(tokens, offsets).statistic for one in (key, again))
    assert np.array_equal(first, second)


def test_a_table_of_another_size_is_refused():
    with pytest.raises(DataError, match=r"^The table 'table' has 1,024 bits. Give one of 65,536.$"):
        key_with({"keys": [1, 2], "table": np.arange(1024, dtype=np.uint8) % 2}, "synthid", vocabulary=500)


def test_layers_of_synthid_never_share_the_bits_that_count():
    for seed in range(30):
        keys = new_key("synthid", vocabulary=500, seed=seed, parameters={"depth": 64}).secret["keys"]
        assert len({key % TABLE_BITS for key in keys}) == 64


def test_a_table_of_synthid_is_fair():
    ones = sum(int(new_key("synthid", vocabulary=500, seed=seed).secret["table"].sum()) for seed in range(20))
    trials = 20 * TABLE_BITS
    assert abs(ones - trials / 2) < 5 * (trials / 4) ** 0.5


def test_unigram_has_as_many_green_tokens_as_it_says_and_no_favourites():
    lists = np.stack(
        [
            new_key("unigram", vocabulary=101, seed=seed, parameters={"green": 0.3}).secret["green"]
            for seed in range(400)
        ]
    )
    assert (lists.sum(axis=1) == 30).all()
    spread = (400 * 0.3 * 0.7) ** 0.5
    assert (abs(lists.sum(axis=0) - 400 * 30 / 101) < 5 * spread).all()


def test_ngrams_of_each_scheme_are_what_its_detector_counts():
    for scheme in SCHEMES:
        key = new_key(scheme, vocabulary=500, seed=1)
        width, lead = ngrams_of(key)
        detector = detector_of(key)
        alone = 1 if scheme == "kgw-selfhash" else 0  # whose detector passes over a text of one n-gram
        for more in range(3):
            size = width + lead + more + alone
            tokens = np.arange(size, dtype=np.int32)
            assert int(detector.scores(tokens, np.array([0, size])).scored[0]) == more + 1 + alone


def test_a_key_that_could_not_be_written_leaves_nothing_behind(tmp_path, monkeypatch):
    def full(_handle):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("wellkeeper.watermark.keys.os.fsync", full)
    with pytest.raises(OSError, match="No space left"):
        new_key("gumbel", vocabulary=500, seed=1).save(tmp_path / "key.json")
    assert not any(tmp_path.iterdir())
