"""The tools that `benchmarks/duplicates.py` runs beside wellkeeper, each in an environment of its own."""
