// RUN: %roundtrip
// Written by `python -m tyc.tools.dev.lit_ops`.

// CHECK-LABEL: func.func @broadcast_to(
// CHECK{LITERAL}: "ty.broadcast_to"(%arg0) {shape = array<i64: 2, 2>} : (tensor<i64>) -> tensor<2x2xi64>
func.func @broadcast_to(%arg0: tensor<i64>) -> tensor<2x2xi64> {
  %0 = "ty.broadcast_to"(%arg0) {shape = array<i64: 2, 2>} : (tensor<i64>) -> tensor<2x2xi64>
  return %0 : tensor<2x2xi64>
}

// CHECK-LABEL: func.func @concat(
// CHECK{LITERAL}: "ty.concat"(%arg0) {axis = 0 : i64, operandSegmentSizes = array<i32: 1, 0, 0, 0, 0, 0, 0
func.func @concat(%arg0: tensor<2xf16>) -> tensor<2xf16> {
  %0 = "ty.concat"(%arg0) {axis = 0 : i64, operandSegmentSizes = array<i32: 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0>} : (tensor<2xf16>) -> tensor<2xf16>
  return %0 : tensor<2xf16>
}

// CHECK-LABEL: func.func @constant(
// CHECK{LITERAL}: "ty.constant"() {value = dense<false> : tensor<3xi1>} : () -> tensor<3xi1>
func.func @constant() -> tensor<3xi1> {
  %0 = "ty.constant"() {value = dense<false> : tensor<3xi1>} : () -> tensor<3xi1>
  return %0 : tensor<3xi1>
}

// CHECK-LABEL: func.func @depth_to_space(
// CHECK{LITERAL}: "ty.depth_to_space"(%arg0) {block = 3 : i64, mode = "DCR"} : (tensor<1x9x1x1xi8>) -> ten
func.func @depth_to_space(%arg0: tensor<1x9x1x1xi8>) -> tensor<1x1x3x3xi8> {
  %0 = "ty.depth_to_space"(%arg0) {block = 3 : i64, mode = "DCR"} : (tensor<1x9x1x1xi8>) -> tensor<1x1x3x3xi8>
  return %0 : tensor<1x1x3x3xi8>
}

// CHECK-LABEL: func.func @dilate(
// CHECK{LITERAL}: "ty.dilate"(%arg0) {factors = array<i64: 2>, high = array<i64: 0>, low = array<i64: 0>}
func.func @dilate(%arg0: tensor<3xi32>) -> tensor<5xi32> {
  %0 = "ty.dilate"(%arg0) {factors = array<i64: 2>, high = array<i64: 0>, low = array<i64: 0>} : (tensor<3xi32>) -> tensor<5xi32>
  return %0 : tensor<5xi32>
}

// CHECK-LABEL: func.func @full(
// CHECK{LITERAL}: "ty.full"() {element = f32, shape = array<i64>, value = 1.000000e-01 : f64} : () -> tens
func.func @full() -> tensor<f32> {
  %0 = "ty.full"() {element = f32, shape = array<i64>, value = 1.000000e-01 : f64} : () -> tensor<f32>
  return %0 : tensor<f32>
}

// CHECK-LABEL: func.func @iota(
// CHECK{LITERAL}: "ty.iota"() {axis = 0 : i64, element = ui8, shape = array<i64: 5>} : () -> tensor<5xui8>
func.func @iota() -> tensor<5xui8> {
  %0 = "ty.iota"() {axis = 0 : i64, element = ui8, shape = array<i64: 5>} : () -> tensor<5xui8>
  return %0 : tensor<5xui8>
}

// CHECK-LABEL: func.func @pad(
// CHECK{LITERAL}: "ty.pad"(%arg0) {high = array<i64>, low = array<i64>, mode = "constant", value = 0.00000
func.func @pad(%arg0: tensor<f32>) -> tensor<f32> {
  %0 = "ty.pad"(%arg0) {high = array<i64>, low = array<i64>, mode = "constant", value = 0.000000e+00 : f64} : (tensor<f32>) -> tensor<f32>
  return %0 : tensor<f32>
}

// CHECK-LABEL: func.func @reshape(
// CHECK{LITERAL}: "ty.reshape"(%arg0) {shape = array<i64>} : (tensor<1x1xf32>) -> tensor<f32>
func.func @reshape(%arg0: tensor<1x1xf32>) -> tensor<f32> {
  %0 = "ty.reshape"(%arg0) {shape = array<i64>} : (tensor<1x1xf32>) -> tensor<f32>
  return %0 : tensor<f32>
}

// CHECK-LABEL: func.func @resize(
// CHECK{LITERAL}: "ty.resize"(%arg0) {coordinates = "half_pixel", cubic_coefficient = -7.500000e-01 : f64,
func.func @resize(%arg0: tensor<2x1xf32>) -> tensor<2x1xf32> {
  %0 = "ty.resize"(%arg0) {coordinates = "half_pixel", cubic_coefficient = -7.500000e-01 : f64, exclude_outside = false, mode = "nearest", nearest = "round_prefer_floor", scales = array<f64>, sizes = array<i64: 2, 1>} : (tensor<2x1xf32>) -> tensor<2x1xf32>
  return %0 : tensor<2x1xf32>
}

// CHECK-LABEL: func.func @reverse(
// CHECK{LITERAL}: "ty.reverse"(%arg0) {axes = array<i64: 0>} : (tensor<4xbf16>) -> tensor<4xbf16>
func.func @reverse(%arg0: tensor<4xbf16>) -> tensor<4xbf16> {
  %0 = "ty.reverse"(%arg0) {axes = array<i64: 0>} : (tensor<4xbf16>) -> tensor<4xbf16>
  return %0 : tensor<4xbf16>
}

// CHECK-LABEL: func.func @slice(
// CHECK{LITERAL}: "ty.slice"(%arg0) {sizes = array<i64: 1>, starts = array<i64: 2>, steps = array<i64: 1>}
func.func @slice(%arg0: tensor<6xi1>) -> tensor<1xi1> {
  %0 = "ty.slice"(%arg0) {sizes = array<i64: 1>, starts = array<i64: 2>, steps = array<i64: 1>} : (tensor<6xi1>) -> tensor<1xi1>
  return %0 : tensor<1xi1>
}

// CHECK-LABEL: func.func @space_to_depth(
// CHECK{LITERAL}: "ty.space_to_depth"(%arg0) {block = 2 : i64} : (tensor<1x2x4x6xf32>) -> tensor<1x8x2x3xf
func.func @space_to_depth(%arg0: tensor<1x2x4x6xf32>) -> tensor<1x8x2x3xf32> {
  %0 = "ty.space_to_depth"(%arg0) {block = 2 : i64} : (tensor<1x2x4x6xf32>) -> tensor<1x8x2x3xf32>
  return %0 : tensor<1x8x2x3xf32>
}

// CHECK-LABEL: func.func @tile(
// CHECK{LITERAL}: "ty.tile"(%arg0) {repeats = array<i64: 2>} : (tensor<3xi32>) -> tensor<6xi32>
func.func @tile(%arg0: tensor<3xi32>) -> tensor<6xi32> {
  %0 = "ty.tile"(%arg0) {repeats = array<i64: 2>} : (tensor<3xi32>) -> tensor<6xi32>
  return %0 : tensor<6xi32>
}

// CHECK-LABEL: func.func @transpose(
// CHECK{LITERAL}: "ty.transpose"(%arg0) {perm = array<i64>} : (tensor<f32>) -> tensor<f32>
func.func @transpose(%arg0: tensor<f32>) -> tensor<f32> {
  %0 = "ty.transpose"(%arg0) {perm = array<i64>} : (tensor<f32>) -> tensor<f32>
  return %0 : tensor<f32>
}

// CHECK-LABEL: func.func @triangular(
// CHECK{LITERAL}: "ty.triangular"(%arg0) {k = 0 : i64, upper = false} : (tensor<3x3xi1>) -> tensor<3x3xi1>
func.func @triangular(%arg0: tensor<3x3xi1>) -> tensor<3x3xi1> {
  %0 = "ty.triangular"(%arg0) {k = 0 : i64, upper = false} : (tensor<3x3xi1>) -> tensor<3x3xi1>
  return %0 : tensor<3x3xi1>
}
