"""How an answer gets its score: by a rule, by a program, or by another model."""

from wellkeeper.suites.scorers.catalogue import KINDS, scorer_of

__all__ = ["KINDS", "scorer_of"]
