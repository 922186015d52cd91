"""How an answer gets its score: by a rule, by a program, or by another model."""
