"""A corpus against a reference: sets and plain deletions as oracles, then collapse, then interval coverage."""

from dataclasses import fields

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from text_sources import Source, incidence

from wellkeeper.errors import DataError
from wellkeeper.measure import jackknife, reference
from wellkeeper.measure.incidence import dense, incidence_of, ngrams
from wellkeeper.measure.jackknife import FEW, Interval
from wellkeeper.measure.reference import ReferenceTails, reference_tails, reference_tails_or_none
from wellkeeper.measure.sample import sample_of

Documents = list[list[int]]

# Documents of equal length, so that equal numbers of documents are equal numbers of words.
words = st.integers(0, 25) | st.integers(0, 400)
rows = st.lists(words, min_size=6, max_size=6)
references = st.lists(rows, min_size=20, max_size=90)
corpora = st.lists(rows, min_size=10, max_size=60)


def figures(tails: ReferenceTails) -> dict[str, Interval]:
    bands = [*tails.bands, *([tails.rare] if tails.rare else [])]
    named = {
        f"{band.band} {name}": getattr(band, name)
        for band in bands
        for name in ("coverage", "ceiling", "gap")
    }
    masses = {field.name: getattr(tails, field.name) for field in fields(tails)}
    return named | {name: found for name, found in masses.items() if isinstance(found, Interval)}


def frequency(documents: Documents, word: int) -> int:
    return sum(word in document for document in documents)


def share(of: list[int], when) -> float:
    return sum(map(bool, map(when, of))) / len(of)


@given(references, corpora)
def test_estimates_are_those_of_sets_of_words(human: Documents, other: Documents) -> None:
    tails = reference_tails(incidence(human), incidence(other))
    a, b = human[::2], human[1::2]
    size = min(len(b), len(other))
    b, other = b[:size], other[:size]
    assert (tails.reference_documents, tails.ceiling_documents, tails.documents) == (len(a), size, size)
    assert (tails.reference_words, tails.ceiling_words, tails.words) == (6 * len(a), 6 * size, 6 * size)
    in_a, in_b, in_c = ({word for document in part for word in document} for part in (a, b, other))
    limits = {"1": (1, 1), "2": (2, 2), "3-5": (3, 5), "6-20": (6, 20), ">20": (21, 10**9), "1-2": (1, 2)}
    found = {band.band: band for band in tails.bands} | ({"1-2": tails.rare} if tails.rare else {})
    for name, (least, most) in limits.items():
        types = [word for word in in_a if least <= frequency(a, word) <= most]
        assert bool(types) == (name in found)
        if types:
            assert found[name].types == len(types)
            assert found[name].coverage.estimate == pytest.approx(share(types, in_c.__contains__))
            assert found[name].ceiling.estimate == pytest.approx(share(types, in_b.__contains__))
    tokens = {name: [word for d in part for word in d] for name, part in (("a", a), ("b", b), ("c", other))}
    assert tails.lost_mass.estimate == pytest.approx(share(tokens["a"], lambda w: w not in in_c))
    assert tails.lost_mass_ceiling.estimate == pytest.approx(share(tokens["a"], lambda w: w not in in_b))
    assert tails.invented_mass.estimate == pytest.approx(share(tokens["c"], lambda w: w not in in_a))
    assert tails.invented_mass_ceiling.estimate == pytest.approx(share(tokens["b"], lambda w: w not in in_a))


@given(references, corpora)
def test_differences_are_differences_and_every_figure_lies_in_its_interval(human, other) -> None:
    tails = reference_tails(incidence(human), incidence(other))
    for band in tails.bands:
        assert band.gap.estimate == pytest.approx(band.coverage.estimate - band.ceiling.estimate)
    lost = tails.lost_mass.estimate - tails.lost_mass_ceiling.estimate
    assert tails.lost_mass_excess.estimate == pytest.approx(lost)
    invented = tails.invented_mass.estimate - tails.invented_mass_ceiling.estimate
    assert tails.invented_mass_excess.estimate == pytest.approx(invented)
    for name, found in figures(tails).items():
        assert found.low - 1e-12 <= found.estimate <= found.high + 1e-12, name
        assert found.low >= (-1 if "gap" in name or "excess" in name else 0), name
        assert found.high <= 1, name


@given(references)
def test_a_corpus_that_is_the_first_half_of_its_reference_keeps_everything(human: Documents) -> None:
    human = human[: len(human) // 2 * 2]
    tails = reference_tails(incidence(human), incidence(human[::2]))
    assert all(band.coverage.estimate == 1 for band in tails.bands)
    assert tails.lost_mass.estimate == tails.invented_mass.estimate == 0


@given(references, st.randoms())
def test_the_order_of_documents_within_the_halves_and_the_corpus_does_not_matter(human, random) -> None:
    human = human[: len(human) // 2 * 2]
    a, b, other = human[::2], human[1::2], human[1::2]
    one = reference_tails(incidence(human), incidence(other))
    a, b, other = (random.sample(part, len(part)) for part in (a, b, other))
    mixed = [document for pair in zip(a, b, strict=True) for document in pair]
    two = reference_tails(incidence(mixed), incidence(other))
    estimates = [{name: found.estimate for name, found in figures(tails).items()} for tails in (one, two)]
    assert estimates[0] == pytest.approx(estimates[1])


@given(references, corpora)
def test_dropping_documents_with_rare_types_lowers_their_coverage(human: Documents, other: Documents) -> None:
    other = other[: len(human) // 2]  # smaller than either half, so that all of it is compared
    a = human[::2]
    poorer = [document for document in other if all(frequency(a, word) not in {1, 2} for word in document)]
    before, after = (reference_tails_or_none(incidence(human), incidence(part)) for part in (other, poorer))
    if before and after and before.rare and after.rare:
        assert after.rare.coverage.estimate <= before.rare.coverage.estimate
        assert after.rare.coverage.estimate == 0
        assert after.lost_mass.estimate >= before.lost_mass.estimate


def test_a_reference_without_rare_types_has_no_rare_coverage() -> None:
    tails = reference_tails(incidence([[1, 2, 3]] * 30), incidence([[1, 2]] * 30))
    assert tails.rare is None
    assert [band.band for band in tails.bands] == ["6-20"]
    report = tails.to_json()
    assert report["coverage"] is report["ceiling"] is report["gap"] is None
    assert report["rare_types"] == 0
    assert report["bands"][0]["coverage"]["estimate"] == pytest.approx(2 / 3)
    assert tails.lost_mass.estimate == pytest.approx(1 / 3)


def test_where_all_is_kept_the_gap_is_as_unsure_as_the_shares() -> None:
    tails = reference_tails(incidence([[1, 2, 3]] * 30), incidence([[1, 2, 3]] * 30))
    band = tails.bands[0]
    assert (band.coverage.high, band.gap.estimate) == (1, 0)
    assert band.gap.low == pytest.approx(band.coverage.low - 1)
    assert band.gap.high == pytest.approx(1 - band.ceiling.low)


class TestDeletionsAndOwnVariances:
    """Each block emptied by hand, each type's contribution written out in full."""

    @pytest.fixture
    def parts(self):
        rng = np.random.default_rng(8)
        source = Source(types=150, words=12, topics=4).sampler()
        return [incidence_of(*source(documents, rng)) for documents in (110, 60, 25)]

    @pytest.fixture
    def numbered(self, parts):
        ids, types = dense(np.concatenate([part.types for part in parts]))
        return np.split(ids, np.cumsum([part.types.size for part in parts])[:-1]), types

    @staticmethod
    def tables(part, ids, types):
        """Tokens by document and type, and the block of each document."""
        table = np.zeros((part.documents, types))
        table[np.repeat(np.arange(part.documents), np.diff(part.offsets)), ids] = part.tokens
        bounds = jackknife.blocks(part.documents)
        return table, np.repeat(np.arange(bounds.size - 1), np.diff(bounds))

    @staticmethod
    def contributions(a, later, whole_a, whole_later, values):
        """What each type adds to each figure, linearised around `values`, shape (figures, types)."""
        having, has, tokens = (a > 0).sum(0), (later > 0).any(0), a.sum(0)
        all_having = (whole_a > 0).sum(0)
        rows = []
        for k, (least, most) in enumerate([(1, 1), (2, 2), (3, 5), (6, 20), (21, 10**9), (1, 2)]):
            size = ((least <= all_having) & (all_having <= most)).sum()
            rows.append(((least <= having) & (having <= most)) * (has - values[k]) / max(size, 1))
        rows.append(tokens * (~has - values[6]) / whole_a.sum())
        rows.append(later.sum(0) * ((having == 0) - values[7]) / whole_later.sum())
        return np.nan_to_num(np.array(rows))

    def test_figures_without_a_block_are_those_of_a_sample_with_that_block_emptied(
        self, parts, numbered
    ) -> None:
        ids, types = numbered
        samples = [sample_of(part, own, types) for part, own in zip(parts, ids, strict=True)]
        a, later = samples[0], samples[2]
        whole = reference._counts(a, later)
        for which, fall in ((0, reference._without_a(a, later)), (2, reference._without_later(a, later))):
            table, block_of = self.tables(parts[which], ids[which], types)
            without = whole.less(fall).shares()
            for block in range(block_of.max() + 1):
                left = table * (block_of != block)[:, None]
                documents = [np.repeat(np.arange(types), row.astype(int)).tolist() for row in left]
                emptied = incidence(documents)
                changed = sample_of(emptied, emptied.types.astype(np.int32), types)
                pair = (changed, later) if which == 0 else (a, changed)
                np.testing.assert_allclose(reference._counts(*pair).shares(), without[block], rtol=1e-12)

    @pytest.mark.parametrize("weights", [(1.0, 0.0), (0.0, 1.0), (1.0, -1.0)])
    def test_own_variances_are_sums_over_types_and_blocks_written_out(self, parts, numbered, weights) -> None:
        ids, types = numbered
        a, b, c = (sample_of(part, own, types) for part, own in zip(parts, ids, strict=True))
        values = [reference._counts(a, later).shares() for later in (c, b)]
        own = reference._own(a, b, c, (values[0][7], values[1][7]))
        found = own.variances(weights[0] * values[0] + weights[1] * values[1], weights)

        (ta, block_a), (tb, block_b), (tc, block_c) = (
            self.tables(part, numbers, types) for part, numbers in zip(parts, ids, strict=True)
        )

        def combined(a_now, b_now, c_now):
            c_part = self.contributions(a_now, c_now, ta, tc, values[0])
            b_part = self.contributions(a_now, b_now, ta, tb, values[1])
            return weights[0] * c_part + weights[1] * b_part

        whole = combined(ta, tb, tc)
        few = np.all([(table > 0).sum(0) <= FEW for table in (ta, tb, tc)], axis=0)
        proper, changes = whole**2, np.zeros_like(whole)
        for which, (table, block_of) in enumerate(((ta, block_a), (tb, block_b), (tc, block_c))):
            for block in range(block_of.max() + 1):
                now = [ta, tb, tc]
                now[which] = table * (block_of != block)[:, None]
                changes += (combined(*now) - whole) ** 2
        for squared in (proper, changes):
            squared[6:, ~few] = 0
        for figure in range(8):
            assert found[figure].proper == pytest.approx(proper[figure].sum(), rel=1e-9, abs=1e-15), figure
            assert found[figure].jackknife == pytest.approx(changes[figure].sum(), rel=1e-9, abs=1e-15), (
                figure
            )


class TestMeaning:
    """Sampling at temperature 0.7 is the smallest model of collapse: same head, thinner tail."""

    @staticmethod
    def compare(temperature: float, n: int, seed: int = 7) -> ReferenceTails:
        rng = np.random.default_rng(seed)
        human = incidence_of(*ngrams(*Source(spread=0.5).sampler()(200, rng), n))
        corpus = Source(spread=0.5, temperature=temperature).sampler()(130, rng)
        return reference_tails(human, incidence_of(*ngrams(*corpus, n)))

    def test_a_source_at_temperature_0_7_loses_its_tail_of_words(self) -> None:
        tails = self.compare(0.7, 1)
        assert tails.rare.gap.high < 0
        assert tails.lost_mass_excess.low > 0
        assert tails.invented_mass_excess.high < 0

    @pytest.mark.parametrize("n", [2, 3])
    def test_its_ngrams_show_in_the_invented_mass_and_not_in_the_gap(self, n: int) -> None:
        """Most rare n-grams join common words: a sharpened source repeats them, and the gap turns around."""
        tails = self.compare(0.7, n)
        assert tails.rare.gap.low > 0
        assert tails.invented_mass_excess.high < 0

    @pytest.mark.parametrize("n", [1, 2, 3])
    def test_the_same_source_at_temperature_1_differs_in_nothing(self, n: int) -> None:
        tails = self.compare(1.0, n)
        assert tails.rare.gap.low < 0 < tails.rare.gap.high
        assert tails.lost_mass_excess.low < 0 < tails.lost_mass_excess.high
        assert tails.invented_mass_excess.low < 0 < tails.invented_mass_excess.high

    def test_coverage_alone_would_mislead(self) -> None:
        """The same human source has only about a third of its own rare words again."""
        tails = self.compare(1.0, 1)
        assert tails.rare.coverage.high < 0.6
        assert tails.rare.ceiling.high < 0.6

    def test_the_report_holds_what_the_values_hold(self) -> None:
        tails = self.compare(0.7, 1)
        report = tails.to_json()
        assert report["gap"] == tails.rare.gap.to_json()
        assert report["lost_mass_excess"] == tails.lost_mass_excess.to_json()
        assert [band["band"] for band in report["bands"]] == [band.band for band in tails.bands]
        assert (report["documents"], report["words"]) == (tails.documents, tails.words)


@pytest.mark.parametrize(
    ("human", "other", "says"),
    [
        (
            [[1]] * 18,
            [[1]] * 50,
            r"^the first half of the reference has 9 documents, too few for an interval\. Give at least 10 documents\.$",
        ),
        ([[1]] * 19, [[1]] * 50, r"^the second half of the reference, at 9 words, has 9 documents, too few"),
        ([[1]] * 40, [[1]] * 9, r"^the second half of the reference, at 9 words, has 9 documents, too few"),
        ([[1]] * 40, [[1] * 4] * 50, r"^the corpus, at 20 words, has 5 documents, too few for an interval\."),
        (
            [[]] * 40,
            [[1]] * 50,
            r"^the first half of the reference has 20 documents and no word\. Check its text",
        ),
    ],
)
def test_what_is_too_little_is_an_error_that_says_so_or_none(
    human: Documents, other: Documents, says: str
) -> None:
    with pytest.raises(DataError, match=says):
        reference_tails(incidence(human), incidence(other))
    assert reference_tails_or_none(incidence(human), incidence(other)) is None


@pytest.mark.nightly
@pytest.mark.parametrize(
    ("human", "temperature", "documents", "n"),
    [
        (Source(), 1.0, (120, 100), 1),  # the corpus is cut to half the reference
        (Source(), 0.8, (120, 100), 1),
        (Source(), 1.0, (200, 50), 1),  # half the reference is cut to the corpus
        (Source(contrast=0, burst=0, spread=0), 1.0, (120, 100), 1),
        (Source(words=100, spread=0.5), 1.0, (120, 100), 2),
    ],
)
def test_intervals_of_95_percent_cover_the_mean_over_fresh_samples(human, temperature, documents, n) -> None:
    """1,000 worlds: a true coverage of 95 % is measured as 95 % +- 1.4 %."""
    rng = np.random.default_rng(11)
    reference_sample = human.sampler()
    settings = {field.name: getattr(human, field.name) for field in fields(human)}
    corpus_sample = Source(**settings | {"temperature": temperature}).sampler()
    worlds = []
    for _ in range(1000):
        pair = (reference_sample(documents[0], rng), corpus_sample(documents[1], rng))
        worlds.append(figures(reference_tails(*(incidence_of(*ngrams(*tokens, n)) for tokens in pair))))
    for name in set.intersection(*map(set, worlds)):
        truth = np.mean([world[name].estimate for world in worlds])
        covered = np.mean([world[name].low <= truth <= world[name].high for world in worlds])
        # Nearly all types of the band are found: its intervals are wide for safety's sake.
        most = 1.0 if name.startswith(">20") else 0.99
        assert 0.90 <= covered <= most, (name, truth, covered)
