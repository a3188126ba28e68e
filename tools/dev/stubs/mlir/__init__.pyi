# What the MLIR bindings ship as stubs lags behind what they do (no `isinstance`, no
# `irdl.load_dialects`, read-only attributes), so pyright takes all of `mlir` as Any.
from typing import Any

def __getattr__(name: str) -> Any: ...
