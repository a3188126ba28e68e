// RUN: %roundtrip
// Written by `python -m tyc.tools.dev.lit_ops`.

// CHECK-LABEL: func.func @reduce_all(
// CHECK{LITERAL}: "ty.reduce_all"(%arg0) {axes = array<i64: 1>, keepdims = false} : (tensor<3x4xi1>) -> te
func.func @reduce_all(%arg0: tensor<3x4xi1>) -> tensor<3xi1> {
  %0 = "ty.reduce_all"(%arg0) {axes = array<i64: 1>, keepdims = false} : (tensor<3x4xi1>) -> tensor<3xi1>
  return %0 : tensor<3xi1>
}

// CHECK-LABEL: func.func @reduce_any(
// CHECK{LITERAL}: "ty.reduce_any"(%arg0) {axes = array<i64: 1>, keepdims = false} : (tensor<3x4xi1>) -> te
func.func @reduce_any(%arg0: tensor<3x4xi1>) -> tensor<3xi1> {
  %0 = "ty.reduce_any"(%arg0) {axes = array<i64: 1>, keepdims = false} : (tensor<3x4xi1>) -> tensor<3xi1>
  return %0 : tensor<3xi1>
}

// CHECK-LABEL: func.func @reduce_l1(
// CHECK{LITERAL}: "ty.reduce_l1"(%arg0) {axes = array<i64>, keepdims = false} : (tensor<f32>) -> tensor<f3
func.func @reduce_l1(%arg0: tensor<f32>) -> tensor<f32> {
  %0 = "ty.reduce_l1"(%arg0) {axes = array<i64>, keepdims = false} : (tensor<f32>) -> tensor<f32>
  return %0 : tensor<f32>
}

// CHECK-LABEL: func.func @reduce_l2(
// CHECK{LITERAL}: "ty.reduce_l2"(%arg0) {axes = array<i64>, keepdims = false} : (tensor<f32>) -> tensor<f3
func.func @reduce_l2(%arg0: tensor<f32>) -> tensor<f32> {
  %0 = "ty.reduce_l2"(%arg0) {axes = array<i64>, keepdims = false} : (tensor<f32>) -> tensor<f32>
  return %0 : tensor<f32>
}

// CHECK-LABEL: func.func @reduce_log_sum(
// CHECK{LITERAL}: "ty.reduce_log_sum"(%arg0) {axes = array<i64: 0>, keepdims = false} : (tensor<5xf16>) ->
func.func @reduce_log_sum(%arg0: tensor<5xf16>) -> tensor<f16> {
  %0 = "ty.reduce_log_sum"(%arg0) {axes = array<i64: 0>, keepdims = false} : (tensor<5xf16>) -> tensor<f16>
  return %0 : tensor<f16>
}

// CHECK-LABEL: func.func @reduce_log_sum_exp(
// CHECK{LITERAL}: "ty.reduce_log_sum_exp"(%arg0) {axes = array<i64>, keepdims = false} : (tensor<f32>) ->
func.func @reduce_log_sum_exp(%arg0: tensor<f32>) -> tensor<f32> {
  %0 = "ty.reduce_log_sum_exp"(%arg0) {axes = array<i64>, keepdims = false} : (tensor<f32>) -> tensor<f32>
  return %0 : tensor<f32>
}

// CHECK-LABEL: func.func @reduce_max(
// CHECK{LITERAL}: "ty.reduce_max"(%arg0) {axes = array<i64>, keepdims = false} : (tensor<f32>) -> tensor<f
func.func @reduce_max(%arg0: tensor<f32>) -> tensor<f32> {
  %0 = "ty.reduce_max"(%arg0) {axes = array<i64>, keepdims = false} : (tensor<f32>) -> tensor<f32>
  return %0 : tensor<f32>
}

// CHECK-LABEL: func.func @reduce_mean(
// CHECK{LITERAL}: "ty.reduce_mean"(%arg0) {axes = array<i64>, keepdims = false} : (tensor<f32>) -> tensor<
func.func @reduce_mean(%arg0: tensor<f32>) -> tensor<f32> {
  %0 = "ty.reduce_mean"(%arg0) {axes = array<i64>, keepdims = false} : (tensor<f32>) -> tensor<f32>
  return %0 : tensor<f32>
}

// CHECK-LABEL: func.func @reduce_min(
// CHECK{LITERAL}: "ty.reduce_min"(%arg0) {axes = array<i64>, keepdims = false} : (tensor<f32>) -> tensor<f
func.func @reduce_min(%arg0: tensor<f32>) -> tensor<f32> {
  %0 = "ty.reduce_min"(%arg0) {axes = array<i64>, keepdims = false} : (tensor<f32>) -> tensor<f32>
  return %0 : tensor<f32>
}

// CHECK-LABEL: func.func @reduce_product(
// CHECK{LITERAL}: "ty.reduce_product"(%arg0) {axes = array<i64>, keepdims = false} : (tensor<f32>) -> tens
func.func @reduce_product(%arg0: tensor<f32>) -> tensor<f32> {
  %0 = "ty.reduce_product"(%arg0) {axes = array<i64>, keepdims = false} : (tensor<f32>) -> tensor<f32>
  return %0 : tensor<f32>
}

// CHECK-LABEL: func.func @reduce_sum(
// CHECK{LITERAL}: "ty.reduce_sum"(%arg0) {axes = array<i64>, keepdims = false} : (tensor<f32>) -> tensor<f
func.func @reduce_sum(%arg0: tensor<f32>) -> tensor<f32> {
  %0 = "ty.reduce_sum"(%arg0) {axes = array<i64>, keepdims = false} : (tensor<f32>) -> tensor<f32>
  return %0 : tensor<f32>
}

// CHECK-LABEL: func.func @reduce_sum_add(
// CHECK{LITERAL}: "ty.reduce_sum_add"(%arg0, %arg1) : (tensor<4xi32>, tensor<i32>) -> tensor<i32>
func.func @reduce_sum_add(%arg0: tensor<4xi32>, %arg1: tensor<i32>) -> tensor<i32> {
  %0 = "ty.reduce_sum_add"(%arg0, %arg1) : (tensor<4xi32>, tensor<i32>) -> tensor<i32>
  return %0 : tensor<i32>
}

// CHECK-LABEL: func.func @reduce_sum_square(
// CHECK{LITERAL}: "ty.reduce_sum_square"(%arg0) {axes = array<i64>, keepdims = false} : (tensor<f32>) -> t
func.func @reduce_sum_square(%arg0: tensor<f32>) -> tensor<f32> {
  %0 = "ty.reduce_sum_square"(%arg0) {axes = array<i64>, keepdims = false} : (tensor<f32>) -> tensor<f32>
  return %0 : tensor<f32>
}
