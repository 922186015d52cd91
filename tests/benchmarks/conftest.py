"""The benchmarks are scripts: their folders are where their imports are found."""

import sys
from pathlib import Path

BENCHMARKS = Path(__file__).parents[2] / "benchmarks"
sys.path += [str(BENCHMARKS), str(BENCHMARKS / "origin"), str(BENCHMARKS / "vet")]
