"""What repetition costs at least: a linear programme at one turn of an order.

At a turn the kernels behind it need values from before it. Each of these either lives there, or its
kernel runs again later, which reads values for which the same holds. The bytes that live are within
the budget. The fractions that cost the least bound what any plan in this order costs (the slice at
one turn of the programme of Checkmate, Jain 2020).
"""

from __future__ import annotations

import numpy as np

from tyc.compiler.planning.replay import Replayer


def least_extra(replayer: Replayer, turn: int, budget: int) -> float:
    """The least extra cost of a plan whose first runs are in this order; infinity where none
    fits."""
    from scipy.optimize import linprog
    from scipy.sparse import coo_matrix

    needed, closure = _needs(replayer, turn)
    number = {s: i for i, s in enumerate(closure)}
    kernels = sorted({replayer.producer[s] for s in closure if s in replayer.producer})
    runs = {k: len(closure) + i for i, k in enumerate(kernels)}
    rows: list[tuple[int, int, float]] = []
    limits: list[float] = []

    def at_least(limit: float, *terms: tuple[int, float]) -> None:
        rows.extend((len(limits), column, -factor) for column, factor in terms)
        limits.append(-limit)

    def there(s: int) -> list[tuple[int, float]]:
        again = [(runs[replayer.producer[s]], 1.0)] if s in replayer.producer else []
        return [(number[s], 1.0), *again]

    for s in needed:
        at_least(1.0, *there(s))
    for k in kernels:
        for s in replayer.reads[k]:
            if s in number:
                at_least(0.0, (runs[k], -1.0), *there(s))
    at_least(-float(budget), *((number[s], -float(replayer.size[s])) for s in closure))
    i, j, factors = zip(*rows)
    matrix = coo_matrix((factors, (i, j)), shape=(len(limits), len(closure) + len(kernels)))
    costs = np.zeros(matrix.shape[1])
    costs[len(closure) :] = [replayer.cost[k] for k in kernels]
    found = linprog(costs, A_ub=matrix.tocsr(), b_ub=limits, bounds=(0, 1), method="highs")
    return float(found.fun) if found.status == 0 else float("inf")


def _needs(replayer: Replayer, turn: int) -> tuple[list[int], list[int]]:
    """The storages made up to a turn that are read behind it, and all they can be made from."""
    made = {s for k in replayer.order[: turn + 1] for s in replayer.writes[k]}
    after = [s for k in replayer.order[turn + 1 :] for s in replayer.reads[k] if s in made]
    needed = list(dict.fromkeys(after))
    closure = dict.fromkeys(needed)
    work = list(needed)
    while work:
        k = replayer.producer.get(work.pop())
        for s in replayer.reads[k] if k is not None else ():
            if s not in closure:
                closure[s] = None
                work.append(s)
    return needed, list(closure)
