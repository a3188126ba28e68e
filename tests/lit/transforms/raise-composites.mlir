// RUN: %tyc opt %s --passes=raise-composites | %FileCheck %s
// x * clip(x + 3, 0, 6) / 6 is hard_swish(x).

// CHECK-LABEL: func.func @main
// CHECK-NEXT: %[[Y:.*]] = "ty.hard_swish"(%arg0)
// CHECK-NEXT: return %[[Y]]
func.func @main(%x: tensor<3x4xf32> {ty.name = "x"}) -> (tensor<3x4xf32> {ty.name = "y"}) {
  %three = "ty.constant"() {value = dense<3.0> : tensor<f32>} : () -> tensor<f32>
  %six = "ty.constant"() {value = dense<6.0> : tensor<f32>} : () -> tensor<f32>
  %a = "ty.add"(%x, %three) : (tensor<3x4xf32>, tensor<f32>) -> tensor<3x4xf32>
  %b = "ty.clip"(%a) {low = 0.0 : f64, high = 6.0 : f64} : (tensor<3x4xf32>) -> tensor<3x4xf32>
  %c = "ty.multiply"(%x, %b) : (tensor<3x4xf32>, tensor<3x4xf32>) -> tensor<3x4xf32>
  %y = "ty.divide"(%c, %six) : (tensor<3x4xf32>, tensor<f32>) -> tensor<3x4xf32>
  return %y : tensor<3x4xf32>
}
