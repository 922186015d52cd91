"""Guardrail 3: synthetic sets admitted against human references, by measured verifiers."""
