"""Runs that other tools have logged, as runs of ours."""
