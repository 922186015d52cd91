"""Numba kernels over Arrow text buffers: one pass a document, numeric columns out."""
