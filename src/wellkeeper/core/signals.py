r"""The numeric columns that the text pass makes for every document: names, types, units, meaning.

A *word* is a run of letters, digits, underscores and the marks on them (Unicode categories L, N, Pc, M),
compared as NFKC_Casefold; in scripts written without spaces (Han, Kana, Thai, Lao, Khmer, Myanmar) each
letter with its marks is a word. A *line* is what `\n` separates, stripped of white space, and counts if not empty. A
*paragraph* is what one or more empty lines separate. Characters are Unicode code points. Shares are in
[0, 1]; shares of characters have all characters of the text as denominator.
"""

from typing import NamedTuple


class Signal(NamedTuple):
    name: str
    type: str  # numpy type
    meaning: str


COUNTS: tuple[Signal, ...] = (
    Signal("bytes", "i8", "bytes of UTF-8"),
    Signal("chars", "i8", "code points"),
    Signal("words", "i8", "words"),
    Signal("lines", "i8", "non-empty lines"),
    Signal("paragraphs", "i8", "paragraphs"),
    Signal("shingles", "i8", "word 5-grams, repeats counted; 1 for a text of 1 to 4 words"),
    Signal("invisible", "i8", "zero-width, bidirectional, tag and variation-selector characters"),
    Signal("invisible_run", "i8", "longest run of such characters"),
)

QUALITY: tuple[Signal, ...] = (
    Signal("mean_word_length", "f4", "mean characters of a word"),
    Signal("hash_ratio", "f4", "'#' characters per word"),
    Signal("ellipsis_ratio", "f4", "ellipses ('...' or U+2026) per word"),
    Signal(
        "bullet_line_share", "f4", "share of lines that start with a bullet (U+2022, '-' or '*' and a space)"
    ),
    Signal("ellipsis_line_share", "f4", "share of lines that end with an ellipsis"),
    Signal("alpha_word_share", "f4", "share of words with at least one letter"),
    Signal("stop_words", "i4", "how many of the words are the, be, to, of, and, that, have, with"),
    Signal("stop_words_distinct", "i4", "how many different ones of those eight occur"),
    Signal("duplicate_line_share", "f4", "share of lines that repeat an earlier line"),
    Signal("duplicate_line_char_share", "f4", "share of characters in such lines"),
    Signal("duplicate_paragraph_share", "f4", "share of paragraphs that repeat an earlier one"),
    Signal("duplicate_paragraph_char_share", "f4", "share of characters in such paragraphs"),
    Signal("top_2gram_char_share", "f4", "share of characters covered by the most frequent word 2-gram"),
    Signal("top_3gram_char_share", "f4", "the same for 3-grams"),
    Signal("top_4gram_char_share", "f4", "the same for 4-grams"),
    Signal(
        "duplicate_5gram_char_share", "f4", "share of characters in word 5-grams seen before, not overlapping"
    ),
    Signal("duplicate_6gram_char_share", "f4", "the same for 6-grams"),
    Signal("duplicate_7gram_char_share", "f4", "the same for 7-grams"),
    Signal("duplicate_8gram_char_share", "f4", "the same for 8-grams"),
    Signal("duplicate_9gram_char_share", "f4", "the same for 9-grams"),
    Signal("duplicate_10gram_char_share", "f4", "the same for 10-grams"),
    Signal("terminal_line_share", "f4", "share of lines that end with . ! ? or a closing quotation mark"),
    Signal("short_line_share", "f4", "share of lines of at most 30 characters"),
    Signal("newline_ratio", "f4", "line feeds per word"),
    Signal("c4_sentences", "i4", "sentence ends in the lines that C4's line rules keep"),
    Signal("curly_brackets", "i4", "'{' characters"),
    Signal("lorem_ipsum", "u1", "1 if the phrase 'lorem ipsum' occurs, any case"),
)

DECLARED: tuple[Signal, ...] = (
    Signal("source", "i4", "index into the corpus's source names"),
    Signal(
        "origin", "u1", "declared origin, an `Origin`; a per-document label wins over the source's default"
    ),
    Signal(
        "origin_marked", "u1", "what credentials and disclosures state, an `Origin`; `UNKNOWN` without any"
    ),
    Signal("captured_at", "i8", "seconds since 1970-01-01 UTC; `NO_DATE` where none is known"),
    Signal("captured_basis", "u1", "how the date is known, a `DateBasis`"),
    Signal(
        "consent", "u1", "to training, resolved from what the source declares and all signals, a `Consent`"
    ),
    Signal("rights_signals", "u2", "which signals deny training and which allow it, `core.optouts.KINDS`"),
    Signal(
        "declared_depth",
        "u1",
        "generations of models that the document, its source or its label says; 255: none",
    ),
    Signal("licence", "i4", "index into the corpus's licence names; -1 where none is declared"),
    Signal("reference", "u1", "1 if the document belongs to the recipe's reference source"),
)

EVIDENCE: tuple[Signal, ...] = (
    Signal("evidence_mask", "u8", "bit k is set if the evidence kind with bit k was seen"),
)

IDENTITY: tuple[Signal, ...] = (
    Signal(
        "sha256",
        "S32",
        "SHA-256 of the text's UTF-8 bytes, with its credential if it carried one; numpy type V32",
    ),
    Signal("priority", "u8", "hash(seed, sha256, position): the order in which documents are sampled"),
)

NO_DATE = -(2**63)


def band_name(band: int) -> str:
    """Column of one sketch band: all documents with equal values are near-duplicate candidates."""
    return f"band_{band:02d}"


def template_band_name(band: int) -> str:
    """The same for templates, whose bands find lower similarities; made where a step asks for them."""
    return f"template_band_{band:02d}"


DERIVED: tuple[Signal, ...] = (
    Signal("group", "i4", "index into the names of the recipe's sources"),
    Signal("origin_resolved", "u1", "the declared origin and all evidence combined, an `Origin`"),
    Signal("ai_log_odds", "f4", "log10 odds of AI against human authorship, prior included"),
    Signal("strength", "u1", "`Strength` of the strongest evidence seen"),
    Signal("conflict", "u1", "1 if strong evidence points both ways"),
    Signal("licence_rank", "u1", "0 an open licence, 1 another or unrecognised one, 2 none declared"),
    Signal("depth", "u1", "generations of models behind the text, from its parents; 255: unknown"),
    Signal("month", "i4", "months since 1970-01 of `captured_at`; -1 where none is known"),
)
"""Columns that follow from the others and are made when the corpus is loaded."""
