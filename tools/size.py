"""`tyc size`: the bytes of a library by kernel, runtime, main function and weights."""

from __future__ import annotations

import json as json_module
from pathlib import Path
from typing import Annotated, Any

import typer

from tyc.runtime.errors import UserError
from tyc.tools.arguments import Json

Row = tuple[str, str, int]
"""Part, name and bytes."""

_TEXTS = ("text_", "inputs_", "outputs_", "table_", "description")
_MAIN = ("model_main", "model_timed_main", "dispatch")


def size_command(
    library: Annotated[Path, typer.Argument(help="A compiled library, for any machine.")],
    html: Annotated[
        Path | None, typer.Option("--html", metavar="PAGE", help="Write a treemap as a web page.")
    ] = None,
    json: Json = False,
) -> None:
    """Shows what the bytes of a library are for: weights, kernels, main function, runtime.

    One that was stripped has no names: its code is one row.
    """
    from tyc.tools.console import show_json, show_table, size_text

    rows = table(library)
    parts = totals(rows)
    total = library.stat().st_size
    if html is not None:
        from tyc.tools.compile import write_whole
        from tyc.tools.size_page import page

        write_whole(html, page(library.name, rows).encode())
    if json:
        entries = [{"part": p, "name": n, "bytes": b} for p, n, b in rows]
        show_json({"library_bytes": total, "parts": parts, "rows": entries})
        return
    without = size_text(total - parts.get("weights", 0))
    print(f"{library}  {size_text(total)}, {without} without weights")
    print()
    show_table("", ["part", "bytes"], [[p, n] for p, n in parts.items()])
    print()
    show_table("", ["part", "name", "bytes"], [list(r) for r in rows if r[0] != "weights"])


def table(library: Path) -> list[Row]:
    """Part, name and bytes of all that is in the file, the largest of each part first; their sum
    is the file's size. Raises `UserError` where it is no library of ours."""
    from tyc.tools.elf_sizes import read

    sections, symbols = read(library)
    facts = _manifest(library)
    weights = 0
    if facts["weights"]["kind"] == "embedded":
        weights = int(facts["memory"]["weights_bytes"])
    rows: list[Row] = [("weights", "weights", weights)] if weights else []
    inside = {s.name: weights if s.name == ".rodata" else 0 for s in sections}
    for symbol in symbols:
        if symbol.section in inside:
            rows.append((_part(symbol.name), symbol.name.removesuffix("_task"), symbol.nbytes))
            inside[symbol.section] += symbol.nbytes
    for section in sections:
        if (rest := section.nbytes - inside[section.name]) > 0:
            part = "code" if section.name == ".text" and not symbols else "linking"
            rows.append((part if section.loaded else "debugging", section.name, rest))
    rows.append(("linking", "headers and alignment", library.stat().st_size - _sum(rows)))
    order = {part: -n for part, n in totals(rows).items()}
    return sorted(rows, key=lambda r: (order[r[0]], -r[2], r[1]))


def totals(rows: list[Row]) -> dict[str, int]:
    """The bytes of each part, the largest first."""
    found: dict[str, int] = {}
    for part, _, nbytes in rows:
        found[part] = found.get(part, 0) + nbytes
    return dict(sorted(found.items(), key=lambda item: -item[1]))


def _sum(rows: list[Row]) -> int:
    return sum(n for *_, n in rows)


def _part(name: str) -> str:
    if name.endswith("_task"):
        return "kernels"
    if name in _MAIN:
        return "main"
    return "description" if name.startswith(_TEXTS) else "runtime"


def _manifest(library: Path) -> dict[str, Any]:
    """The manifest, from the file beside the library: that may be another machine's."""
    beside = library.with_suffix(".json")
    try:
        facts = json_module.loads(beside.read_text())
        return {key: facts[key] for key in ("memory", "weights")}
    except (OSError, ValueError, KeyError, TypeError):
        raise UserError(
            f"the library's manifest must stand beside it, got no {beside.name}",
            node=str(library),
            hint="`tyc compile` writes both",
        ) from None
