// RUN: %tyc opt %s --passes=fold-batch-norm | %FileCheck %s
// RUN: %tyc opt %s --exact --passes=fold-batch-norm | %FileCheck %s --check-prefix=EXACT
// A batch norm is a factor in the weight of the convolution before it, and its bias.

// CHECK-NOT: ty.batch_norm
// CHECK: %[[W:.*]] = "ty.constant"() {value = dense<6.0
// CHECK: %[[B:.*]] = "ty.constant"() {value = dense<-1.0
// CHECK: "ty.conv"(%{{.*}}, %[[W]], %[[B]])
// EXACT: "ty.batch_norm"
func.func @main(%x: tensor<1x1x4xf32> {ty.name = "x"}) -> (tensor<1x1x4xf32> {ty.name = "y"}) {
  %w = "ty.constant"() {value = dense<3.0> : tensor<1x1x1xf32>} : () -> tensor<1x1x1xf32>
  %one = "ty.constant"() {value = dense<1.0> : tensor<1xf32>} : () -> tensor<1xf32>
  %two = "ty.constant"() {value = dense<2.0> : tensor<1xf32>} : () -> tensor<1xf32>
  %y = "ty.conv"(%x, %w) {strides = array<i64: 1>, padding = array<i64: 0, 0>, dilations = array<i64: 1>, groups = 1 : i64, layout = "NCX"} : (tensor<1x1x4xf32>, tensor<1x1x1xf32>) -> tensor<1x1x4xf32>
  %z = "ty.batch_norm"(%y, %two, %one, %one, %one) {epsilon = 0.0 : f64, channel_axis = 1 : i64} : (tensor<1x1x4xf32>, tensor<1xf32>, tensor<1xf32>, tensor<1xf32>, tensor<1xf32>) -> tensor<1x1x4xf32>
  return %z : tensor<1x1x4xf32>
}
