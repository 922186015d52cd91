"""A corpus in memory, for steps: the text pass over a list of strings, and columns given by hand."""

import hashlib

import numpy as np

from wellkeeper.core.decision import ShingleSets
from wellkeeper.core.origin import Origin
from wellkeeper.core.signals import NO_DATE, band_name
from wellkeeper.filter.duplicates import banding_for
from wellkeeper.kernels import text

TABLES = text.load_tables()


class MemoryCorpus:
    def __init__(self, documents, *, similarity=0.8, origins=None, captured=None, licences=None):
        self.documents = list(documents)
        encoded = [document.encode() for document in self.documents]
        self.offsets = np.cumsum([0, *map(len, encoded)]).astype(np.int64)
        self.data = np.frombuffer(b"".join(encoded), np.uint8)
        banding = banding_for(similarity)
        made = text.text_pass(self.data, self.offsets, TABLES, bands=banding.bands, rows=banding.rows)
        many = len(self.documents)
        self.columns = {
            **dict(zip(text.INTEGERS, made.integers, strict=True)),
            **dict(zip(text.SHARES, made.shares, strict=True)),
            **{band_name(band): keys for band, keys in enumerate(made.bands)},
            "sha256": np.frombuffer(b"".join(hashlib.sha256(e).digest() for e in encoded), "V32"),
            "origin_resolved": np.array(
                origins if origins is not None else [Origin.UNKNOWN] * many, np.uint8
            ),
            "captured_at": np.array(captured if captured is not None else [NO_DATE] * many, np.int64),
            "licence_rank": np.array(licences if licences is not None else [2] * many, np.uint8),
        }

    def __len__(self):
        return len(self.documents)

    def column(self, name):
        return self.columns[name]

    def source_names(self):
        return ("all",)

    def shingles(self, documents, order):
        bounds, hashes = text.shingle_sets(self.data, self.offsets, TABLES, documents)
        return ShingleSets(starts=bounds[:-1].copy(), sizes=np.diff(bounds), hashes=hashes)
