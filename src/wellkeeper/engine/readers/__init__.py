"""Readers of every input format, behind one contract (see `base`)."""
