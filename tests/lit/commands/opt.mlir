// RUN: %tyc opt %s | %FileCheck %s
// RUN: %tyc opt --locations < %s | %FileCheck %s --check-prefix=LOC
// RUN: %tyc opt %s --pipeline=fuse | %FileCheck %s --check-prefix=FUSED

// CHECK: func.func @main(%arg0: tensor<2x3xf32> {ty.name = "x"}) -> (tensor<3x2xf32> {ty.name = "y"})
// CHECK-NEXT: "ty.transpose"(%arg0) {perm = array<i64: 1, 0>} : (tensor<2x3xf32>) -> tensor<3x2xf32>
// LOC: loc("-":
// FUSED: call @transpose_

func.func @main(%x: tensor<2x3xf32> {ty.name = "x"}) -> (tensor<3x2xf32> {ty.name = "y"}) {
  %0 = "ty.transpose"(%x) {perm = array<i64: 1, 0>} : (tensor<2x3xf32>) -> tensor<3x2xf32>
  return %0 : tensor<3x2xf32>
}
