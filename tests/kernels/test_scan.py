"""The first sieve against the plainest oracle: `anchor in text.lower()`."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from wellkeeper.errors import DataError
from wellkeeper.kernels.scan import AnchorTable, anchor_table, candidates

# Few letters of unlike frequency, capitals, signs that bit 5 would merge with others, and a byte of UTF-8: matches are common.
letters = st.sampled_from(b"abAB[{@`\xe2\x80 ")
anchors = st.lists(
    st.lists(letters, min_size=7, max_size=12).map(lambda x: bytes(x).lower()), min_size=1, max_size=8
)
pieces = st.lists(letters, max_size=60).map(bytes)


@st.composite
def anchors_and_documents(draw: st.DrawFn) -> tuple[list[bytes], list[bytes]]:
    """Anchors, and documents of random letters with anchors, in any case, in most of them."""
    wanted = draw(anchors)
    planted = st.sampled_from(wanted) | st.sampled_from(wanted).map(bytes.upper)
    texts = draw(st.lists(st.lists(pieces | planted, max_size=6).map(b"".join), max_size=8))
    return sorted(set(wanted)), texts


def pairs(texts: list[bytes], table: AnchorTable, *, lead: bytes = b"") -> list[tuple[int, int]]:
    data = np.frombuffer(lead + b"".join(texts) + b"abab", np.uint8)
    offsets = np.cumsum([len(lead), *map(len, texts)]).astype(np.int64)
    found, which = candidates(data, offsets, table)
    return list(zip(found.tolist(), which.tolist(), strict=True))


@given(anchors_and_documents(), st.binary(max_size=5))
def test_every_anchor_is_found_in_every_document_that_holds_it_and_nowhere_else(drawn, lead) -> None:
    anchors, documents = drawn
    expected = [
        (number, which)
        for number, text in enumerate(documents)
        for which, anchor in enumerate(anchors)
        if anchor in text.lower()
    ]
    found = pairs(documents, anchor_table(anchors), lead=lead)
    assert sorted(found) == expected
    assert [document for document, _ in found] == sorted(document for document, _ in found)


@pytest.mark.parametrize("size", [7, 8, 9, 16])
@pytest.mark.parametrize("lead", [b"", b"..", b"....."])
def test_no_place_in_the_text_is_missed(size: int, lead: bytes) -> None:
    anchor = b"0123456789abcdef"[:size]
    texts = [b"." * shift + anchor + b"." * 3 for shift in range(70)]
    assert pairs(texts, anchor_table([anchor]), lead=lead) == [(number, 0) for number in range(70)]
    assert pairs([anchor], anchor_table([anchor]), lead=lead) == [(0, 0)]


def test_an_anchor_does_not_reach_over_the_end_of_a_document() -> None:
    assert pairs([b"..chat", b"gpt..", b"chatgpt"], anchor_table([b"chatgpt"])) == [(2, 0)]


def test_more_pairs_than_the_first_buffer_holds_are_all_returned() -> None:
    assert len(pairs([b"xx chatgpt xx"] * 5_000, anchor_table([b"chatgpt"]))) == 5_000


def test_no_document_and_empty_documents_have_no_anchor() -> None:
    table = anchor_table([b"chatgpt"])
    assert pairs([], table) == []
    assert pairs([b"", b"", b"cha"], table) == []


@pytest.mark.parametrize(
    ("anchors", "says"),
    [
        ([], r"no anchor to scan for\. Give at least one string of 7 bytes\.$"),
        ([b"abcdef"], r"anchor b'abcdef' cannot be scanned for\. Give at least 7 bytes, in lower case"),
        ([b"ChatGPT"], r"anchor b'ChatGPT' cannot be scanned for\. .* folded before it is compared\.$"),
    ],
)
def test_errors_say_what_was_found_and_what_to_do(anchors: list[bytes], says: str) -> None:
    with pytest.raises(DataError, match=says):
        anchor_table(anchors)
