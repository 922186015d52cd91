"""The log of a review, as `wellkeeper.core.trail` defines it: the seal of a folder is checked by the same rules."""

from wellkeeper.core.trail import ACTS, SCHEMA, START, Act, Entry, breaks, chained, read_entry

__all__ = ["ACTS", "SCHEMA", "START", "Act", "Entry", "breaks", "chained", "read_entry"]
