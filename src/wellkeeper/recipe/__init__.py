"""YAML to frozen dataclasses; plan, run, resume. Composes the guardrails."""
