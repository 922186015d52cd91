"""Guardrail 2a, out: exact and near duplicates, repetition, quality."""
