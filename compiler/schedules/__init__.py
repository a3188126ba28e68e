"""A kernel's meaning in, a way to run it out.

In: a kernel as `linalg` on tensors, and a target. Out: the same kernel as `scf` and `vector` on
buffers: tile sizes, register blocks, packing. One file a kernel family and target.
"""
