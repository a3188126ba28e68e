"""The plans of `tyc memory` as one web page: peak against FLOPs, and memory over the steps."""

from __future__ import annotations

from html import escape
from typing import Any

import plotly.graph_objects as go
from plotly.offline import get_plotlyjs

from tyc.tools.console import size_text
from tyc.tools.memory_study import Point, Study
from tyc.tools.profile_figures import byte_unit
from tyc.tools.profile_page import STYLE

FIGURES = ("frontier", "timeline")
"""Ids of the page's figures, in order."""

_NOTES = {
    "frontier": "Each point is a plan: the workspace that it needs, and what it computes again, in "
    "FLOPs and by the cost model's time. A cross is the least that was found for a budget that "
    "nothing fits.",
    "timeline": "Bytes in use while each kernel runs; named is the layer at which there are most.",
}


_BLUE, _ORANGE, _RED = "#3b5bdb", "#e8590c", "#c92a2a"
_LAYOUT: dict[str, Any] = {
    "height": 420,
    "margin": {"t": 30, "r": 20, "b": 50, "l": 70},
    "template": "plotly_white",
    "legend": {"orientation": "h", "y": 1.08, "x": 0},
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
            f"<h1>{name}</h1><p>{study.kernels} kernels; workspace {size_text(study.free_peak)}"
            f" without a budget; beside it parameters {size_text(study.parameter_bytes)},"
            f" state {size_text(study.state_bytes)}</p>",
            *sections, "</body></html>", "",
        ]
    )  # fmt: skip


def _frontier(study: Study) -> go.Figure:
    figure = go.Figure()
    fits = sorted((p for p in study.points if p.feasible), key=lambda p: (p.peak, p.extra_flops))
    least = [p for p in study.points if not p.feasible]
    for points, mode, kind, color in (
        (fits, "lines+markers", "FLOPs", _BLUE),
        (fits, "lines+markers", "time", _ORANGE),
        (least[:1], "markers", "least found", _RED),
    ):
        if points:
            figure.add_scatter(
                x=[100 * p.peak / max(study.free_peak, 1) for p in points],
                y=[_extra(p, kind == "time") for p in points],
                mode=mode, name=kind, text=[_told(p) for p in points],
                marker={"symbol": "x" if kind == "least found" else "circle", "size": 8},
                line={"color": color, "dash": "dot" if kind == "time" else "solid"},
                hovertemplate="%{text}<extra></extra>",
            )  # fmt: skip
    axes: dict[str, Any] = {
        "xaxis_title": "peak, % of the plan without budget",
        "yaxis_title": "more work, %",
    }
    return figure.update_layout(**_LAYOUT, **axes)


def _extra(point: Point, of_time: bool) -> float:
    """Percent of the step that is done again."""
    if of_time:
        return 100 * point.extra_seconds / max(point.step_seconds, 1e-12)
    return 100 * point.extra_flops / max(point.step_flops, 1)


def _told(point: Point) -> str:
    rows = [
        f"<b>{size_text(point.peak)}</b>, asked for {size_text(point.budget)}",
        f"{_extra(point, False):.2f} % more FLOPs, {_extra(point, True):.2f} % more time",
        f"{point.recomputed} kernels again",
    ]
    return "<br>".join([*rows, *([f"limit: {escape(point.limit)}"] if point.limit else [])])


def _timeline(study: Study) -> go.Figure:
    figure = go.Figure()
    unit, size = byte_unit(study.free_peak)
    for (name, rows), color in zip(study.timelines.items(), (_BLUE, _ORANGE)):
        used = [n / size for _, n in rows]
        figure.add_scatter(
            x=list(range(len(rows))), y=used, text=[escape(op) for op, _ in rows], mode="lines",
            line={"shape": "hv", "color": color, "width": 1.5}, name=name,
            hovertemplate=f"<b>%{{y:.4g}} {unit}</b> %{{text}}<extra></extra>",
        )  # fmt: skip
        at = used.index(max(used))
        op = rows[at][0].rpartition(": ")[0] or rows[at][0]
        figure.add_annotation(
            x=at, y=used[at], text=escape(op), arrowcolor=color, font={"color": color}, ay=-24, ax=0
        )
    axes: dict[str, Any] = {
        "xaxis_title": "kernel, in the order of the plan",
        "yaxis_title": f"in use, {unit}",
    }
    figure.update_yaxes(rangemode="tozero")
    return figure.update_layout(**_LAYOUT, **axes, hovermode="x")
