"""`ty` kernels in, `linalg`, then loops, then `llvm` out.

In: a kernel, which is a function of `ty` ops. Out: the same function on buffers, ready for codegen.
Each family of ops has one file, of the same stem as in `dialects/ty`.

Read `elementwise.py` first: one rule lowers the whole family.
"""
