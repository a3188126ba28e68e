"""The bytes of a library as a treemap: one web page that needs nothing else."""

from __future__ import annotations

from html import escape

from tyc.tools.profile_page import STYLE, require_plotly


def page(title: str, rows: list[tuple[str, str, int]]) -> str:
    """The page of rows (part, name, bytes); weights, which hide all else, are left out.

    Raises `UserError` where plotly is missing.
    """
    require_plotly()
    import plotly.graph_objects as go

    kept = [r for r in rows if r[0] != "weights"]
    parts = list(dict.fromkeys(part for part, _, _ in kept))
    sums = [sum(n for p, _, n in kept if p == part) for part in parts]
    figure = go.Figure(
        go.Treemap(
            ids=[*parts, *(f"{p}/{n}" for p, n, _ in kept)],
            labels=[*parts, *(n for _, n, _ in kept)],
            parents=["" for _ in parts] + [p for p, _, _ in kept],
            values=[*sums, *(n for *_, n in kept)],
            branchvalues="total",
            texttemplate="%{label}<br>%{value:,}",
            hovertemplate="%{id}<br>%{value:,} bytes<extra></extra>",
        )
    )
    figure.update_layout(height=760, margin={"l": 0, "r": 0, "t": 0, "b": 0})
    shown = figure.to_html(full_html=False, include_plotlyjs=True, div_id="size")
    total = sum(sums)
    return (
        f'<!doctype html><html lang="en"><head><meta charset="utf-8"><title>{escape(title)}</title>'
        f"<style>{STYLE}</style></head><body><h1>{escape(title)}</h1>"
        f"<p>{total:,} bytes without weights</p>{shown}</body></html>\n"
    )
