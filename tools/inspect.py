"""`tyc inspect`: a library's signature, kernels, memory and sizes. A model is compiled first."""

from __future__ import annotations

import json as json_module
import tempfile
from pathlib import Path
from typing import Any

from tyc.runtime.errors import InternalError, UserError
from tyc.tools.arguments import Json, LibraryOrModel, ShapeList, parse_shapes


def inspect_command(
    file: LibraryOrModel,
    shape: ShapeList = [],  # noqa: B006
    json: Json = False,
) -> None:
    """Shows signature, kernels (calls, FLOPs, bytes), memory plan and sizes."""
    from tyc.tools.compiling import is_library
    from tyc.tools.console import show_json

    if is_library(file):
        facts = _facts(file)
    else:
        from tyc.tools.compiling import compile_to

        with tempfile.TemporaryDirectory(prefix="tyc-") as folder:
            library = Path(folder) / f"{file.stem}.so"
            compile_to(file, library, parse_shapes(shape))
            facts = _facts(library)
    if json:
        show_json(facts)
    else:
        _show(facts)


def _facts(library: Path) -> dict[str, Any]:
    manifest, runs_here = _manifest(library)
    kernels = manifest["kernels"]
    total = sum(k["flops"] * k["count"] for k in kernels)
    facts = {**manifest, "runs_here": runs_here}
    return {**facts, "library_bytes": library.stat().st_size, "flops": total}


def _manifest(library: Path) -> tuple[dict[str, Any], bool]:
    """The manifest that the library carries, and that it runs here; of one that cannot run here,
    the one beside it."""
    from tyc.runtime.library import Library

    try:
        manifest = Library(library).manifest
    except (UserError, InternalError):
        beside = library.with_suffix(".json")
        if not (library.exists() and beside.exists()):
            raise
        return json_module.loads(beside.read_text()), False
    if "kernels" not in manifest:
        raise UserError(
            "a stripped library's kernels stand in the manifest beside it, got none",
            node=str(library),
            hint="keep the .json that `tyc compile` wrote, or compile without --strip",
        )
    return manifest, True


def _plan_text(memory: dict[str, Any]) -> str:
    """What the planner did: how near to the bound it came, and what it changed for that."""
    from tyc.tools.console import size_text

    bound = memory["bound_bytes"]
    parts = [f"bound {size_text(bound)}", f"{memory['moved_steps']} steps moved"]
    parts += [f"{memory['recomputed_steps']} run again"]
    budget = memory["budget_bytes"]
    return ", ".join(parts + ([f"budget {size_text(budget)}"] if budget is not None else []))


def _show(facts: dict[str, Any]) -> None:
    from tyc.tools.console import show_table, size_text

    target, memory = facts["target"], facts["memory"]
    print(f"{facts['name']}  tyc {facts['tyc_version']}, {target['triple']}, {target['cpu']}")
    for version in facts.get("versions", []):
        chosen = "this one runs" if facts["runs_here"] and version["cpu"] == target["cpu"] else ""
        needs = size_text(version["workspace_bytes"])
        print(f"  version   {version['cpu']:16} workspace {needs:12} {chosen}".rstrip())
    for side in ("inputs", "outputs"):
        for tensor in facts[side]:
            print(f"  {side[:-1]:9}{tensor['name']}: {tensor['dtype']}{tensor['shape']}")
    print(f"  library   {size_text(facts['library_bytes'])}")
    for key, label in (("workspace", "workspace"), ("peak_live", "peak live"),
                       ("weights", "weights"), ("stack", "stack")):  # fmt: skip
        print(f"  {label:9} {size_text(memory[f'{key}_bytes'])}")
    print(f"  plan      {_plan_text(memory)}")
    print(f"  work      {facts['flops'] / 1e9:.3f} GFLOP in {len(facts['steps'])} calls")
    print()
    kernels = sorted(facts["kernels"], key=lambda k: -k["flops"] * k["count"])
    rows = [
        [
            k["name"],
            k["count"],
            k["flops"],
            k["bytes"],
            k["items"],
            ["no", "yes"][k["parallel"]],
        ]
        for k in kernels
    ]
    show_table("", ["kernel", "calls", "FLOPs", "bytes", "items", "parallel"], rows)
