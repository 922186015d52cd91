"""The words of the house: documents, origins, evidence, decisions, findings, rights. Plain types, no I/O."""
