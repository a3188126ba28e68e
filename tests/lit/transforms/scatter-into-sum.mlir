// RUN: %tyc opt %s --passes=canonicalize | %FileCheck %s
// The gradient of a lookup is added to the other gradient of its table, line by line.

// CHECK-LABEL: func.func @main
// CHECK-SAME: (%[[X:.*]]: tensor<9x4xf32>{{.*}}, %[[I:.*]]: tensor<2x3xi64>{{.*}}, %[[G:.*]]: tensor<2x3x4xf32>
// CHECK: %[[V:.*]] = "ty.reshape"(%[[I]]) {shape = array<i64: 2, 3, 1>}
// CHECK-NEXT: %[[Y:.*]] = "ty.scatter_nd"(%[[X]], %[[V]], %[[G]]) {reduction = "add"}
// CHECK-NEXT: return %[[Y]]
func.func @main(%x: tensor<9x4xf32> {ty.name = "x"}, %i: tensor<2x3xi64> {ty.name = "i"}, %g: tensor<2x3x4xf32> {ty.name = "g"}) -> (tensor<9x4xf32> {ty.name = "y"}) {
  %t = "ty.gather_gradient"(%i, %g) {shape = array<i64: 9, 4>, axis = 0 : i64} : (tensor<2x3xi64>, tensor<2x3x4xf32>) -> tensor<9x4xf32>
  %y = "ty.add"(%t, %x) : (tensor<9x4xf32>, tensor<9x4xf32>) -> tensor<9x4xf32>
  return %y : tensor<9x4xf32>
}
