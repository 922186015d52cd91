"""Watermarks in text: detectors with exact null distributions, keys, writers, and the question who swallowed them."""
