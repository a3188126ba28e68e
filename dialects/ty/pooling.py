"""Reductions over sliding windows."""

from __future__ import annotations
