"""Logs of other tools, read as runs.

A module a tool, with two functions: `is_log(path)`, which reads a few KB at most and never raises, and
`read_log(path, choices)`, the run. Logs are read as JSON: none of the tools need be installed.
"""
