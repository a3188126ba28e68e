// RUN: not %tyc check %s 2>&1 | %FileCheck %s
// CHECK: error: check.mlir: must be an ONNX model, got {{[0-9]+}} bytes that begin with
