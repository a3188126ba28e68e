// RUN: %roundtrip
// Written by `python -m tyc.tools.dev.lit_ops`.

// CHECK-LABEL: func.func @cross_entropy(
// CHECK{LITERAL}: "ty.cross_entropy"(%arg0, %arg1) {axis = 0 : i64} : (tensor<4xbf16>, tensor<i64>) -> ten
func.func @cross_entropy(%arg0: tensor<4xbf16>, %arg1: tensor<i64>) -> tensor<bf16> {
  %0 = "ty.cross_entropy"(%arg0, %arg1) {axis = 0 : i64} : (tensor<4xbf16>, tensor<i64>) -> tensor<bf16>
  return %0 : tensor<bf16>
}

// CHECK-LABEL: func.func @moments(
// CHECK{LITERAL}: "ty.moments"(%arg0) {axes = array<i64: 0, 1>, keepdims = false} : (tensor<4x3xf64>) -> (
func.func @moments(%arg0: tensor<4x3xf64>) -> (tensor<f64>, tensor<f64>) {
  %0:2 = "ty.moments"(%arg0) {axes = array<i64: 0, 1>, keepdims = false} : (tensor<4x3xf64>) -> (tensor<f64>, tensor<f64>)
  return %0#0, %0#1 : tensor<f64>, tensor<f64>
}

// CHECK-LABEL: func.func @normalize_gradient(
// CHECK{LITERAL}: "ty.normalize_gradient"(%arg0, %arg1, %arg2, %arg3) {axis = -1 : i64} : (tensor<2x5xf32>
func.func @normalize_gradient(%arg0: tensor<2x5xf32>, %arg1: tensor<2x5xf32>, %arg2: tensor<2x1xf32>, %arg3: tensor<2x1xf32>) -> tensor<2x5xf32> {
  %0 = "ty.normalize_gradient"(%arg0, %arg1, %arg2, %arg3) {axis = -1 : i64} : (tensor<2x5xf32>, tensor<2x5xf32>, tensor<2x1xf32>, tensor<2x1xf32>) -> tensor<2x5xf32>
  return %0 : tensor<2x5xf32>
}

// CHECK-LABEL: func.func @softmax_gradient(
// CHECK{LITERAL}: "ty.softmax_gradient"(%arg0, %arg1) {axis = 0 : i64} : (tensor<3x9xf16>, tensor<3x9xf16>
func.func @softmax_gradient(%arg0: tensor<3x9xf16>, %arg1: tensor<3x9xf16>) -> tensor<3x9xf16> {
  %0 = "ty.softmax_gradient"(%arg0, %arg1) {axis = 0 : i64} : (tensor<3x9xf16>, tensor<3x9xf16>) -> tensor<3x9xf16>
  return %0 : tensor<3x9xf16>
}
