// RUN: %tyc opt %s --passes=materialize-outputs | %FileCheck %s
// An input that is returned, and a value returned twice, get an op that writes them.

// CHECK: %[[Y:.*]] = "ty.exp"(%arg0)
// CHECK-NEXT: %[[COPY:.*]] = "ty.broadcast_to"(%arg0)
// CHECK-NEXT: %[[TWICE:.*]] = "ty.broadcast_to"(%[[Y]])
// CHECK-NEXT: return %[[COPY]], %[[Y]], %[[TWICE]]

func.func @main(%x: tensor<4xf32> {ty.name = "x"})
    -> (tensor<4xf32> {ty.name = "a"}, tensor<4xf32> {ty.name = "b"}, tensor<4xf32> {ty.name = "c"}) {
  %0 = "ty.exp"(%x) : (tensor<4xf32>) -> tensor<4xf32>
  return %x, %0, %0 : tensor<4xf32>, tensor<4xf32>, tensor<4xf32>
}
