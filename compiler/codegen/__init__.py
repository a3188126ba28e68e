"""Lowered kernels in, machine code out.

In: modules in the `llvm` or `nvvm` dialect and a memory plan. Out: objects or PTX, linked to one
shared library, with a C header and a manifest.

Read `native.py` (LLVM to objects), then `link.py` (objects and C runtime to `.so`), then
`header.py`.
"""
