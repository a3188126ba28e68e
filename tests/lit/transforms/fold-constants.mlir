// RUN: %tyc opt %s --passes=fold-constants,dce | %FileCheck %s
// RUN: %tyc opt %s --exact --passes=fold-constants,dce | %FileCheck %s --check-prefix=EXACT
// Arithmetic on constants is done at once, in exact mode only movement.

// CHECK-NOT: ty.exp
// CHECK: "ty.constant"() {value = dense<1.0{{.*}}> : tensor<f32>}
// CHECK: "ty.add"
// EXACT: "ty.exp"
// EXACT-NOT: ty.reshape
func.func @main(%x: tensor<2xf32> {ty.name = "x"}) -> (tensor<2xf32> {ty.name = "y"}) {
  %zero = "ty.constant"() {value = dense<0.0> : tensor<1x1xf32>} : () -> tensor<1x1xf32>
  %scalar = "ty.reshape"(%zero) {shape = array<i64>} : (tensor<1x1xf32>) -> tensor<f32>
  %one = "ty.exp"(%scalar) : (tensor<f32>) -> tensor<f32>
  %y = "ty.add"(%x, %one) : (tensor<2xf32>, tensor<f32>) -> tensor<2xf32>
  return %y : tensor<2xf32>
}
