"""ONNX models in, `ty` programs out: one family of operators a file."""
