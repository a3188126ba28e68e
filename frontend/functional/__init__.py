"""Functions on tensors: each records one op of `ty`, or computes it at once."""
