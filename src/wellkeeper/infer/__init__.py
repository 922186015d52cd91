"""Samplers: models behind an endpoint, in this process or in a recording, asked so that no answer is paid for twice."""
