"""Plain graphs in, plans out: order, recomputation, byte offsets in one arena.

In: values with sizes, and the steps that make and use them. Out: an order of steps and an offset
for each value. There is no MLIR here: plans are made, tested and measured on plain Python data.
"""
