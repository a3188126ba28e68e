"""The plans of `tyc memory` as one web page: peak against FLOPs, and memory over the steps."""

from __future__ import annotations

from html import escape

import plotly.graph_objects as go
from plotly.offline import get_plotlyjs

from tyc.tools.memory_study import Study
from tyc.tools.profile_figures import byte_unit
from tyc.tools.profile_page import STYLE

FIGURES = ("frontier", "timeline")
"""Ids of the page's figures, in order."""

_NOTES = {
    "frontier": "Each point is a plan: the workspace that it needs, beside what it computes again. "
    "Crosses are budgets that nothing fits.",
    "timeline": "Bytes in use while each op runs, in the order of the plan.",
}


def page(study: Study) -> str:
    """The page of a model's plans."""
    figures = {"frontier": _frontier(study), "timeline": _timeline(study)}
    sections = []
    for name in FIGURES:
        body = figures[name].to_html(
            full_html=False, include_plotlyjs=False, include_mathjax=False, div_id=name,
            config={"displaylogo": False, "responsive": True},
        )  # fmt: skip
        title = name.capitalize()
        sections.append(f"<section><h2>{title}</h2><p>{_NOTES[name]}</p>{body}</section>")
    name = escape(study.name)
    return "\n".join(
        [
            '<!doctype html><html lang="en"><head><meta charset="utf-8">',
            '<link rel="icon" href="data:,">',
            f"<title>{name}: memory</title><style>{STYLE}</style>",
            f"<script>{get_plotlyjs()}</script></head><body>",
            f"<h1>{name}</h1><p>{study.kernels} kernels</p>",
            *sections, "</body></html>", "",
        ]
    )  # fmt: skip


def _frontier(study: Study) -> go.Figure:
    figure = go.Figure()
    for label, symbol, fits in (("fits", "circle", True), ("does not fit", "x", False)):
        points = sorted(
            (p for p in study.points if p.feasible == fits), key=lambda p: (p.peak, p.extra_flops)
        )
        if not points:
            continue
        unit, size = byte_unit(study.free_peak)
        figure.add_scatter(
            x=[100 * p.peak / max(study.free_peak, 1) for p in points],
            y=[100 * p.extra_flops / max(p.step_flops, 1) for p in points],
            mode="lines+markers" if fits else "markers",
            marker={"symbol": symbol, "size": 8},
            name=label,
            text=[
                f"{p.peak / size:.4g} {unit}, {p.recomputed} kernels again,"
                f" {100 * p.extra_seconds / max(p.step_seconds, 1e-12):.1f} % more time"
                for p in points
            ],
        )
    figure.update_layout(
        height=420, xaxis_title="peak, % of the plan without budget", yaxis_title="extra FLOPs, %"
    )
    return figure


def _timeline(study: Study) -> go.Figure:
    figure = go.Figure()
    unit, size = byte_unit(study.free_peak)
    for name, rows in study.timelines.items():
        figure.add_scatter(
            x=list(range(len(rows))), y=[n / size for _, n in rows], text=[op for op, _ in rows],
            mode="lines", line={"shape": "hv"}, name=name,
        )  # fmt: skip
    figure.update_layout(height=420, xaxis_title="step", yaxis_title=f"bytes in use, {unit}")
    return figure
