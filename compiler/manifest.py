"""What a library says of itself: signature, target, memory, kernels, steps; as data, as a file."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any

import tyc.runtime.abi as abi
from tyc.compiler.codegen import model
from tyc.compiler.kernels import CompiledKernel
from tyc.compiler.planning.plan import Plan
from tyc.dialects.types import TensorType

if TYPE_CHECKING:
    from tyc.compiler.artifact import Parts


def manifest_of(parts: Parts, weights_bytes: int, weights_file: str) -> dict[str, Any]:
    """The manifest of a library, or of one version in it."""

    def tensors(side: Sequence[tuple[str, TensorType]]) -> list[dict[str, Any]]:
        return [{"name": n, "dtype": t.dtype.name, "shape": list(t.shape)} for n, t in side]

    plan, target = parts.plan, parts.target
    calls: dict[str, int] = {}
    for step in plan.steps:
        calls[step.kernel] = calls.get(step.kernel, 0) + 1
    used = {n: parts.kernels[n] for n in calls}
    kernels = [
        {"name": n, "count": calls[n], "flops": k.flops, "bytes": k.bytes, "items": k.count,
         "parallel": model.is_parallel(k, target), "schedule": k.schedule, "tuned": k.tuned}
        for n, k in used.items()
    ]  # fmt: skip
    file = {"kind": "external", "file": weights_file} if weights_file else {"kind": "embedded"}
    return {
        "abi_version": abi.ABI_VERSION,
        "name": parts.name,
        "tyc_version": _version(),
        "target": {"triple": target.triple, "cpu": target.cpu, "features": list(target.features)},
        "inputs": [entry | _role(parts, entry["name"]) for entry in tensors(parts.inputs)],
        "outputs": tensors(parts.outputs),
        "memory": _memory(plan, used.values(), weights_bytes),
        "weights": file,
        "kernels": kernels,
        "buffers": [[b.nbytes, b.place, b.index, b.whole, b.offset] for b in plan.buffers],
        "steps": [
            {"kernel": s.kernel, "origin": s.origin, "inputs": s.inputs, "outputs": s.outputs}
            for s in plan.steps
        ],
    }


def _role(parts: Parts, name: str) -> dict[str, Any]:
    """What a run does with an input, where it does not only read it."""
    updated = {"updated": True} if name in parts.updated else {}
    return updated | ({"initialized": True} if name in parts.state else {})


def _memory(plan: Plan, kernels: Iterable[CompiledKernel], weights_bytes: int) -> dict[str, Any]:
    return {
        "workspace_bytes": plan.arena_bytes,
        "weights_bytes": weights_bytes,
        "stack_bytes": max((k.stack_bytes for k in kernels), default=0),
        "peak_live_bytes": plan.peak_live_bytes,
        "bound_bytes": plan.bound_bytes,
        "moved_steps": plan.moved,
        "recomputed_steps": plan.recomputed,
        "budget_bytes": plan.budget_bytes,
    }


def versions_of(manifests: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    """What a manifest says of all versions of a library, the most demanding one at the front."""
    return [
        {
            "cpu": m["target"]["cpu"],
            "features": m["target"]["features"],
            "workspace_bytes": m["memory"]["workspace_bytes"],
            "kernels": len(m["kernels"]),
        }
        for m in manifests
    ]


_BY_LINES = ("versions", "kernels", "buffers", "steps")


def manifest_text(manifest: dict[str, Any]) -> str:
    """The manifest as a file: each kernel, buffer and step on a line of its own."""
    parts = []
    for key, value in manifest.items():
        if key in _BY_LINES and value:
            rows = ",\n".join(f"  {json.dumps(row)}" for row in value)
            parts.append(f" {json.dumps(key)}: [\n{rows}\n ]")
        else:
            text = json.dumps(value, indent=1).replace("\n", "\n ")
            parts.append(f" {json.dumps(key)}: {text}")
    return "{\n" + ",\n".join(parts) + "\n}\n"


def step_lines(manifest: dict[str, Any]) -> list[int]:
    """The line of each step in the manifest's text, counted from 1."""
    lines = manifest_text(manifest).split("\n")
    first = lines.index(' "steps": [') + 2 if manifest["steps"] else 1
    return [first + i for i in range(len(manifest["steps"]))]


def _version() -> str:
    from importlib.metadata import version

    return version("tyc")
