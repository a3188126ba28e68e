"""What a compilation leaves behind: `NAME.so`, `NAME.h`, `NAME.json`, each whole or not at all."""

from __future__ import annotations

import json
import os
import tempfile
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

import tyc.runtime.abi as abi
from tyc.compiler.codegen import header, link, model, native, runtime_objects, weights
from tyc.compiler.kernels import CompiledKernel
from tyc.compiler.options import Options
from tyc.compiler.planning.plan import Plan
from tyc.compiler.schedules.kernel import Packing
from tyc.compiler.targets import Target
from tyc.compiler.transforms.plan_memory import Weight
from tyc.dialects.types import TensorType
from tyc.runtime.errors import UserError

Tensors = Sequence[tuple[str, TensorType]]


@dataclass
class Artifact:
    """The files that were written, and the manifest that the library carries."""

    library: Path
    header: Path
    manifest_file: Path
    manifest: dict[str, Any]
    seconds: dict[str, float] = field(default_factory=dict)


def check_output(output: Path) -> None:
    """Raises `UserError` where the output cannot be written."""
    folder = output.parent
    if not folder.is_dir():
        raise UserError(
            f"output folder must exist, got {folder}", node=str(output), hint="create it first"
        )
    if output.is_dir():
        raise UserError("output must be a file, got a folder", node=str(output))
    if not os.access(folder, os.W_OK):
        raise UserError(f"output folder must be writable, got {folder}", node=str(output))


@dataclass
class Parts:
    """All that goes into a library."""

    name: str
    inputs: Tensors
    outputs: Tensors
    plan: Plan
    kernels: Mapping[str, CompiledKernel]
    weights: Sequence[Weight]
    parameters: Mapping[str, np.ndarray]
    target: Target
    options: Options


def write(parts: Parts, output: Path) -> Artifact:
    """Links the library and writes it with its header and manifest beside it."""
    external = parts.options.weights == "external"
    stem = output.with_suffix("")
    files = {".so": output, ".h": stem.with_suffix(".h"), ".json": stem.with_suffix(".json")}
    files[".safetensors"] = stem.with_suffix(".safetensors")
    with tempfile.TemporaryDirectory(dir=output.parent, prefix=".tyc-") as scratch:
        # Absolute, as tools run in other folders; by final names, as the linker notes them.
        base = Path(scratch).absolute()
        made = {suffix: base / "made" / path.name for suffix, path in files.items()}
        made[".so"].parent.mkdir()
        packed = weights.write_weights(_packed(parts), base / "weights.bin")
        external = external and packed.nbytes > 0
        manifest = _manifest(parts, packed.nbytes, files[".safetensors"].name if external else "")
        _write_library(parts, packed, external, (manifest, files[".json"].name), base, made[".so"])
        steps = len(parts.plan.steps)
        text = header.emit_header(parts.name, parts.inputs, parts.outputs, external, steps)
        made[".h"].write_text(text)
        made[".json"].write_text(manifest_text(manifest))
        if external:
            weights.write_safetensors(packed, base / "weights.bin", made[".safetensors"])
        for suffix, path in files.items():
            if made[suffix].exists():
                os.replace(made[suffix], path)
    return Artifact(output, files[".h"], files[".json"], manifest)


def _packed(parts: Parts):
    """Name and packed array of each weight, made when it is asked for."""
    for weight in parts.weights:
        array = parts.parameters[weight.name]
        if weight.packing:
            array = Packing.from_json(json.loads(weight.packing)).apply(array)
        name = weight.name if not weight.packing else f"{weight.name}:packed"
        yield name, array


def _manifest(parts: Parts, weights_bytes: int, weights_file: str) -> dict[str, Any]:
    def tensors(side: Tensors) -> list[dict[str, Any]]:
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
        "inputs": tensors(parts.inputs),
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


_BY_LINES = ("kernels", "buffers", "steps")


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


def _step_lines(manifest: dict[str, Any]) -> list[int]:
    """The line of each step in the manifest's text, counted from 1."""
    lines = manifest_text(manifest).split("\n")
    first = lines.index(' "steps": [') + 2 if manifest["steps"] else 1
    return [first + i for i in range(len(manifest["steps"]))]


def _version() -> str:
    from importlib.metadata import version

    return version("tyc")


def _write_library(
    parts: Parts,
    packed: weights.WeightFile,
    external: bool,
    manifest: tuple[dict[str, Any], str],
    base: Path,
    library: Path,
) -> None:
    objects = [*_own_objects(parts, packed, external, manifest, base)]
    objects += runtime_objects.runtime_objects(parts.target.triple)
    exported = model.exports(parts.name, external)
    link.link_shared(objects, library, exported, strip=parts.options.strip)


def objects(parts: Parts, folder: Path) -> list[bytes | Path]:
    """The objects of a library with its weights inside, the runtime's left out, for those who link
    another runtime; what is a file stands in `folder`."""
    packed = weights.write_weights(_packed(parts), folder / "weights.bin")
    manifest = _manifest(parts, packed.nbytes, "")
    return _own_objects(parts, packed, False, (manifest, f"{parts.name}.json"), folder)


def _own_objects(
    parts: Parts,
    packed: weights.WeightFile,
    external: bool,
    manifest: tuple[dict[str, Any], str],
    base: Path,
) -> list[bytes | Path]:
    """`manifest` comes with the name of its file, which debug information points to."""
    facts, file = manifest
    source = model.ModelSource(
        name=parts.name,
        inputs=parts.inputs,
        outputs=parts.outputs,
        plan=parts.plan,
        kernels=parts.kernels,
        weight_offsets=packed.offsets,
        weights_bytes=packed.nbytes,
        external_weights=external,
        target=parts.target,
        manifest=json.dumps(facts, separators=(",", ":")),
        manifest_file=file,
        step_lines=_step_lines(facts),
    )
    used = dict.fromkeys(s.kernel for s in parts.plan.steps)
    made: list[bytes | Path] = [native.compile_llvm_ir(model.emit_model(source), parts.target, 1)]
    made += [parts.kernels[n].code for n in used]
    if packed.nbytes and not external:
        weights.weights_object(base / "weights.bin", base / "weights.o")
        made.append(base / "weights.o")
    return made
