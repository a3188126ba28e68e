// RUN: split-file %s %t
// RUN: not %tyc opt %t/add.mlir 2>&1 | %FileCheck %s --check-prefix=ADD
// RUN: not %tyc opt %t/matmul.mlir 2>&1 | %FileCheck %s --check-prefix=MATMUL
// RUN: not %tyc opt %t/reshape.mlir 2>&1 | %FileCheck %s --check-prefix=RESHAPE

//--- add.mlir
// ADD: error: add.mlir:3:8: ty.add: shapes must broadcast, got f32[2,3], f32[4,3]
func.func @main(%a: tensor<2x3xf32>, %b: tensor<4x3xf32>) -> tensor<2x3xf32> {
  %0 = "ty.add"(%a, %b) : (tensor<2x3xf32>, tensor<4x3xf32>) -> tensor<2x3xf32>
  return %0 : tensor<2x3xf32>
}

//--- matmul.mlir
// MATMUL: ty.matmul: inner sizes must agree, got f32[2,3] and f32[4,3]; transpose one of them
func.func @main(%a: tensor<2x3xf32>, %b: tensor<4x3xf32>) -> tensor<2x3xf32> {
  %0 = "ty.matmul"(%a, %b) {transpose_a = false, transpose_b = false}
      : (tensor<2x3xf32>, tensor<4x3xf32>) -> tensor<2x3xf32>
  return %0 : tensor<2x3xf32>
}

//--- reshape.mlir
// RESHAPE: ty.reshape: shape must hold 6 elements, got [4] for f32[2,3]
func.func @main(%a: tensor<2x3xf32>) -> tensor<4xf32> {
  %0 = "ty.reshape"(%a) {shape = array<i64: 4>} : (tensor<2x3xf32>) -> tensor<4xf32>
  return %0 : tensor<4xf32>
}
