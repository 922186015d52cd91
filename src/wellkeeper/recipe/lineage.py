"""Who was made from whom: parents found by id or text, here or in earlier sets, and each document's depth."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from numpy.typing import NDArray

from wellkeeper.core.lineage import UNKNOWN_DEPTH, sha256_in
from wellkeeper.core.origin import Origin
from wellkeeper.ledger.folder import open_part_tables
from wellkeeper.ledger.parents import Descent, depths_of
from wellkeeper.ledger.rows import PARENTS, depth_of, table_of

if TYPE_CHECKING:
    from wellkeeper.recipe.corpus import LoadedCorpus

NAMESAKES = 8
"""Documents that may bear one name, as copies of a text do: of more the first ones in reading order count."""


SEARCHED_ROWS = 1 << 20
"""Rows that are searched for names at once."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Lineage:
    """Depth of every document of a corpus, and the parents that documents name; arrays of these share one length."""

    depth: NDArray[np.uint8]  # shape (documents,)
    circular: NDArray[np.int64]  # documents whose parents lead in a circle, ascending
    child: NDArray[np.int64]  # ascending
    name: NDArray[np.int32]  # index into `names`
    parent: NDArray[np.int64]  # the first document of that name, -1: none of this corpus
    names: tuple[str, ...]
    outside: Mapping[int, tuple[str, int]]  # name -> earlier set that has it, and its depth there

    def facts(self) -> dict[str, int]:
        """What reports tell: parents named and where they were found, and documents in circles."""
        elsewhere = np.isin(self.name, np.array(list(self.outside), np.int32)) & (self.parent < 0)
        return {
            "named": len(self.child),
            "children": len(np.unique(self.child)),
            "here": int(np.count_nonzero(self.parent >= 0)),
            "earlier": int(np.count_nonzero(elsewhere)),
            "missing": int(np.count_nonzero((self.parent < 0) & ~elsewhere)),
            "circular": len(self.circular),
        }


def lineage_of(corpus: "LoadedCorpus", earlier: Mapping[str, Path]) -> Lineage:
    """Depths of all documents.

    A parent is looked for among the documents of its child's own source, then in all of the corpus, then in the
    ledgers of earlier sets.

    Args:
        corpus: the documents.
        earlier: folders of earlier sets, by name; those without a ledger are passed over.
    """
    origin = corpus.column("origin_resolved")
    child, name, names = _named_parents(corpus)
    edges, places = _found_here(corpus, child, name, names)
    first = np.full(len(child), -1, np.int64)
    first[edges[::-1]] = places[::-1]  # the first of each name is written last
    lost = np.unique(name[first < 0])
    outside = _found_earlier(lost, names, earlier)
    missing = np.flatnonzero(first < 0)
    given = np.array([outside.get(k, ("", UNKNOWN_DEPTH))[1] for k in name[missing].tolist()], np.uint8)
    descent = Descent(
        child=np.concatenate([child[edges], child[missing]]),
        parent=np.concatenate([places, np.full(len(missing), -1, np.int64)]),
        depth=np.concatenate([np.full(len(edges), UNKNOWN_DEPTH, np.uint8), given]),
    )
    found = depths_of(
        depth_of(origin, corpus.column("declared_depth")), descent, human=origin == Origin.HUMAN
    )
    return Lineage(
        depth=found.depth,
        circular=found.circular,
        child=child,
        name=name,
        parent=first,
        names=names,
        outside=outside,
    )


def _named_parents(corpus: "LoadedCorpus") -> tuple[NDArray[np.int64], NDArray[np.int32], tuple[str, ...]]:
    """Child and name of each parent named, by ascending child, and the names."""
    children: list[NDArray[np.int64]] = []
    codes: list[NDArray[np.int32]] = []
    seen: dict[str, int] = {}
    for block, rows in corpus.sidecars.companions("parents"):
        children.append(rows.column("document").to_numpy() + block.first)
        encoded = rows.column("parent").combine_chunks().dictionary_encode()
        mapping = np.array(
            [seen.setdefault(name, len(seen)) for name in encoded.dictionary.to_pylist()], np.int32
        )
        codes.append(mapping[encoded.indices.to_numpy()])
    if not children:
        return np.zeros(0, np.int64), np.zeros(0, np.int32), ()
    return np.concatenate(children), np.concatenate(codes), tuple(seen)


def _found_here(
    corpus: "LoadedCorpus", child: NDArray[np.int64], name: NDArray[np.int32], names: Sequence[str]
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Which of the parents named are documents of the corpus: places in `child`, ascending, and the documents."""
    if not names:
        return np.zeros(0, np.int64), np.zeros(0, np.int64)
    bearer, document = _bearers(corpus, names)
    groups = corpus.group_of().astype(np.int64)
    many = int(groups.max(initial=0)) + 1
    own = bearer * many + groups[document]
    order = np.lexsort((document, own))
    near, at_near = _matches(name.astype(np.int64) * many + groups[child], own[order])
    alone = np.setdiff1d(np.arange(len(child)), near)
    order_all = np.lexsort((document, bearer))
    far, at_far = _matches(name[alone].astype(np.int64), bearer[order_all])
    edges = np.concatenate([near, alone[far]])
    places = np.concatenate([document[order][at_near], document[order_all][at_far]])
    ranks = np.lexsort((places, edges))
    return edges[ranks], places[ranks]


def _matches(
    wanted: NDArray[np.int64], keys: NDArray[np.int64]
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Pairs of places with equal values, of keys that ascend; at most `NAMESAKES` for each wanted value."""
    low, high = np.searchsorted(keys, wanted), np.searchsorted(keys, wanted, side="right")
    counts = np.minimum(high - low, NAMESAKES)
    left = np.repeat(np.arange(len(wanted)), counts)
    steps = np.arange(len(left)) - np.repeat(np.cumsum(counts) - counts, counts)
    return left, np.repeat(low, counts) + steps


def _bearers(corpus: "LoadedCorpus", names: Sequence[str]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Every document that bears one of the names, as its id or the SHA-256 of its text: name and document."""
    wanted = _Names.of(names)
    tables = (
        pq.read_table(block.path, columns=["id", "sha256"], use_threads=False)
        for block in corpus.sidecars.blocks
    )
    codes: list[NDArray[np.int64]] = []
    documents: list[NDArray[np.int64]] = []
    first = 0
    for table in _gathered(tables):
        code, row = wanted.borne_by(table)
        codes.append(code)
        documents.append(row + first)
        first += len(table)
    return np.concatenate(codes), np.concatenate(documents)


def _gathered(tables: Iterable[pa.Table]) -> Iterator[pa.Table]:
    """The same rows in larger tables: each search for names first makes a table of the names."""
    waiting: list[pa.Table] = []
    for table in tables:
        waiting.append(table)
        if sum(map(len, waiting)) >= SEARCHED_ROWS:
            yield pa.concat_tables(waiting)
            waiting = []
    if waiting:
        yield pa.concat_tables(waiting)


@dataclass(frozen=True, slots=True, eq=False)
class _Names:
    """Names to look for: each as an id, and those that are a SHA-256 as that, too, however it is written."""

    ids: pa.Array
    digests: tuple[bytes, ...]  # ascending, each once
    codes: NDArray[np.int64]  # names by digest: those of digest k are codes[bounds[k]:bounds[k + 1]]
    bounds: NDArray[np.int64]

    @classmethod
    def of(cls, names: Sequence[str]) -> "_Names":
        found = sorted(
            (digest, code) for code, name in enumerate(names) if (digest := sha256_in(name)) is not None
        )
        digests = tuple(dict.fromkeys(digest for digest, _ in found))
        firsts = [
            place for place, (digest, _) in enumerate(found) if not place or found[place - 1][0] != digest
        ]
        return cls(
            ids=pa.array(names, pa.string()),
            digests=digests,
            codes=np.array([code for _, code in found], np.int64),
            bounds=np.array([*firsts, len(found)], np.int64),
        )

    def borne_by(self, table: pa.Table) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Name and row of every match in a table whose first column is ids and whose second is digests."""
        code, row = _matching(table.column(0), self.ids)
        if not self.digests:
            return code, row
        digest, at = _matching(table.column(1), pa.array(self.digests, table.column(1).type))
        times = np.diff(self.bounds)[digest]
        steps = np.arange(times.sum()) - np.repeat(np.cumsum(times) - times, times)
        by_digest = self.codes[np.repeat(self.bounds[digest], times) + steps]
        return np.concatenate([code, by_digest]), np.concatenate([row, np.repeat(at, times)])


def _matching(column: Any, values: pa.Array) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Place among the values, and row, of each row that has one of them."""
    found = pc.index_in(column, value_set=values)
    rows = np.flatnonzero(np.asarray(pc.is_valid(found)))
    return np.asarray(found.take(pa.array(rows))).astype(np.int64), rows


def _found_earlier(
    lost: NDArray[np.int32], names: Sequence[str], earlier: Mapping[str, Path]
) -> dict[int, tuple[str, int]]:
    """Of names that no document here bears: the first earlier set that has one, and the depth of its deepest there."""
    found: dict[int, tuple[str, int]] = {}
    for set_name, folder in earlier.items():
        left = [code for code in lost.tolist() if code not in found]
        if left and (folder / "ledger" / "documents").is_dir():
            depths = _depths_in_ledger(folder, [names[code] for code in left])
            found |= {left[place]: (set_name, depth) for place, depth in depths.items()}
    return found


def _depths_in_ledger(folder: Path, names: Sequence[str]) -> dict[int, int]:
    """Place in `names` -> depth, of those that a ledger has; unknown if it is of any document of that name."""
    wanted = _Names.of(names)
    batches = open_part_tables(folder, "documents").to_batches(columns=["id", "content_hash", "depth"])
    deepest = np.full(len(names), -1, np.int64)
    for table in _gathered(pa.Table.from_batches([batch]) for batch in batches):
        code, row = wanted.borne_by(table)
        np.maximum.at(deepest, code, table.column("depth").to_numpy()[row].astype(np.int64))
    return {int(place): int(deepest[place]) for place in np.flatnonzero(deepest >= 0)}


def parent_table(corpus: "LoadedCorpus", lineage: Lineage, low: int, high: int) -> pa.Table:
    """The ledger's rows of parents that documents [low, high) name."""
    first, last = np.searchsorted(lineage.child, (low, high)).tolist()
    child, name, parent = (column[first:last] for column in (lineage.child, lineage.name, lineage.parent))
    sets = [
        lineage.outside.get(code) if row < 0 else None
        for code, row in zip(name.tolist(), parent.tolist(), strict=True)
    ]
    depth = np.where(parent >= 0, lineage.depth[parent], UNKNOWN_DEPTH).astype(np.uint8)
    outside = [place for place, one in enumerate(sets) if one is not None]
    depth[outside] = [one[1] for one in sets if one is not None]
    return table_of(
        {
            "row": child.astype(np.uint64),
            "id": corpus.strings("id", child.tolist()),
            "parent": [lineage.names[code] for code in name.tolist()],
            "parent_row": parent,
            "against": [None if one is None else one[0] for one in sets],
            "depth": depth,
        },
        schema=PARENTS,
    )
