"""Whether the detectors count what transformers' classes count, document by document.

    python benchmarks/watermark/identical.py [--documents 100000] [--seed 0]

Prints how many documents were compared and how many differ, in the number of n-grams that count or in any sum; exits
with 1 if one does. 100,000 documents of each scheme take a few minutes.
"""

import argparse
import sys
import time

import torch
from oracles import (
    flat,
    kgw_cases,
    kgw_detector,
    kgw_reference,
    synthid_cases,
    synthid_detector,
    synthid_reference,
)


def synthid(documents: int, seed: int) -> tuple[int, int]:
    compared = different = 0
    for case in synthid_cases(documents, seed):
        ours = synthid_detector(case.settings).scores(*flat(case.batch))
        scored, layers = synthid_reference(case.settings, case.batch)
        same = (ours.scored == scored) & (ours.layers == layers).all(1)
        compared, different = compared + same.size, different + int((~same).sum())
    return compared, different


def kgw(documents: int, seed: int) -> tuple[int, int]:
    compared = different = 0
    for case in kgw_cases(documents, seed):
        ours = kgw_detector(case.settings).scores(*flat(case.batch))
        scored, green = kgw_reference(case.settings, case.batch)
        same = (ours.scored == scored) & (ours.statistic == green)
        compared, different = compared + same.size, different + int((~same).sum())
    return compared, different


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--documents", type=int, default=100_000)
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    torch.set_num_threads(1)
    wrong = 0
    for name, compare in (("SynthID", synthid), ("KGW", kgw)):
        begun = time.process_time()
        compared, different = compare(options.documents, options.seed)
        wrong += different
        print(f"{name}: {compared:,} documents, {different} differ ({time.process_time() - begun:.0f} s)")
    return int(wrong > 0)


if __name__ == "__main__":
    sys.exit(main())
