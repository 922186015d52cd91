"""Make src/wellkeeper/lab/digits.npz: the 1,797 handwritten digits of the UCI repository that scikit-learn carries.

    python benchmarks/lab/make_digits.py [OUT]

Pixels are whole numbers from 0 to 16: how many of 4 x 4 points of the scanned digit are black. The order is
scikit-learn's. The same version of numpy gives the same bytes.
"""

import argparse
from pathlib import Path

import numpy as np
from sklearn.datasets import load_digits

PLACE = Path(__file__).parents[2] / "src" / "wellkeeper" / "lab" / "digits.npz"


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("out", type=Path, nargs="?", default=PLACE)
    out = parser.parse_args().out
    digits = load_digits()
    np.savez_compressed(out, pixels=digits.data.astype(np.uint8), labels=digits.target.astype(np.uint8))
    print(f"{out}: {len(digits.target):,} digits, {out.stat().st_size:,} bytes")


if __name__ == "__main__":
    main()
