"""What a compilation leaves behind: `NAME.so`, `NAME.h`, `NAME.json`, each whole or not at all."""

from __future__ import annotations

import json
import os
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from itertools import chain
from pathlib import Path
from typing import Any

import numpy as np

from tyc.compiler import manifest
from tyc.compiler.codegen import header, link, model, native, runtime_objects, weights
from tyc.compiler.kernels import CompiledKernel
from tyc.compiler.options import Options
from tyc.compiler.planning.plan import Plan
from tyc.compiler.schedules.kernel import Packing
from tyc.compiler.targets import Target
from tyc.compiler.transforms.plan_memory import Weight
from tyc.dialects.types import TensorType
from tyc.runtime import abi
from tyc.runtime.errors import UserError

Tensors = Sequence[tuple[str, TensorType]]

_FEW_STEPS = 128


@dataclass
class Artifact:
    """The files that were written, and the manifest that the library carries. `unfit` are kernels
    that got the default, as their tuned choice does not fit."""

    library: Path
    header: Path
    manifest_file: Path
    manifest: dict[str, Any]
    seconds: dict[str, float] = field(default_factory=dict)
    unfit: list[str] = field(default_factory=list)


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
    updated: frozenset[str] = frozenset()
    """Inputs that a run writes new values into."""
    state: Mapping[str, np.ndarray] = field(default_factory=dict)
    """Inputs that `NAME_initialize` gives values to."""


def write(parts: Parts | Sequence[Parts], output: Path) -> Artifact:
    """Links the library and writes it with its header and manifest beside it.

    Several parts are versions of one model for several targets, the most demanding at the front:
    the library runs the first that fits its CPU. Each has its plan and its manifest; weights that
    they lay out alike stand in the library once.
    """
    versions = [parts] if isinstance(parts, Parts) else list(parts)
    first = versions[0]
    external = first.options.weights == "external"
    files = _files(versions, output)
    with tempfile.TemporaryDirectory(dir=output.parent, prefix=".tyc-") as scratch:
        # Absolute, as tools run in other folders; by final names, as the linker notes them.
        base = Path(scratch).absolute()
        made = {suffix: base / "made" / path.name for suffix, path in files.items()}
        made[".so"].parent.mkdir()
        packed = weights.write_weights(chain(*map(_packed, versions)), base / "weights.bin")
        external = external and packed.nbytes > 0
        manifests = _manifests(versions, packed, files[".safetensors"].name if external else "")
        texts = {s: manifest.manifest_text(m) for s, m in zip(_suffixes(versions), manifests)}
        link.link_shared(
            [*_objects(versions, packed, external, manifests, files, base),
             *runtime_objects.runtime_objects(first.target.platform)],
            made[".so"],
            model.exports(first.name, external, bool(first.state)),
            first.options.strip,
            first.target.platform,
        )  # fmt: skip
        steps = max(len(v.plan.steps) for v in versions)
        changes = header.Changes(first.updated, frozenset(first.state))
        text = header.emit_header(first.name, first.inputs, first.outputs, external, steps, changes)
        for suffix, content in {".h": text, **texts}.items():
            made[suffix].write_text(content)
        if external:
            weights.write_safetensors(packed, base / "weights.bin", made[".safetensors"])
        for suffix, path in files.items():
            if made[suffix].exists():
                os.replace(made[suffix], path)
    return Artifact(output, files[".h"], files[".json"], manifests[0])


def _suffixes(versions: Sequence[Parts]) -> list[str]:
    """What the manifest of each version ends in: the first one's is the library's."""
    return [f".{v.target.cpu}.json" if i else ".json" for i, v in enumerate(versions)]


def _files(versions: Sequence[Parts], output: Path) -> dict[str, Path]:
    stem = output.with_suffix("")
    suffixes = [".h", *_suffixes(versions), ".safetensors"]
    return {".so": output, **{s: stem.parent / f"{stem.name}{s}" for s in suffixes}}


def _manifests(
    versions: Sequence[Parts], packed: weights.WeightFile, weights_file: str
) -> list[dict[str, Any]]:
    made = [manifest.manifest_of(v, packed.nbytes, weights_file) for v in versions]
    if len(made) > 1:
        table = manifest.versions_of(made)
        most = max(m["memory"]["workspace_bytes"] for m in made)
        for m in made:
            m["versions"] = table
            m["memory"]["workspace_bytes"] = most
    return made


def _packed(parts: Parts):
    """Name and packed array of each weight, made when it is asked for."""
    for weight in parts.weights:
        array = parts.parameters[weight.name]
        if weight.packing:
            array = Packing.from_json(json.loads(weight.packing)).apply(array)
        name = weight.name if not weight.packing else f"{weight.name}:packed"
        yield name, array
    for name, array in parts.state.items():
        if array.any():
            yield f"{name}:initial", array


def _initial(parts: Parts, offsets: Sequence[int]) -> list[model.Initial]:
    """What the state begins as; `offsets` are those of the arrays that are not zero."""
    numbers = {name: i for i, (name, _) in enumerate(parts.inputs)}
    left = iter(offsets)
    return [
        model.Initial(numbers[name], array.nbytes, next(left) if array.any() else None)
        for name, array in parts.state.items()
    ]


def objects(parts: Parts, folder: Path) -> list[bytes | Path]:
    """The objects of a library with its weights inside, the runtime's left out, for those who link
    another runtime; what is a file stands in `folder`."""
    packed = weights.write_weights(_packed(parts), folder / "weights.bin")
    files = _files([parts], Path(f"{parts.name}.so"))
    return _objects([parts], packed, False, _manifests([parts], packed, ""), files, folder)


def _objects(
    versions: Sequence[Parts],
    packed: weights.WeightFile,
    external: bool,
    manifests: Sequence[dict[str, Any]],
    files: Mapping[str, Path],
    base: Path,
) -> list[bytes | Path]:
    made: list[bytes | Path] = []
    sources, begin = [], 0
    for i, (parts, facts) in enumerate(zip(versions, manifests)):
        symbol = f"tyc_version{i}" if len(versions) > 1 else ""
        file = files[_suffixes(versions)[i]].name
        source = _source(parts, facts, packed, begin, external, symbol, file)
        own = _version_objects(source, parts)
        made += [link.link_version(own, source.symbol, base)] if source.symbol else own
        sources.append(source)
        begin += len(parts.weights) + _kept(parts)
    if len(versions) > 1:
        # By the least of the targets: this much runs before a version is chosen.
        text = model.emit_thunks(sources)
        made.append(native.compile_llvm_ir(text, versions[-1].target, 1))
    if packed.nbytes and not external:
        platform = versions[0].target.platform
        weights.weights_object(base / "weights.bin", base / "weights.o", platform)
        made.append(base / "weights.o")
    return made


def _source(
    parts: Parts,
    facts: dict[str, Any],
    packed: weights.WeightFile,
    begin: int,
    external: bool,
    symbol: str,
    manifest_file: str,
) -> model.ModelSource:
    """What one version's own object says; its weights are those from number `begin` on."""
    end = begin + len(parts.weights)
    left_out = abi.PLAN_KEYS if parts.options.strip else ()
    said = {key: value for key, value in facts.items() if key not in left_out}
    return model.ModelSource(
        name=parts.name,
        inputs=parts.inputs,
        outputs=parts.outputs,
        plan=parts.plan,
        kernels=parts.kernels,
        weight_offsets=packed.offsets[begin:end],
        weights_bytes=packed.nbytes,
        external_weights=external,
        target=parts.target,
        manifest=json.dumps(said, separators=(",", ":")),
        manifest_file=manifest_file,
        step_lines=manifest.step_lines(facts),
        symbol=symbol,
        workspace_bytes=facts["memory"]["workspace_bytes"],
        initial=_initial(parts, packed.offsets[end : end + _kept(parts)]),
    )


def _kept(parts: Parts) -> int:
    """How many arrays of the state are kept in the library: zeros are not."""
    return sum(bool(a.any()) for a in parts.state.values())


def _version_objects(source: model.ModelSource, parts: Parts) -> list[bytes | Path]:
    used = dict.fromkeys(s.kernel for s in parts.plan.steps)
    # Straight-line code of thousands of calls gains nothing by what takes LLVM seconds.
    level = 1 if len(parts.plan.steps) <= _FEW_STEPS else 0
    own = native.compile_llvm_ir(model.emit_model(source), parts.target, level)
    return [own, *(parts.kernels[n].code for n in used)]
