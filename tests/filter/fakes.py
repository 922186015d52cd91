"""A corpus in memory, for steps: the text pass over a list of strings, and columns given by hand."""

import hashlib

import numpy as np

from wellkeeper.core.decision import ShingleSets
from wellkeeper.core.origin import Origin
from wellkeeper.core.signals import NO_DATE, band_name, template_band_name
from wellkeeper.filter.duplicates import banding_for
from wellkeeper.kernels import text

TABLES = text.load_tables()


class MemoryCorpus:
    scratch = None

    def __init__(
        self,
        documents,
        *,
        similarity=0.8,
        template_similarity=0.5,
        origins=None,
        captured=None,
        licences=None,
        sources=None,
        groups=None,
    ):
        self.documents = list(documents)
        encoded = [document.encode() for document in self.documents]
        self.offsets = np.cumsum([0, *map(len, encoded)]).astype(np.int64)
        self.data = np.frombuffer(b"".join(encoded), np.uint8)
        banding, second = banding_for(similarity), banding_for(template_similarity)
        made = text.text_pass(
            self.data,
            self.offsets,
            TABLES,
            bands=banding.bands,
            rows=banding.rows,
            second=(second.bands, second.rows),
        )
        digests = np.frombuffer(b"".join(hashlib.sha256(e).digest() for e in encoded), "V32")
        many = len(self.documents)
        self.names = {
            "source": list(dict.fromkeys(sources or ["all"])),
            "group": list(dict.fromkeys(groups or ["all"])),
        }
        self.columns = {
            **dict(zip(text.INTEGERS, made.integers, strict=True)),
            **dict(zip(text.SHARES, made.shares, strict=True)),
            **{band_name(band): keys for band, keys in enumerate(made.bands[: banding.bands])},
            **{template_band_name(band): keys for band, keys in enumerate(made.bands[banding.bands :])},
            "sha256": digests,
            "priority": digests.view(np.uint64).reshape(-1, 4)[:, 0].copy(),
            "origin_resolved": np.array(
                origins if origins is not None else [Origin.UNKNOWN] * many, np.uint8
            ),
            "captured_at": np.array(captured if captured is not None else [NO_DATE] * many, np.int64),
            **{
                name: np.array([self.names[name].index(value) for value in given or ["all"] * many], np.int32)
                for name, given in (("source", sources), ("group", groups))
            },
            "licence_rank": np.array(licences if licences is not None else [2] * many, np.uint8),
        }

    def __len__(self):
        return len(self.documents)

    def column(self, name):
        return self.columns[name]

    def stream(self, names, documents=None):
        """In stretches of two documents, so that whoever reads has to put them together."""
        chosen = np.arange(len(self)) if documents is None else documents
        for at in range(0, len(chosen), 2):
            some = chosen[at : at + 2]
            yield some, [self.columns[name][some] for name in names]

    def source_names(self):
        return self.names["source"]

    def group_names(self):
        return self.names["group"]

    def shingles(self, documents, order):
        bounds, hashes = text.shingle_sets(self.data, self.offsets, TABLES, documents)
        return ShingleSets(starts=bounds[:-1].copy(), sizes=np.diff(bounds), hashes=hashes)
