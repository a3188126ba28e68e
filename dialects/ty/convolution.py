"""Convolutions of any spatial rank from 1 to 3, and their transposes."""

from __future__ import annotations
