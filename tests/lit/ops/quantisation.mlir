// RUN: %roundtrip
// Written by `python -m tyc.tools.dev.lit_ops`.

// CHECK-LABEL: func.func @dequantize(
// CHECK{LITERAL}: "ty.dequantize"(%arg0, %arg1) {axis = 1 : i64} : (tensor<2x3xi8>, tensor<f16>) -> tensor
func.func @dequantize(%arg0: tensor<2x3xi8>, %arg1: tensor<f16>) -> tensor<2x3xf16> {
  %0 = "ty.dequantize"(%arg0, %arg1) {axis = 1 : i64} : (tensor<2x3xi8>, tensor<f16>) -> tensor<2x3xf16>
  return %0 : tensor<2x3xf16>
}

// CHECK-LABEL: func.func @dropout(
// CHECK{LITERAL}: "ty.dropout"(%arg0, %arg1) {p = 1.000000e-01 : f64} : (tensor<9xf16>, tensor<2xi64>) ->
func.func @dropout(%arg0: tensor<9xf16>, %arg1: tensor<2xi64>) -> tensor<9xf16> {
  %0 = "ty.dropout"(%arg0, %arg1) {p = 1.000000e-01 : f64} : (tensor<9xf16>, tensor<2xi64>) -> tensor<9xf16>
  return %0 : tensor<9xf16>
}

// CHECK-LABEL: func.func @normal(
// CHECK{LITERAL}: "ty.normal"(%arg0) {element = f64, mean = 3.000000e+00 : f64, shape = array<i64: 8>, std
func.func @normal(%arg0: tensor<2xi64>) -> tensor<8xf64> {
  %0 = "ty.normal"(%arg0) {element = f64, mean = 3.000000e+00 : f64, shape = array<i64: 8>, std = 1.000000e-01 : f64} : (tensor<2xi64>) -> tensor<8xf64>
  return %0 : tensor<8xf64>
}

// CHECK-LABEL: func.func @quantize(
// CHECK{LITERAL}: "ty.quantize"(%arg0, %arg1, %arg2) {axis = 1 : i64} : (tensor<5xf32>, tensor<f32>, tenso
func.func @quantize(%arg0: tensor<5xf32>, %arg1: tensor<f32>, %arg2: tensor<i8>) -> tensor<5xi8> {
  %0 = "ty.quantize"(%arg0, %arg1, %arg2) {axis = 1 : i64} : (tensor<5xf32>, tensor<f32>, tensor<i8>) -> tensor<5xi8>
  return %0 : tensor<5xi8>
}

// CHECK-LABEL: func.func @uniform(
// CHECK{LITERAL}: "ty.uniform"(%arg0) {element = f32, high = 1.000000e+00 : f64, low = 0.000000e+00 : f64,
func.func @uniform(%arg0: tensor<2xi64>) -> tensor<f32> {
  %0 = "ty.uniform"(%arg0) {element = f32, high = 1.000000e+00 : f64, low = 0.000000e+00 : f64, shape = array<i64>} : (tensor<2xi64>) -> tensor<f32>
  return %0 : tensor<f32>
}
