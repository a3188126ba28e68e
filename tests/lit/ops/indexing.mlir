// RUN: %roundtrip
// Written by `python -m tyc.tools.dev.lit_ops`.

// CHECK-LABEL: func.func @argmax(
// CHECK{LITERAL}: "ty.argmax"(%arg0) {axis = 0 : i64, keepdims = false, last = false} : (tensor<9xi32>) ->
func.func @argmax(%arg0: tensor<9xi32>) -> tensor<i64> {
  %0 = "ty.argmax"(%arg0) {axis = 0 : i64, keepdims = false, last = false} : (tensor<9xi32>) -> tensor<i64>
  return %0 : tensor<i64>
}

// CHECK-LABEL: func.func @argmin(
// CHECK{LITERAL}: "ty.argmin"(%arg0) {axis = 0 : i64, keepdims = false, last = false} : (tensor<9xi32>) ->
func.func @argmin(%arg0: tensor<9xi32>) -> tensor<i64> {
  %0 = "ty.argmin"(%arg0) {axis = 0 : i64, keepdims = false, last = false} : (tensor<9xi32>) -> tensor<i64>
  return %0 : tensor<i64>
}

// CHECK-LABEL: func.func @cumulative_sum(
// CHECK{LITERAL}: "ty.cumulative_sum"(%arg0) {axis = 0 : i64, exclusive = true, reverse = true} : (tensor<
func.func @cumulative_sum(%arg0: tensor<6xi32>) -> tensor<6xi32> {
  %0 = "ty.cumulative_sum"(%arg0) {axis = 0 : i64, exclusive = true, reverse = true} : (tensor<6xi32>) -> tensor<6xi32>
  return %0 : tensor<6xi32>
}

// CHECK-LABEL: func.func @gather(
// CHECK{LITERAL}: "ty.gather"(%arg0, %arg1) {axis = 0 : i64} : (tensor<3xi1>, tensor<2xi64>) -> tensor<2xi
func.func @gather(%arg0: tensor<3xi1>, %arg1: tensor<2xi64>) -> tensor<2xi1> {
  %0 = "ty.gather"(%arg0, %arg1) {axis = 0 : i64} : (tensor<3xi1>, tensor<2xi64>) -> tensor<2xi1>
  return %0 : tensor<2xi1>
}

// CHECK-LABEL: func.func @gather_elements(
// CHECK{LITERAL}: "ty.gather_elements"(%arg0, %arg1) {axis = -1 : i64} : (tensor<3xi16>, tensor<2xi32>) ->
func.func @gather_elements(%arg0: tensor<3xi16>, %arg1: tensor<2xi32>) -> tensor<2xi16> {
  %0 = "ty.gather_elements"(%arg0, %arg1) {axis = -1 : i64} : (tensor<3xi16>, tensor<2xi32>) -> tensor<2xi16>
  return %0 : tensor<2xi16>
}

// CHECK-LABEL: func.func @gather_gradient(
// CHECK{LITERAL}: "ty.gather_gradient"(%arg0, %arg1) {axis = 1 : i64, shape = array<i64: 2, 3>} : (tensor<
func.func @gather_gradient(%arg0: tensor<i64>, %arg1: tensor<2xf16>) -> tensor<2x3xf16> {
  %0 = "ty.gather_gradient"(%arg0, %arg1) {axis = 1 : i64, shape = array<i64: 2, 3>} : (tensor<i64>, tensor<2xf16>) -> tensor<2x3xf16>
  return %0 : tensor<2x3xf16>
}

// CHECK-LABEL: func.func @gather_nd(
// CHECK{LITERAL}: "ty.gather_nd"(%arg0, %arg1) {batch_dims = 0 : i64} : (tensor<2x2xi32>, tensor<2xi32>) -
func.func @gather_nd(%arg0: tensor<2x2xi32>, %arg1: tensor<2xi32>) -> tensor<i32> {
  %0 = "ty.gather_nd"(%arg0, %arg1) {batch_dims = 0 : i64} : (tensor<2x2xi32>, tensor<2xi32>) -> tensor<i32>
  return %0 : tensor<i32>
}

// CHECK-LABEL: func.func @one_hot(
// CHECK{LITERAL}: "ty.one_hot"(%arg0) {axis = 0 : i64, depth = 3 : i64, off = 0.000000e+00 : f64, on = 1.0
func.func @one_hot(%arg0: tensor<i64>) -> tensor<3xi1> {
  %0 = "ty.one_hot"(%arg0) {axis = 0 : i64, depth = 3 : i64, off = 0.000000e+00 : f64, on = 1.000000e+00 : f64, to = i1} : (tensor<i64>) -> tensor<3xi1>
  return %0 : tensor<3xi1>
}

// CHECK-LABEL: func.func @scatter_elements(
// CHECK{LITERAL}: "ty.scatter_elements"(%arg0, %arg1, %arg2) {axis = 0 : i64, reduction = "none"} : (tenso
func.func @scatter_elements(%arg0: tensor<4xi1>, %arg1: tensor<2xi64>, %arg2: tensor<2xi1>) -> tensor<4xi1> {
  %0 = "ty.scatter_elements"(%arg0, %arg1, %arg2) {axis = 0 : i64, reduction = "none"} : (tensor<4xi1>, tensor<2xi64>, tensor<2xi1>) -> tensor<4xi1>
  return %0 : tensor<4xi1>
}

// CHECK-LABEL: func.func @scatter_nd(
// CHECK{LITERAL}: "ty.scatter_nd"(%arg0, %arg1, %arg2) {reduction = "none"} : (tensor<4xf32>, tensor<2x1xi
func.func @scatter_nd(%arg0: tensor<4xf32>, %arg1: tensor<2x1xi64>, %arg2: tensor<2xf32>) -> tensor<4xf32> {
  %0 = "ty.scatter_nd"(%arg0, %arg1, %arg2) {reduction = "none"} : (tensor<4xf32>, tensor<2x1xi64>, tensor<2xf32>) -> tensor<4xf32>
  return %0 : tensor<4xf32>
}

// CHECK-LABEL: func.func @top_k(
// CHECK{LITERAL}: "ty.top_k"(%arg0) {axis = -1 : i64, k = 4 : i64, largest = false, sorted = true} : (tens
func.func @top_k(%arg0: tensor<4xui8>) -> (tensor<4xui8>, tensor<4xi64>) {
  %0:2 = "ty.top_k"(%arg0) {axis = -1 : i64, k = 4 : i64, largest = false, sorted = true} : (tensor<4xui8>) -> (tensor<4xui8>, tensor<4xi64>)
  return %0#0, %0#1 : tensor<4xui8>, tensor<4xi64>
}
