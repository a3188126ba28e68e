// RUN: %roundtrip
// Written by `python -m tyc.tools.dev.lit_ops`.

// CHECK-LABEL: func.func @gru(
// CHECK{LITERAL}: "ty.gru"(%arg0, %arg1, %arg2) {direction = "reverse", linear_before_reset = true, operan
func.func @gru(%arg0: tensor<2x2x3xf32>, %arg1: tensor<1x3x3xf32>, %arg2: tensor<1x3x1xf32>) -> (tensor<2x1x2x1xf32>, tensor<1x2x1xf32>) {
  %0:2 = "ty.gru"(%arg0, %arg1, %arg2) {direction = "reverse", linear_before_reset = true, operandSegmentSizes = array<i32: 1, 1, 1, 0, 0>} : (tensor<2x2x3xf32>, tensor<1x3x3xf32>, tensor<1x3x1xf32>) -> (tensor<2x1x2x1xf32>, tensor<1x2x1xf32>)
  return %0#0, %0#1 : tensor<2x1x2x1xf32>, tensor<1x2x1xf32>
}

// CHECK-LABEL: func.func @lstm(
// CHECK{LITERAL}: "ty.lstm"(%arg0, %arg1, %arg2) {direction = "forward", operandSegmentSizes = array<i32:
func.func @lstm(%arg0: tensor<3x2x4xf32>, %arg1: tensor<1x12x4xf32>, %arg2: tensor<1x12x3xf32>) -> (tensor<3x1x2x3xf32>, tensor<1x2x3xf32>, tensor<1x2x3xf32>) {
  %0:3 = "ty.lstm"(%arg0, %arg1, %arg2) {direction = "forward", operandSegmentSizes = array<i32: 1, 1, 1, 0, 0, 0, 0>} : (tensor<3x2x4xf32>, tensor<1x12x4xf32>, tensor<1x12x3xf32>) -> (tensor<3x1x2x3xf32>, tensor<1x2x3xf32>, tensor<1x2x3xf32>)
  return %0#0, %0#1, %0#2 : tensor<3x1x2x3xf32>, tensor<1x2x3xf32>, tensor<1x2x3xf32>
}

// CHECK-LABEL: func.func @rnn(
// CHECK{LITERAL}: "ty.rnn"(%arg0, %arg1, %arg2) {direction = "forward", operandSegmentSizes = array<i32: 1
func.func @rnn(%arg0: tensor<3x2x4xf32>, %arg1: tensor<1x3x4xf32>, %arg2: tensor<1x3x3xf32>) -> (tensor<3x1x2x3xf32>, tensor<1x2x3xf32>) {
  %0:2 = "ty.rnn"(%arg0, %arg1, %arg2) {direction = "forward", operandSegmentSizes = array<i32: 1, 1, 1, 0, 0>} : (tensor<3x2x4xf32>, tensor<1x3x4xf32>, tensor<1x3x3xf32>) -> (tensor<3x1x2x3xf32>, tensor<1x2x3xf32>)
  return %0#0, %0#1 : tensor<3x1x2x3xf32>, tensor<1x2x3xf32>
}
