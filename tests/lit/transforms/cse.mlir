// RUN: %tyc opt %s --passes=cse,dce | %FileCheck %s
// Equal expressions are computed once, and what nobody reads is gone.

// CHECK-LABEL: func.func @main
// CHECK-SAME: (%[[X:.*]]: tensor<3xf32>
// CHECK-NEXT: %[[E:.*]] = "ty.exp"(%[[X]])
// CHECK-NEXT: %[[Y:.*]] = "ty.add"(%[[E]], %[[E]])
// CHECK-NEXT: return %[[Y]]
func.func @main(%x: tensor<3xf32> {ty.name = "x"}) -> (tensor<3xf32> {ty.name = "y"}) {
  %a = "ty.exp"(%x) : (tensor<3xf32>) -> tensor<3xf32>
  %b = "ty.exp"(%x) : (tensor<3xf32>) -> tensor<3xf32>
  %dead = "ty.log"(%b) : (tensor<3xf32>) -> tensor<3xf32>
  %y = "ty.add"(%a, %b) : (tensor<3xf32>, tensor<3xf32>) -> tensor<3xf32>
  return %y : tensor<3xf32>
}
