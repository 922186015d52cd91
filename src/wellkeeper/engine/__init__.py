"""Files in, files out: readers with quarantine, sidecars, executors, progress. Knows no text statistics."""
