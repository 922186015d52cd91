"""Guardrail 1: what wrote this. Declared labels, dates, artefacts; what can be said of the corpus."""
