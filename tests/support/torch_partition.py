"""PyTorch's `activation_memory_budget` on the hub's models: run by an interpreter that has torch.

    python tests/support/torch_partition.py NAME BATCH OUT.json [BUDGET...]

The step's joint graph is traced once, as `torch.compile` traces it (Inductor's decompositions), and
cut into a forward and a backward graph by `min_cut_rematerialization_partition` at each budget.
Nothing runs: tensors are fake. Of each cut OUT has `peak`, `saved`, `extra_flops`, `extra_products`
(of products and convolutions alone), and `step_flops` once.

**Peak**, bytes without inputs, parameters, their gradients and new running statistics; it favours
PyTorch. The two graphs run in the order that the partitioner gives; their buffers are packed
without a gap. A value that only fused ops (pointwise, reductions, views) read and write is never
in memory; what it is computed from lives until it was used. Where that are more than `t` tensors,
it is in memory: the smallest peak over several `t` counts. A fused op writes over what dies at it.
Products, convolutions and other calls read and write memory; their scratch and their repacked
operands are free, and so is a tensor below 4 KiB.

**FLOPs** run again are those of nodes that stand in both graphs: `torch.utils.flop_counter` for
products and convolutions, one for an element of a pointwise op's result or a reduction's operand.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from typing import Any

import torch
from torch import fx, nn
from torch.nn import functional as F

sys.path.insert(0, str(Path(__file__).parent))
from torchvision_operators import define_torchvision_operators

BUDGETS = (1.0, 0.9, 0.8, 0.7, 0.6, 0.5, 0.4, 0.3, 0.2, 0.1, 0.0)
_SMALL = 4096
_POLICIES = (1, 2, 3, 4, 8, 10**9)


class Step(nn.Module):
    """The loss of a model."""

    def __init__(self, model: nn.Module) -> None:
        super().__init__()
        self.model = model

    def forward(self, x: torch.Tensor, target: torch.Tensor) -> torch.Tensor:
        y = self.model(x)
        y = getattr(y, "logits", y)
        if y.ndim == 3:
            return F.cross_entropy(y.flatten(0, 1), target.flatten())
        return F.cross_entropy(y, target)


class Done(Exception):
    """Raised where all that was asked for is known."""


def model(name: str, batch: int) -> tuple[nn.Module, torch.Tensor, torch.Tensor]:
    """The model at its usual size, and a batch."""
    image = torch.zeros(batch, 3, 224, 224)
    classes = torch.zeros(batch, dtype=torch.int64)
    tokens = torch.zeros(batch, 128, dtype=torch.int64)
    if name == "vit_base":
        import timm

        return timm.create_model("vit_base_patch16_224"), image, classes
    if name == "bert_base":
        from transformers import BertConfig, BertForMaskedLM

        return BertForMaskedLM(BertConfig()), tokens, tokens
    if name == "gpt2":
        from transformers import GPT2Config, GPT2LMHeadModel

        return GPT2LMHeadModel(GPT2Config(use_cache=False)), tokens, tokens
    import torchvision

    return getattr(torchvision.models, name)(weights=None), image, classes


def sweep(
    net: nn.Module, x: torch.Tensor, target: torch.Tensor, budgets: Iterable[float]
) -> dict[str, Any]:
    """What the partitioner makes of a model's step at each budget."""
    import torch._inductor.lowering  # what the decompositions look for
    from torch._dynamo.backends.common import aot_autograd
    from torch._functorch import config
    from torch._functorch.partitioners import min_cut_rematerialization_partition
    from torch._inductor.decomposition import select_decomp_table

    found: dict[str, Any] = {}

    def partition(joint: fx.GraphModule, inputs: Any, **options: Any) -> Any:
        points = []
        for budget in budgets:
            copy = copied(joint)
            with config.patch(activation_memory_budget=budget):
                forward, backward = min_cut_rematerialization_partition(copy, inputs, **options)
            points.append({"budget": budget} | measured(forward.graph, backward.graph))
            print(points[-1], flush=True)
        nodes = [n for n in joint.graph.nodes if n.op == "call_function"]
        found.update(
            points=points, nodes=len(nodes), step_flops=sum(map(flops, nodes)),
            step_products=sum(map(products, nodes)),
        )  # fmt: skip
        raise Done

    backend = aot_autograd(
        fw_compiler=lambda g, _: g, partition_fn=partition, decompositions=select_decomp_table()
    )
    try:
        torch.compile(Step(net).train(), backend=backend, fullgraph=True)(x, target)
    except Exception:
        if not found:
            raise
    return found


def copied(module: fx.GraphModule) -> fx.GraphModule:
    """The module with a graph of its own: partitioning changes it."""
    graph, nodes = fx.Graph(), {}
    graph.output(graph.graph_copy(module.graph, nodes)).meta = dict(_output(module.graph).meta)
    for old, new in nodes.items():
        new.meta = dict(old.meta)
    return fx.GraphModule(module, graph)


def measured(forward: fx.Graph, backward: fx.Graph) -> dict[str, Any]:
    """The figures of one cut."""
    names = {n.name for n in forward.nodes if n.op == "call_function"}
    again = [n for n in backward.nodes if n.op == "call_function" and n.name in names]
    saved = {n.name for n in _given(backward)} - {n.name for n in _given(forward)}
    peaks = [
        min(peak(graph, saved, policy) for policy in _POLICIES) for graph in (forward, backward)
    ]
    kept = {s: n for node in backward.nodes if node.name in saved for s, n in storages(node)}
    return {
        "peak": max(peaks), "peak_forward": peaks[0], "peak_backward": peaks[1],
        "saved": sum(kept.values()), "recomputed": len(again),
        "extra_flops": sum(map(flops, again)), "extra_products": sum(map(products, again)),
    }  # fmt: skip


def storages(node: fx.Node) -> list[tuple[int, int]]:
    """The storages of a node's tensors, by identity, with their bytes."""
    found = (v.untyped_storage() for v in _tensors(node))
    return [*{s._cdata: s.nbytes() for s in found if s.nbytes() >= _SMALL}.items()]


def _tensors(node: fx.Node) -> list[torch.Tensor]:
    value = node.meta.get("val")
    values = value if isinstance(value, (tuple, list)) else [value]
    return [v for v in values if isinstance(v, torch.Tensor)]


_REDUCTIONS = {"sum", "mean", "amax", "amin", "var_mean", "var", "max", "min", "any", "argmax",
               "prepare_softmax_online", "std", "logsumexp"}  # fmt: skip


def _packet(node: fx.Node) -> Any:
    return getattr(node.target, "overloadpacket", node.target)


def _name(node: fx.Node) -> str:
    return getattr(node.target, "__name__", str(node.target)).split(".")[0]


_FUSED = {"cat", "constant_pad_nd", "avg_pool2d", "_adaptive_avg_pool2d", "native_dropout",
          "inductor_random", "inductor_seeds", "inductor_lookup_seed"}  # fmt: skip


@lru_cache(maxsize=1)
def _fusible() -> set[Any]:
    from torch._functorch.partitioners import get_default_op_list

    types = get_default_op_list()
    return {*types.fusible_ops} - {*types.compute_intensive_ops}


def kind(node: fx.Node) -> str:
    """What Inductor makes of an op: `call`, `view`, `reduction` or `pointwise`."""
    made = {s for s, _ in storages(node)}
    if _name(node) == "getitem" or (made and made <= _read(node)):
        return "view"
    if _name(node) in _REDUCTIONS:
        return "reduction"
    return "pointwise" if _packet(node) in _fusible() or _name(node) in _FUSED else "call"


def _read(node: fx.Node) -> set[int]:
    return {s for n in node.all_input_nodes for s, _ in storages(n)}


@dataclass
class Moment:
    """One node that reads and writes memory: storages."""

    reads: set[int] = field(default_factory=set)
    writes: set[int] = field(default_factory=set)
    fused: bool = True


def moments(graph: fx.Graph, most: int, free: set[int]) -> Iterator[Moment]:
    """The nodes that use memory, in order; a fused value of more than `most` tensors is in it."""
    calls = [n for n in graph.nodes if n.op == "call_function"]
    wanted = _read(_output(graph)).union(*(_read(n) for n in calls if kind(n) == "call"))
    # The storages in memory that a value which is in none is computed from.
    sources: dict[int, set[int]] = {}
    for node in calls:
        if kind(node) == "view":
            continue
        found: set[int] = set().union(*(sources.get(s, {s}) for s in _read(node))) - free
        made = {s for s, _ in storages(node)}
        if kind(node) == "pointwise" and not made & wanted and len(found) <= most:
            sources |= dict.fromkeys(made, found)
        else:
            yield Moment(found, made, kind(node) != "call")


def _given(graph: fx.Graph) -> list[fx.Node]:
    return [n for n in graph.nodes if n.op == "placeholder"]


def _output(graph: fx.Graph) -> fx.Node:
    return next(n for n in graph.nodes if n.op == "output")


def peak(graph: fx.Graph, saved: set[str], most: int) -> int:
    """The most bytes at once: saved tensors, and what lives between the nodes."""
    size = {s: n for node in graph.nodes for s, n in storages(node)}
    output, placeholders = _output(graph), _given(graph)
    live = {s for n in placeholders if n.name in saved for s, _ in storages(n)}
    outer = {s for n in placeholders if n.name not in saved for s, _ in storages(n)} - live
    kept = {s for n in output.all_input_nodes if n.name in saved for s, _ in storages(n)}
    results = _read(output) - kept
    free = outer | (results - live)
    steps = list(moments(graph, most, free))
    last = {s: i for i, step in enumerate(steps) for s in step.reads | step.writes}
    last |= dict.fromkeys(kept, len(steps))
    used = highest = sum(size[s] for s in live)
    for i, step in enumerate(steps):
        new = {s for s in step.writes if s not in live and s not in free}
        dying = {s for s in (step.reads | step.writes) & (live | new) if last[s] <= i}
        grown = sum(size[s] for s in new)
        after = used + grown - sum(size[s] for s in dying)
        highest = max(highest, after if step.fused else used + grown)
        live = (live | new) - dying
        used = after
    return highest


def products(node: fx.Node) -> int:
    """FLOPs of a product or convolution, 0 for anything else."""
    from torch.utils.flop_counter import flop_registry

    count: Callable[..., int] | None = flop_registry.get(_packet(node))
    if count is None:
        return 0

    args = fx.node.map_arg(node.args, lambda n: n.meta["val"])
    options = fx.node.map_arg(node.kwargs, lambda n: n.meta["val"])
    return int(count(*args, **options, out_val=node.meta["val"]))


def flops(node: fx.Node) -> int:
    """FLOPs of a node; an element of a fused op counts one."""
    if found := products(node):
        return found
    if kind(node) == "view":
        return 0
    of = node.all_input_nodes if kind(node) == "reduction" else [node]
    return max((v.numel() for n in of for v in _tensors(n)), default=0)


if __name__ == "__main__":
    define_torchvision_operators()
    name, batch, out, *budgets = sys.argv[1:]
    rows = sweep(*model(name, int(batch)), [float(b) for b in budgets] or BUDGETS)
    Path(out).write_text(json.dumps(rows, indent=1) + "\n")
