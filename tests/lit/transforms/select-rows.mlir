// RUN: %tyc opt %s --passes=canonicalize | %FileCheck %s
// Rows of a product are selected in its smaller factor; what spreads nothing apart is gone.

// CHECK-LABEL: func.func @main
// CHECK-SAME: (%[[X:.*]]: tensor<3x8xf32>{{.*}}, %[[G:.*]]: tensor<3x20xf32>
// CHECK-NOT: dilate
// CHECK: %[[S:.*]] = "ty.concat"({{.*}}) {axis = 1
// CHECK-SAME: -> tensor<3x8xf32>
// CHECK-NEXT: %[[Y:.*]] = "ty.matmul"(%[[S]], %[[G]])
// CHECK-NEXT: return %[[Y]]
func.func @main(%x: tensor<3x8xf32> {ty.name = "x"}, %g: tensor<3x20xf32> {ty.name = "g"}) -> (tensor<8x20xf32> {ty.name = "y"}) {
  %p = "ty.matmul"(%x, %g) {transpose_a = true, transpose_b = false} : (tensor<3x8xf32>, tensor<3x20xf32>) -> tensor<8x20xf32>
  %d = "ty.dilate"(%p) {factors = array<i64: 1, 1>, low = array<i64: 0, 0>, high = array<i64: 0, 0>} : (tensor<8x20xf32>) -> tensor<8x20xf32>
  %a = "ty.slice"(%d) {starts = array<i64: 0, 0>, sizes = array<i64: 5, 20>, steps = array<i64: 1, 1>} : (tensor<8x20xf32>) -> tensor<5x20xf32>
  %b = "ty.slice"(%d) {starts = array<i64: 5, 0>, sizes = array<i64: 3, 20>, steps = array<i64: 1, 1>} : (tensor<8x20xf32>) -> tensor<3x20xf32>
  %y = "ty.concat"(%b, %a) {axis = 0 : i64, operandSegmentSizes = array<i32: 1, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0>} : (tensor<3x20xf32>, tensor<5x20xf32>) -> tensor<8x20xf32>
  return %y : tensor<8x20xf32>
}
