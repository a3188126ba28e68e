// RUN: %tyc opt %s --passes=canonicalize | %FileCheck %s
// What is added to a table whose lines were added up comes first: the lines are added where it is.

// CHECK-LABEL: func.func @main
// CHECK-SAME: (%[[X:.*]]: tensor<9x4xf32>{{.*}}, %[[M:.*]]: tensor<9x4xf32>{{.*}}, %[[I:.*]]: tensor<6x1xi64>{{.*}}, %[[G:.*]]: tensor<6x4xf32>
// CHECK: %[[S:.*]] = "ty.add"(%[[M]], %[[X]])
// CHECK-NEXT: %[[Y:.*]] = "ty.scatter_nd"(%[[S]], %[[I]], %[[G]]) {reduction = "add"}
// CHECK-NEXT: return %[[Y]]
func.func @main(%x: tensor<9x4xf32> {ty.name = "x"}, %m: tensor<9x4xf32> {ty.name = "m"}, %i: tensor<6x1xi64> {ty.name = "i"}, %g: tensor<6x4xf32> {ty.name = "g"}) -> (tensor<9x4xf32> {ty.name = "y"}) {
  %t = "ty.scatter_nd"(%x, %i, %g) {reduction = "add"} : (tensor<9x4xf32>, tensor<6x1xi64>, tensor<6x4xf32>) -> tensor<9x4xf32>
  %y = "ty.add"(%m, %t) : (tensor<9x4xf32>, tensor<9x4xf32>) -> tensor<9x4xf32>
  return %y : tensor<9x4xf32>
}
