"""The benchmarks are scripts: their folder is where their imports are found."""

import sys
from pathlib import Path

sys.path.append(str(Path(__file__).parents[2] / "benchmarks"))
