"""The cheapest sequence under a budget by CP-SAT: an oracle for small graphs.

Every kernel runs once in the given order; before its turn any earlier kernels may run again. What
is decided: for each turn which storages are kept from the turn before, and which kernels run again
in it (Checkmate, Jain 2020). The bytes of a turn are those of its kernels one after another: of a
run, what it reads and writes, what is kept over the turn, and what a later kernel of the turn
reads. `in_place` pairs are not taken into account: give graphs without.
"""

from __future__ import annotations

from ortools.sat.python import cp_model

from tyc.compiler.planning.graph import Graph
from tyc.compiler.planning.memory import reserved


def cheapest(graph: Graph, budget: int, seconds: float = 60.0) -> tuple[float, float] | None:
    """Cost of what runs again: the best that was found, and a bound; `None` where nothing fits.

    Each kernel has one output of its own, and costs are whole numbers.
    """
    model = cp_model.CpModel()
    count = len(graph.kernels)
    made_by = {k.outputs[0]: i for i, k in enumerate(graph.kernels)}
    size = [reserved(graph.sizes[k.outputs[0]]) for k in graph.kernels]
    reads = [[made_by[v] for v in k.inputs if v in made_by] for k in graph.kernels]
    run = [[model.new_bool_var(f"r{t},{i}") for i in range(t + 1)] for t in range(count)]
    kept = [[model.new_bool_var(f"s{t},{i}") for i in range(t)] for t in range(count + 1)]
    for t in range(count):
        model.add(run[t][t] == 1)
        for i in range(t):
            before = [run[t - 1][i], *([kept[t - 1][i]] if i < t - 1 else [])]
            model.add_bool_or([kept[t][i].negated(), *before])
        for i in range(t + 1):
            for j in reads[i]:
                there = [run[t][j], *([kept[t][j]] if j < t else [])]
                model.add_bool_or([run[t][i].negated(), *there])
        _bytes(model, t, run, kept, reads, size, budget)
    model.minimize(
        sum(int(graph.kernels[i].cost) * run[t][i] for t in range(count) for i in range(t))
    )
    solver = cp_model.CpSolver()
    solver.parameters.max_time_in_seconds = seconds
    solver.parameters.num_workers = 2
    if solver.solve(model) not in (cp_model.OPTIMAL, cp_model.FEASIBLE):
        return None
    return solver.objective_value, solver.best_objective_bound


def _bytes(model, t, run, kept, reads, size, budget) -> None:
    """The budget holds at each position i of turn t at which a kernel runs."""
    for i in range(t + 1):
        live = []
        for j in range(t + 1):
            # j lies there at i: kept so far and still wanted, made earlier and still wanted, or i.
            there = [*([kept[t][j]] if j < t else []), *([run[t][j]] if j < i else [])]
            wanted = [run[t][u] for u in range(max(i, j + 1), t + 1) if j in reads[u]]
            wanted += [kept[t + 1][j]] if t + 1 < len(run) else []
            lies = model.new_bool_var(f"m{t},{i},{j}")
            if j == i:
                model.add(lies == 1)
            else:
                for a in there:
                    for b in wanted:
                        model.add_bool_or([a.negated(), b.negated(), lies])
            live.append(size[j] * lies)
        model.add(sum(live) <= budget).only_enforce_if(run[t][i])
