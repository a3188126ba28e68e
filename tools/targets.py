"""`tyc targets`: the machines that can be compiled for, and what is known of their CPUs."""

from __future__ import annotations

from typing import Any

from tyc.tools.arguments import Json


def targets_command(json: Json = False) -> None:
    """Lists platforms and CPUs: features, vector registers, caches. The first CPU is the default.

    `tyc compile --target PLATFORM --cpu CPU` takes these names.
    """
    from tyc.tools.console import show_json, show_table

    rows = table()
    if json:
        show_json(rows)
        return
    columns = ["platform", "cpu", "vectors", "L1", "L2", "L3", "features"]
    show_table("", columns, [_cells(row) for row in rows])


def table() -> list[dict[str, Any]]:
    """A row for every CPU of every platform, the platform's default first."""
    from tyc.compiler.targets import families

    rows = []
    for name, family in families().items():
        order = sorted(family.cpus, key=lambda cpu: cpu != family.default)
        for target in map(family.find, order):
            rows.append(
                {
                    "platform": name,
                    "cpu": target.cpu,
                    "triple": target.triple,
                    "features": list(target.features),
                    "vector_bytes": target.vector_bytes,
                    "vector_registers": target.vector_registers,
                    "cache_bytes": [target.l1_bytes, target.l2_bytes, target.l3_bytes],
                }
            )
    return rows


def _cells(row: dict[str, Any]) -> list[object]:
    vectors = f"{row['vector_registers']} x {row['vector_bytes']}"
    caches = [f"{n >> 10} K" for n in row["cache_bytes"]]
    return [row["platform"], row["cpu"], vectors, *caches, " ".join(row["features"]) or "-"]
