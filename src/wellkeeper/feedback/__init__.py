"""Guardrail 5: rejection sampling and selective self-training, in rounds that stop when they start to hurt."""
