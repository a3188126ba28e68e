"""Recurrent networks, unrolled over time."""

from __future__ import annotations
