"""Contractions: sums of products over shared dimensions."""

from __future__ import annotations
