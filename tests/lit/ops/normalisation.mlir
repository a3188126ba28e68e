// RUN: %roundtrip
// Written by `python -m tyc.tools.dev.lit_ops`.

// CHECK-LABEL: func.func @batch_norm(
// CHECK{LITERAL}: "ty.batch_norm"(%arg0, %arg1, %arg2, %arg3, %arg4) {channel_axis = 1 : i64, epsilon = 1.
func.func @batch_norm(%arg0: tensor<2x3xf64>, %arg1: tensor<3xf64>, %arg2: tensor<3xf64>, %arg3: tensor<3xf64>, %arg4: tensor<3xf64>) -> tensor<2x3xf64> {
  %0 = "ty.batch_norm"(%arg0, %arg1, %arg2, %arg3, %arg4) {channel_axis = 1 : i64, epsilon = 1.000000e-01 : f64} : (tensor<2x3xf64>, tensor<3xf64>, tensor<3xf64>, tensor<3xf64>, tensor<3xf64>) -> tensor<2x3xf64>
  return %0 : tensor<2x3xf64>
}

// CHECK-LABEL: func.func @batch_norm_training(
// CHECK{LITERAL}: "ty.batch_norm_training"(%arg0, %arg1, %arg2) {channel_axis = 1 : i64, epsilon = 1.00000
func.func @batch_norm_training(%arg0: tensor<5x3xf64>, %arg1: tensor<3xf64>, %arg2: tensor<3xf64>) -> (tensor<5x3xf64>, tensor<3xf64>, tensor<3xf64>) {
  %0:3 = "ty.batch_norm_training"(%arg0, %arg1, %arg2) {channel_axis = 1 : i64, epsilon = 1.000000e-01 : f64} : (tensor<5x3xf64>, tensor<3xf64>, tensor<3xf64>) -> (tensor<5x3xf64>, tensor<3xf64>, tensor<3xf64>)
  return %0#0, %0#1, %0#2 : tensor<5x3xf64>, tensor<3xf64>, tensor<3xf64>
}

// CHECK-LABEL: func.func @group_norm(
// CHECK{LITERAL}: "ty.group_norm"(%arg0) {epsilon = 1.000000e-05 : f64, groups = 2 : i64, operandSegmentSi
func.func @group_norm(%arg0: tensor<1x4x5xf16>) -> tensor<1x4x5xf16> {
  %0 = "ty.group_norm"(%arg0) {epsilon = 1.000000e-05 : f64, groups = 2 : i64, operandSegmentSizes = array<i32: 1, 0, 0>} : (tensor<1x4x5xf16>) -> tensor<1x4x5xf16>
  return %0 : tensor<1x4x5xf16>
}

// CHECK-LABEL: func.func @instance_norm(
// CHECK{LITERAL}: "ty.instance_norm"(%arg0) {epsilon = 1.000000e-05 : f64, operandSegmentSizes = array<i32
func.func @instance_norm(%arg0: tensor<1x2x6xf16>) -> tensor<1x2x6xf16> {
  %0 = "ty.instance_norm"(%arg0) {epsilon = 1.000000e-05 : f64, operandSegmentSizes = array<i32: 1, 0, 0>} : (tensor<1x2x6xf16>) -> tensor<1x2x6xf16>
  return %0 : tensor<1x2x6xf16>
}

// CHECK-LABEL: func.func @layer_norm(
// CHECK{LITERAL}: "ty.layer_norm"(%arg0) {axis = -1 : i64, epsilon = 1.000000e-05 : f64, operandSegmentSiz
func.func @layer_norm(%arg0: tensor<3x6xf16>) -> tensor<3x6xf16> {
  %0 = "ty.layer_norm"(%arg0) {axis = -1 : i64, epsilon = 1.000000e-05 : f64, operandSegmentSizes = array<i32: 1, 0, 0>} : (tensor<3x6xf16>) -> tensor<3x6xf16>
  return %0 : tensor<3x6xf16>
}

// CHECK-LABEL: func.func @local_response_norm(
// CHECK{LITERAL}: "ty.local_response_norm"(%arg0) {alpha = 1.000000e-04 : f64, beta = 7.500000e-01 : f64,
func.func @local_response_norm(%arg0: tensor<1x4xf16>) -> tensor<1x4xf16> {
  %0 = "ty.local_response_norm"(%arg0) {alpha = 1.000000e-04 : f64, beta = 7.500000e-01 : f64, bias = 1.000000e+00 : f64, size = 5 : i64} : (tensor<1x4xf16>) -> tensor<1x4xf16>
  return %0 : tensor<1x4xf16>
}

// CHECK-LABEL: func.func @log_softmax(
// CHECK{LITERAL}: "ty.log_softmax"(%arg0) {axis = 0 : i64} : (tensor<9xbf16>) -> tensor<9xbf16>
func.func @log_softmax(%arg0: tensor<9xbf16>) -> tensor<9xbf16> {
  %0 = "ty.log_softmax"(%arg0) {axis = 0 : i64} : (tensor<9xbf16>) -> tensor<9xbf16>
  return %0 : tensor<9xbf16>
}

// CHECK-LABEL: func.func @lp_normalize(
// CHECK{LITERAL}: "ty.lp_normalize"(%arg0) {axis = -1 : i64, p = 2 : i64} : (tensor<9xf16>) -> tensor<9xf1
func.func @lp_normalize(%arg0: tensor<9xf16>) -> tensor<9xf16> {
  %0 = "ty.lp_normalize"(%arg0) {axis = -1 : i64, p = 2 : i64} : (tensor<9xf16>) -> tensor<9xf16>
  return %0 : tensor<9xf16>
}

// CHECK-LABEL: func.func @rms_norm(
// CHECK{LITERAL}: "ty.rms_norm"(%arg0) {axis = -1 : i64, epsilon = 1.000000e-05 : f64} : (tensor<3x6xf16>)
func.func @rms_norm(%arg0: tensor<3x6xf16>) -> tensor<3x6xf16> {
  %0 = "ty.rms_norm"(%arg0) {axis = -1 : i64, epsilon = 1.000000e-05 : f64} : (tensor<3x6xf16>) -> tensor<3x6xf16>
  return %0 : tensor<3x6xf16>
}

// CHECK-LABEL: func.func @softmax(
// CHECK{LITERAL}: "ty.softmax"(%arg0) {axis = 0 : i64} : (tensor<9xbf16>) -> tensor<9xbf16>
func.func @softmax(%arg0: tensor<9xbf16>) -> tensor<9xbf16> {
  %0 = "ty.softmax"(%arg0) {axis = 0 : i64} : (tensor<9xbf16>) -> tensor<9xbf16>
  return %0 : tensor<9xbf16>
}
