// RUN: %tyc opt %s --passes=fuse,place-parts | %FileCheck %s

// The kernel that joins is gone: the products know the shape of the whole that they write a part of.

// CHECK: func.func @main
// CHECK: %[[A:.*]] = call @[[FIRST:matmul_[0-9a-f]+]](%arg0, %arg1)
// CHECK-NEXT: %[[B:.*]] = call @[[SECOND:matmul_[0-9a-f]+]](%arg0, %arg2)
// CHECK-NEXT: %[[C:.*]] = "ty.concat"(%[[A]], %[[B]]) {axis = 1 : i64
// CHECK-NEXT: %[[Y:.*]] = call @matmul_{{[0-9a-f]+}}(%[[C]], %arg3)
// CHECK-NEXT: return %[[Y]]
// CHECK: func.func private @[[FIRST]]
// CHECK-SAME: ty.within = [array<i64>, array<i64>, array<i64: 4, 48>]
// CHECK: func.func private @[[SECOND]]
// CHECK-SAME: ty.within = [array<i64>, array<i64>, array<i64: 4, 48>]

func.func @main(%x: tensor<4x8xf32> {ty.name = "x"}, %w: tensor<8x16xf32> {ty.name = "w"},
    %v: tensor<8x32xf32> {ty.name = "v"}, %u: tensor<48x2xf32> {ty.name = "u"})
    -> (tensor<4x2xf32> {ty.name = "y"}) {
  %0 = "ty.matmul"(%x, %w) {transpose_a = false, transpose_b = false} : (tensor<4x8xf32>, tensor<8x16xf32>) -> tensor<4x16xf32>
  %1 = "ty.matmul"(%x, %v) {transpose_a = false, transpose_b = false} : (tensor<4x8xf32>, tensor<8x32xf32>) -> tensor<4x32xf32>
  %2 = "ty.concat"(%0, %1) {axis = 1 : i64,
      operandSegmentSizes = array<i32:
      1, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,
      0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,
      0, 0, 0, 0, 0, 0, 0, 0>} : (tensor<4x16xf32>, tensor<4x32xf32>) -> tensor<4x48xf32>
  %3 = "ty.matmul"(%2, %u) {transpose_a = false, transpose_b = false}
      : (tensor<4x48xf32>, tensor<48x2xf32>) -> tensor<4x2xf32>
  return %3 : tensor<4x2xf32>
}
