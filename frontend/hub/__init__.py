"""Known models, made of our own layers: `tyc.hub.models`."""

from __future__ import annotations

from tyc.hub import models

__all__ = ["models"]
