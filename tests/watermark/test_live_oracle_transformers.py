"""SynthID and KGW beside the installed transformers: a change of its classes would show here first."""

import numpy as np
import pytest

pytest.importorskip("torch")
pytest.importorskip("transformers")

from oracles import (
    flat,
    kgw_cases,
    kgw_detector,
    kgw_reference,
    synthid_cases,
    synthid_detector,
    synthid_processor,
    synthid_reference,
)

from wellkeeper.watermark.kgw import permutation
from wellkeeper.watermark.synthid import table_of

pytestmark = [
    pytest.mark.torch,
    pytest.mark.filterwarnings("ignore"),  # transformers' own, which this repository cannot mend
]

DOCUMENTS = 2000


def test_synthid_counts_what_transformers_counts() -> None:
    for case in synthid_cases(DOCUMENTS, seed=1):
        ours = synthid_detector(case.settings).scores(*flat(case.batch))
        scored, layers = synthid_reference(case.settings, case.batch)
        np.testing.assert_array_equal(ours.scored, scored)
        np.testing.assert_array_equal(ours.layers, layers)


def test_kgw_counts_what_transformers_counts() -> None:
    for case in kgw_cases(DOCUMENTS, seed=1, rows=100):
        ours = kgw_detector(case.settings).scores(*flat(case.batch))
        scored, green = kgw_reference(case.settings, case.batch)
        np.testing.assert_array_equal(ours.scored, scored)
        np.testing.assert_array_equal(ours.statistic, green)


@pytest.mark.parametrize("seed", [0, 1, 15_485_863, (1 << 32) + 7, (1 << 63) - 1])
def test_tables_and_permutations_are_those_of_torch(seed: int) -> None:
    import torch

    table = synthid_processor({"ngram_length": 5, "depth": 1, "history": 4, "table_seed": seed, "keys": [1]})
    np.testing.assert_array_equal(table_of(seed), table.sampling_table.numpy())
    for size in (2, 625, 50_257, 1_000_003):
        generator = torch.Generator().manual_seed(seed)
        np.testing.assert_array_equal(
            permutation(size, seed), torch.randperm(size, generator=generator).numpy()
        )
