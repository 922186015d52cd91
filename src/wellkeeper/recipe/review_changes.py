"""How a set differs from what its ledger had, document by document: what people changed, and what followed."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from wellkeeper.core.decision import Decision
from wellkeeper.core.origin import LABELS
from wellkeeper.errors import InputError
from wellkeeper.ledger.why import FORGOTTEN
from wellkeeper.recipe.corpus import LoadedCorpus
from wellkeeper.recipe.decide import MIX, Decisions
from wellkeeper.recipe.findings import counted

COLUMNS = ("row", "id", "content_hash", "decision", "step", "reason", "origin", "survivor", "survivor_id")
"""What is needed of a ledger to compare with it."""
_TOLD_OF = ("decision", "step", "reason", "origin", "survivor_id")
_MOST = 1_000  # changes that are told one by one; the ledger has all


class Changes:
    """Compares what is decided now with what a ledger has."""

    def __init__(self, before: pa.Table) -> None:
        self._before = before
        self._told: dict[str, Any] = {}

    def told(self) -> dict[str, Any]:
        """What changed, for the document."""
        return self._told

    def __call__(self, corpus: LoadedCorpus, decisions: Decisions) -> None:
        assert corpus.reviewed is not None, "a review was given"
        places = self._places(corpus)
        self._check_forgotten(places)
        known = np.flatnonzero(places >= 0)
        was = {name: self._was(name, places[known]) for name in _TOLD_OF}
        now = {
            "decision": np.array([one.label for one in Decision])[decisions.decision[known]],
            "origin": np.array(LABELS)[corpus.column("origin_resolved")[known]],
        }
        kept, survivor = was["decision"] == Decision.KEEP.label, self._survivors(places, known)
        stays, goes = (now["decision"] == one.label for one in (Decision.KEEP, Decision.DROP))
        is_new, instead = was["decision"] != now["decision"], decisions.survivor[known]
        is_other = {
            "dropped": goes & is_new & (instead < 0),
            "held_back": ~stays & ~goes & is_new,
            "replaced": goes & is_new & (instead >= 0),
            "restored": stays & ~kept,
            "survivor": ~stays & ~is_new & (survivor != instead),
            "origin": was["origin"] != now["origin"],
        }
        by_people = np.isin(known, np.fromiter(corpus.reviewed.about, np.int64, len(corpus.reviewed.about)))
        changed = np.logical_or.reduce(list(is_other.values()))

        def one_by_one(some: NDArray[np.bool_]) -> list[dict[str, Any]]:
            return [
                _change(corpus, decisions, int(known[at]), {name: was[name][at] for name in was})
                for at in np.flatnonzero(some)[:_MOST].tolist()
            ]

        self._told = {
            "changed": {name: int(np.count_nonzero(mask & by_people)) for name, mask in is_other.items()},
            "changes": one_by_one(changed & by_people),
            "others": one_by_one(changed & ~by_people),
            "others_changed": int(np.count_nonzero(changed & ~by_people)),
            "left_out": self._left_out(corpus, decisions),
            "new": int(len(corpus) - len(known)),
            "gone": int(len(self._before) - len(known)),
        }

    def _check_forgotten(self, places: NDArray[np.int64]) -> None:
        """Refuse to bring back what was removed on request: the sources may still have it.

        Raises:
            InputError: they have documents that the set has not, and some were removed from that.
        """
        forgotten = int(np.count_nonzero(self._was("step", np.arange(len(self._before))) == FORGOTTEN))
        new = int(np.count_nonzero(places < 0))
        if forgotten and new:
            raise InputError(
                f"{counted(forgotten, 'document')} of the set {'was' if forgotten == 1 else 'were'} removed on "
                f"request, and the sources have {new:,} that the set has not: applying would bring back what was "
                "removed. Remove it from the sources, then run this again."
            )

    def _left_out(self, corpus: LoadedCorpus, decisions: Decisions) -> list[str]:
        """Ids of documents that readers kept, or restored, and the mix had no room for."""
        assert corpus.reviewed is not None
        if MIX not in decisions.steps:
            return []
        wanted = sorted(
            row for row, about in corpus.reviewed.about.items() if any(one.keep == "keep" for one in about)
        )
        out = [row for row in wanted if decisions.step[row] == decisions.steps.index(MIX)]
        out = [row for row in out if decisions.decision[row] != Decision.KEEP]
        return corpus.strings("id", out)

    def _places(self, corpus: LoadedCorpus) -> NDArray[np.int64]:
        """Where each document stands in the ledger as it was; -1: it was not in it."""
        hashes = corpus.column("sha256")
        theirs = np.frombuffer(b"".join(self._before.column("content_hash").to_pylist()), "V32")
        if len(hashes) == len(theirs) and np.array_equal(hashes, theirs):
            return np.arange(len(hashes))
        held: dict[tuple[bytes, str], list[int]] = {}
        for at, (digest, name) in enumerate(
            zip(theirs.tolist(), self._before.column("id").to_pylist(), strict=True)
        ):
            held.setdefault((bytes(digest), name), []).append(at)
        found = np.full(len(hashes), -1, np.int64)
        for row, (digest, name) in enumerate(
            zip(hashes.tolist(), corpus.strings("id", range(len(hashes))), strict=True)
        ):
            if places := held.get((bytes(digest), name)):
                found[row] = places.pop(0)
        return found

    def _was(self, name: str, places: NDArray[np.int64]) -> NDArray[np.object_]:
        column = self._before.column(name).cast(pa.string()).to_numpy()
        return np.asarray(column, object)[places]

    def _survivors(self, places: NDArray[np.int64], known: NDArray[np.int64]) -> NDArray[np.int64]:
        """Rows, as they are numbered now, of the documents that stayed in the place of others; -1: none did."""
        moved = np.full(len(self._before) + 1, -1, np.int64)
        moved[places[known]] = known
        theirs = self._before.column("survivor").fill_null(len(self._before)).to_numpy().astype(np.int64)
        return np.asarray(moved[theirs[places[known]]], np.int64)


def _change(corpus: LoadedCorpus, decisions: Decisions, row: int, was: Mapping[str, Any]) -> dict[str, Any]:
    """One document, as it was and as it is."""
    assert corpus.reviewed is not None
    step, reason = int(decisions.step[row]), int(decisions.reason[row])
    about = corpus.reviewed.about.get(row, [])
    survivor = int(decisions.survivor[row])
    return {
        "row": row,
        "id": corpus.strings("id", [row])[0],
        "labels": list(dict.fromkeys(one.label for one in about)),
        "reviewers": list(dict.fromkeys(name for one in about for name in one.reviewers)),
        "entries": sorted({line for one in about for line in one.entries}),
        "before": was,
        "after": {
            "decision": Decision(int(decisions.decision[row])).label,
            "step": None if step < 0 else decisions.steps[step],
            "reason": None if reason < 0 else decisions.reasons[reason],
            "origin": LABELS[int(corpus.column("origin_resolved")[row])],
            "survivor_id": None if survivor < 0 else corpus.strings("id", [survivor])[0],
        },
    }
