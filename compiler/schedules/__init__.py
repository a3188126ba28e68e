"""A kernel's meaning in, a way to run it out.

In: a kernel as `linalg` on tensors, and a target. Out: the same kernel as `scf` and `vector` on
buffers, with its items, packed constants and cost (`kernel.py`).

`select.py` picks the family of `families.py` with the least estimated time, or the one that a
`choice.py` names: `contraction.py` (matrix products, convolutions), `loops.py` (all else),
`loops_opaque.py` (ops with loops of their own). The first two stand on `structure.py` (a generic,
read), `affine.py` (index expressions), `evaluation.py` (tensors as code), `memory.py` (loads and
stores).
"""
