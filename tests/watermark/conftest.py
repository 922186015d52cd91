"""Documents and oracles stand beside the benchmarks that use them at full size."""

import sys
from pathlib import Path

sys.path.append(str(Path(__file__).parents[2] / "benchmarks" / "watermark"))
