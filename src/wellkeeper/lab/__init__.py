"""Guardrail 8: model collapse reproduced against exact theory, forecast for a corpus, and proof that curation helps."""
