"""Guardrail 6: people. What is worth a person's look, in an order that pays, and what they say, kept for good."""
