// RUN: %roundtrip
// Written by `python -m tyc.tools.dev.lit_ops`.

// CHECK-LABEL: func.func @average_pool(
// CHECK{LITERAL}: "ty.average_pool"(%arg0) {count_include_pad = false, dilations = array<i64: 1>, extra =
func.func @average_pool(%arg0: tensor<1x3x7xf16>) -> tensor<1x3x3xf16> {
  %0 = "ty.average_pool"(%arg0) {count_include_pad = false, dilations = array<i64: 1>, extra = array<i64>, kernel = array<i64: 3>, layout = "NCX", padding = array<i64: 1, 0>, strides = array<i64: 2>} : (tensor<1x3x7xf16>) -> tensor<1x3x3xf16>
  return %0 : tensor<1x3x3xf16>
}

// CHECK-LABEL: func.func @lp_pool(
// CHECK{LITERAL}: "ty.lp_pool"(%arg0) {dilations = array<i64: 1>, kernel = array<i64: 3>, layout = "NCX",
func.func @lp_pool(%arg0: tensor<1x3x7xf32>) -> tensor<1x3x3xf32> {
  %0 = "ty.lp_pool"(%arg0) {dilations = array<i64: 1>, kernel = array<i64: 3>, layout = "NCX", p = 3 : i64, padding = array<i64: 1, 0>, strides = array<i64: 2>} : (tensor<1x3x7xf32>) -> tensor<1x3x3xf32>
  return %0 : tensor<1x3x3xf32>
}

// CHECK-LABEL: func.func @max_pool(
// CHECK{LITERAL}: "ty.max_pool"(%arg0) {dilations = array<i64: 1>, kernel = array<i64: 3>, layout = "NCX",
func.func @max_pool(%arg0: tensor<1x3x7xf16>) -> tensor<1x3x3xf16> {
  %0 = "ty.max_pool"(%arg0) {dilations = array<i64: 1>, kernel = array<i64: 3>, layout = "NCX", padding = array<i64: 1, 0>, strides = array<i64: 2>} : (tensor<1x3x7xf16>) -> tensor<1x3x3xf16>
  return %0 : tensor<1x3x3xf16>
}

// CHECK-LABEL: func.func @max_pool_gradient(
// CHECK{LITERAL}: "ty.max_pool_gradient"(%arg0, %arg1) {layout = "NCX", shape = array<i64: 2, 2, 3>} : (te
func.func @max_pool_gradient(%arg0: tensor<2x2x2xi64>, %arg1: tensor<2x2x2xf32>) -> tensor<2x2x3xf32> {
  %0 = "ty.max_pool_gradient"(%arg0, %arg1) {layout = "NCX", shape = array<i64: 2, 2, 3>} : (tensor<2x2x2xi64>, tensor<2x2x2xf32>) -> tensor<2x2x3xf32>
  return %0 : tensor<2x2x3xf32>
}

// CHECK-LABEL: func.func @max_pool_indices(
// CHECK{LITERAL}: "ty.max_pool_indices"(%arg0) {dilations = array<i64: 1>, kernel = array<i64: 3>, layout
func.func @max_pool_indices(%arg0: tensor<2x3x7xf64>) -> (tensor<2x3x3xf64>, tensor<2x3x3xi64>) {
  %0:2 = "ty.max_pool_indices"(%arg0) {dilations = array<i64: 1>, kernel = array<i64: 3>, layout = "NCX", padding = array<i64: 1, 0>, strides = array<i64: 2>} : (tensor<2x3x7xf64>) -> (tensor<2x3x3xf64>, tensor<2x3x3xi64>)
  return %0#0, %0#1 : tensor<2x3x3xf64>, tensor<2x3x3xi64>
}
