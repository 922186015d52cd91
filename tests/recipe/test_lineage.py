"""Parents found by name: by id or text, each once, and never more than there is room for."""

import hashlib

import numpy as np
import pyarrow as pa
from hypothesis import given
from hypothesis import strategies as st

from wellkeeper.recipe.lineage import NAMESAKES, _matches, _Names


@given(st.lists(st.integers(0, 4), max_size=30), st.lists(st.integers(0, 4), max_size=8))
def test_matches_are_the_pairs_with_equal_values_and_the_first_ones_where_there_are_many(keys, wanted):
    keys = np.sort(np.array(keys, np.int64))
    left, right = _matches(np.array(wanted, np.int64), keys)
    expected = [
        (place, int(at))
        for place, value in enumerate(wanted)
        for at in np.flatnonzero(keys == value)[:NAMESAKES]
    ]
    assert list(zip(left.tolist(), right.tolist(), strict=True)) == expected


IDS = ["a", "b", "", "c"]
DIGESTS = {name: hashlib.sha256(name.encode()).digest() for name in IDS}
SPELLED = [
    form(DIGESTS[name])
    for name in IDS
    for form in (bytes.hex, lambda d: d.hex().upper(), lambda d: f"sha256:{d.hex()}")
]


@given(
    st.lists(st.sampled_from([*IDS, *SPELLED, "gone", "ab" * 32]), unique=True, max_size=10),
    st.lists(st.sampled_from(IDS), max_size=8),
)
def test_a_name_is_an_id_or_a_digest_however_it_is_written(names, bearers):
    table = pa.table(
        {
            "id": pa.array(bearers, pa.string()),
            "sha256": pa.array([DIGESTS[name] for name in bearers], pa.binary(32)),
        }
    )
    code, row = _Names.of(names).borne_by(table)
    expected = {
        (place, at)
        for place, name in enumerate(names)
        for at, bearer in enumerate(bearers)
        if name == bearer or name.removeprefix("sha256:").lower() == DIGESTS[bearer].hex()
    }
    found = list(zip(code.tolist(), row.tolist(), strict=True))
    assert set(found) == expected
    assert len(found) == len(expected)
