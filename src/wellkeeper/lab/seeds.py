"""Random numbers of an experiment: each use has its own stream, named by what it is for.

A stream hangs on its names alone. A run that goes on after a stop, or that computes its generations on another machine,
draws the same numbers, and two policies draw the same human data, so that they differ by policy only.
"""

import hashlib

import numpy as np


def stream(seed: int, *names: object) -> np.random.Generator:
    """The generator of random numbers for a use, such as `stream(0, "gaussian", replicate, generation, "sample")`."""
    said = "\x1f".join(map(str, (seed, *names)))
    return np.random.default_rng(np.frombuffer(hashlib.sha256(said.encode()).digest(), np.uint32))


def number(seed: int, *names: object) -> int:
    """A seed below 2**31 for a library that takes no generator."""
    return int(stream(seed, *names).integers(1 << 31))
