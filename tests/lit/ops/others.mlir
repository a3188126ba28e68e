// RUN: %roundtrip
// Written by `python -m tyc.tools.dev.lit_ops`.

// CHECK-LABEL: func.func @cross_entropy(
// CHECK{LITERAL}: "ty.cross_entropy"(%arg0, %arg1) {axis = 0 : i64} : (tensor<4xbf16>, tensor<i64>) -> ten
func.func @cross_entropy(%arg0: tensor<4xbf16>, %arg1: tensor<i64>) -> tensor<bf16> {
  %0 = "ty.cross_entropy"(%arg0, %arg1) {axis = 0 : i64} : (tensor<4xbf16>, tensor<i64>) -> tensor<bf16>
  return %0 : tensor<bf16>
}

// CHECK-LABEL: func.func @max_pool_spread(
// CHECK{LITERAL}: "ty.max_pool_spread"(%arg0, %arg1) {kernel = array<i64: 2, 2>, layout = "NCX"} : (tensor
func.func @max_pool_spread(%arg0: tensor<1x1x2x2xui8>, %arg1: tensor<1x1x2x2xf32>) -> tensor<1x1x4x4xf32> {
  %0 = "ty.max_pool_spread"(%arg0, %arg1) {kernel = array<i64: 2, 2>, layout = "NCX"} : (tensor<1x1x2x2xui8>, tensor<1x1x2x2xf32>) -> tensor<1x1x4x4xf32>
  return %0 : tensor<1x1x4x4xf32>
}

// CHECK-LABEL: func.func @max_pool_taps(
// CHECK{LITERAL}: "ty.max_pool_taps"(%arg0) {dilations = array<i64: 2>, kernel = array<i64: 3>, layout = "
func.func @max_pool_taps(%arg0: tensor<1x1x5xf32>) -> tensor<1x1x1xui8> {
  %0 = "ty.max_pool_taps"(%arg0) {dilations = array<i64: 2>, kernel = array<i64: 3>, layout = "NCX", padding = array<i64: 1, 0>, strides = array<i64: 2>} : (tensor<1x1x5xf32>) -> tensor<1x1x1xui8>
  return %0 : tensor<1x1x1xui8>
}

// CHECK-LABEL: func.func @max_pool_taps_gradient(
// CHECK{LITERAL}: "ty.max_pool_taps_gradient"(%arg0, %arg1) {dilations = array<i64: 2>, kernel = array<i64
func.func @max_pool_taps_gradient(%arg0: tensor<1x1x3xui8>, %arg1: tensor<1x1x3xbf16>) -> tensor<1x1x8xbf16> {
  %0 = "ty.max_pool_taps_gradient"(%arg0, %arg1) {dilations = array<i64: 2>, kernel = array<i64: 3>, layout = "NCX", padding = array<i64: 1, 0>, shape = array<i64: 1, 1, 8>, strides = array<i64: 2>} : (tensor<1x1x3xui8>, tensor<1x1x3xbf16>) -> tensor<1x1x8xbf16>
  return %0 : tensor<1x1x8xbf16>
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
