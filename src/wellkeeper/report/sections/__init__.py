"""The parts of a page, one module a theme: plain documents in, blocks out, no HTML."""
