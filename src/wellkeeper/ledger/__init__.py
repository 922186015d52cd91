"""The record of a run: a row for every input document, evidence, manifest, and what answers why."""
