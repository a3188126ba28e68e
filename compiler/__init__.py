"""Programs in, artifacts out: what turns a `ty` program into a native library.

In: one MLIR module in the `ty` dialect, a target, options. Out: a shared library, its C header and
its manifest.

Read `pipeline.py` first: it is the list of stages, in order. Then follow a program through them:
`transforms/` (ty to ty), `planning/` (order and memory), `lowering/` with `schedules/` (ty to
LLVM), `codegen/` (LLVM to `.so`). `targets/` says what machines can do; `passes.py`,
`rewriting.py` and `diagnostics.py` are what all passes are written with.
"""
