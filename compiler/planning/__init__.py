"""Order, reuse and offsets of buffers, on plain Python data: no MLIR here.

`memory.py` packs lifetimes into an arena. In come sizes and lifetimes, out go byte offsets.
"""
