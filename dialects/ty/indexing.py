"""Reads and writes at computed indices: gather, scatter, one-hot, top-k."""

from __future__ import annotations
