"""Order, reuse and offsets of buffers, on plain Python data: no MLIR here.

`plan.py` is what the compiler asks: steps over buffers come in, their order and byte offsets go
out. Under it `graph.py` holds kernels and values, `order.py` finds the order in which the fewest
bytes live at once (`search.py`), `offsets.py` gives every value its place, and `memory.py` packs
lifetimes into an arena (`skylines.py`). Under a budget (`budget.py`) kernels run again
(`recompute.py`, `sequence.py`).
"""
