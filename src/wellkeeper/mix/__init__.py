"""Guardrail 2b, in: caps, synthetic share, human floor, target size."""
