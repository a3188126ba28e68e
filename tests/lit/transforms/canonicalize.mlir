// RUN: %tyc opt %s --passes=canonicalize | %FileCheck %s
// A transposed weight becomes a flag, max and min become a clip, reshapes and back are gone.

// CHECK-LABEL: func.func @main
// CHECK-SAME: (%[[X:.*]]: tensor<2x3xf32>
// CHECK: %[[W:.*]] = "ty.parameter"
// CHECK: %[[Y:.*]] = "ty.matmul"(%[[X]], %[[W]])
// CHECK-SAME: transpose_b = true
// CHECK: %[[Z:.*]] = "ty.clip"(%[[Y]])
// CHECK-SAME: high = 6.0{{.*}}low = 0.0
// CHECK-NEXT: return %[[Z]]
func.func @main(%x: tensor<2x3xf32> {ty.name = "x"}) -> (tensor<2x4xf32> {ty.name = "y"}) {
  %w = "ty.parameter"() {name = "w", shape = array<i64: 4, 3>, element = f32} : () -> tensor<4x3xf32>
  %t = "ty.transpose"(%w) {perm = array<i64: 1, 0>} : (tensor<4x3xf32>) -> tensor<3x4xf32>
  %flat = "ty.reshape"(%x) {shape = array<i64: 6>} : (tensor<2x3xf32>) -> tensor<6xf32>
  %back = "ty.reshape"(%flat) {shape = array<i64: 2, 3>} : (tensor<6xf32>) -> tensor<2x3xf32>
  %y = "ty.matmul"(%back, %t) {transpose_a = false, transpose_b = false} : (tensor<2x3xf32>, tensor<3x4xf32>) -> tensor<2x4xf32>
  %six = "ty.constant"() {value = dense<6.0> : tensor<f32>} : () -> tensor<f32>
  %zero = "ty.constant"() {value = dense<0.0> : tensor<f32>} : () -> tensor<f32>
  %a = "ty.maximum"(%y, %zero) : (tensor<2x4xf32>, tensor<f32>) -> tensor<2x4xf32>
  %b = "ty.minimum"(%a, %six) : (tensor<2x4xf32>, tensor<f32>) -> tensor<2x4xf32>
  return %b : tensor<2x4xf32>
}
