// RUN: %roundtrip
// Written by `python -m tyc.tools.dev.lit_ops`.

// CHECK-LABEL: func.func @attention(
// CHECK{LITERAL}: "ty.attention"(%arg0, %arg1, %arg2) {causal = true, scale = 1.000000e+00 : f64, sequence
func.func @attention(%arg0: tensor<4x3xf32>, %arg1: tensor<4x3xf32>, %arg2: tensor<4x2xf32>) -> tensor<4x2xf32> {
  %0 = "ty.attention"(%arg0, %arg1, %arg2) {causal = true, scale = 1.000000e+00 : f64, sequence_first = false} : (tensor<4x3xf32>, tensor<4x3xf32>, tensor<4x2xf32>) -> tensor<4x2xf32>
  return %0 : tensor<4x2xf32>
}

// CHECK-LABEL: func.func @conv(
// CHECK{LITERAL}: "ty.conv"(%arg0, %arg1) {dilations = array<i64: 1>, groups = 1 : i64, layout = "NXC", pa
func.func @conv(%arg0: tensor<1x8x3xf64>, %arg1: tensor<2x3x3xf64>) -> tensor<1x6x2xf64> {
  %0 = "ty.conv"(%arg0, %arg1) {dilations = array<i64: 1>, groups = 1 : i64, layout = "NXC", padding = array<i64: 0, 0>, strides = array<i64: 1>} : (tensor<1x8x3xf64>, tensor<2x3x3xf64>) -> tensor<1x6x2xf64>
  return %0 : tensor<1x6x2xf64>
}

// CHECK-LABEL: func.func @conv_transpose(
// CHECK{LITERAL}: "ty.conv_transpose"(%arg0, %arg1) {dilations = array<i64: 1>, groups = 1 : i64, layout =
func.func @conv_transpose(%arg0: tensor<1x2x4xf32>, %arg1: tensor<2x3x1xf32>) -> tensor<1x3x6xf32> {
  %0 = "ty.conv_transpose"(%arg0, %arg1) {dilations = array<i64: 1>, groups = 1 : i64, layout = "NCX", output_padding = array<i64: 1>, padding = array<i64: 1, 1>, strides = array<i64: 2>} : (tensor<1x2x4xf32>, tensor<2x3x1xf32>) -> tensor<1x3x6xf32>
  return %0 : tensor<1x3x6xf32>
}

// CHECK-LABEL: func.func @conv_weight_gradient(
// CHECK{LITERAL}: "ty.conv_weight_gradient"(%arg0, %arg1) {dilations = array<i64: 2>, groups = 1 : i64, ke
func.func @conv_weight_gradient(%arg0: tensor<2x3x8xf32>, %arg1: tensor<2x5x3xf32>) -> tensor<3x3x5xf32> {
  %0 = "ty.conv_weight_gradient"(%arg0, %arg1) {dilations = array<i64: 2>, groups = 1 : i64, kernel = array<i64: 3>, layout = "NCX", padding = array<i64: 0, 1>, strides = array<i64: 2>} : (tensor<2x3x8xf32>, tensor<2x5x3xf32>) -> tensor<3x3x5xf32>
  return %0 : tensor<3x3x5xf32>
}

// CHECK-LABEL: func.func @matmul(
// CHECK{LITERAL}: "ty.matmul"(%arg0, %arg1) {transpose_a = false, transpose_b = true} : (tensor<3x4xf32>,
func.func @matmul(%arg0: tensor<3x4xf32>, %arg1: tensor<5x4xf32>) -> tensor<3x5xf32> {
  %0 = "ty.matmul"(%arg0, %arg1) {transpose_a = false, transpose_b = true} : (tensor<3x4xf32>, tensor<5x4xf32>) -> tensor<3x5xf32>
  return %0 : tensor<3x5xf32>
}

// CHECK-LABEL: func.func @matmul_add(
// CHECK{LITERAL}: "ty.matmul_add"(%arg0, %arg1, %arg2) {transpose_a = true, transpose_b = true} : (tensor<
func.func @matmul_add(%arg0: tensor<4x3xf64>, %arg1: tensor<5x4xf64>, %arg2: tensor<3x5xf64>) -> tensor<3x5xf64> {
  %0 = "ty.matmul_add"(%arg0, %arg1, %arg2) {transpose_a = true, transpose_b = true} : (tensor<4x3xf64>, tensor<5x4xf64>, tensor<3x5xf64>) -> tensor<3x5xf64>
  return %0 : tensor<3x5xf64>
}

// CHECK-LABEL: func.func @matmul_integer(
// CHECK{LITERAL}: "ty.matmul_integer"(%arg0, %arg1) {operandSegmentSizes = array<i32: 1, 1, 0, 0>} : (tens
func.func @matmul_integer(%arg0: tensor<3x4xui8>, %arg1: tensor<4x5xui8>) -> tensor<3x5xi32> {
  %0 = "ty.matmul_integer"(%arg0, %arg1) {operandSegmentSizes = array<i32: 1, 1, 0, 0>} : (tensor<3x4xui8>, tensor<4x5xui8>) -> tensor<3x5xi32>
  return %0 : tensor<3x5xi32>
}
