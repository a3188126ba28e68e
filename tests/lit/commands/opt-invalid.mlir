// RUN: not %tyc opt %s 2>&1 | %FileCheck %s
// RUN: not %tyc opt %s --passes=soup 2>&1 | %FileCheck %s
// RUN: not %tyc compile %s --emit fuse 2>&1 | %FileCheck %s

// CHECK: error: opt-invalid.mlir:[[#@LINE+3]]:8: ty.transpose: perm must be a permutation

func.func @main(%x: tensor<2x3xf32> {ty.name = "x"}) -> (tensor<3x2xf32> {ty.name = "y"}) {
  %0 = "ty.transpose"(%x) {perm = array<i64: 1, 1>} : (tensor<2x3xf32>) -> tensor<3x2xf32>
  return %0 : tensor<3x2xf32>
}
