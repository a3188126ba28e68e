// RUN: %tyc opt %s --passes=channels-last | %FileCheck %s
// Two convolutions and what is between them keep their channels last.

// CHECK-LABEL: func.func @main
// CHECK: %[[T:.*]] = "ty.transpose"(%arg0) {perm = array<i64: 0, 2, 3, 1>}
// CHECK: %[[A:.*]] = "ty.conv"(%[[T]], {{.*}}layout = "NXC"
// CHECK-NEXT: %[[R:.*]] = "ty.relu"(%[[A]]){{.*}}tensor<1x14x14x64xf32>
// CHECK-NEXT: %[[M:.*]] = "ty.reduce_mean"(%[[R]]) {axes = array<i64: 1, 2>
// CHECK-NEXT: %[[P:.*]] = "ty.multiply"(%[[R]], %[[M]])
// CHECK-NEXT: %[[B:.*]] = "ty.conv"(%[[P]], {{.*}}layout = "NXC"
// CHECK-NEXT: %[[Y:.*]] = "ty.transpose"(%[[B]]) {perm = array<i64: 0, 3, 1, 2>}
// CHECK-NEXT: return %[[Y]]
func.func @main(%x: tensor<1x64x14x14xf32> {ty.name = "x"}) -> (tensor<1x64x14x14xf32> {ty.name = "y"}) {
  %w = "ty.parameter"() {name = "w", shape = array<i64: 64, 64, 3, 3>, element = f32} : () -> tensor<64x64x3x3xf32>
  %a = "ty.conv"(%x, %w) {strides = array<i64: 1, 1>, padding = array<i64: 1, 1, 1, 1>, dilations = array<i64: 1, 1>, groups = 1 : i64, layout = "NCX"} : (tensor<1x64x14x14xf32>, tensor<64x64x3x3xf32>) -> tensor<1x64x14x14xf32>
  %r = "ty.relu"(%a) : (tensor<1x64x14x14xf32>) -> tensor<1x64x14x14xf32>
  %m = "ty.reduce_mean"(%r) {axes = array<i64: 2, 3>, keepdims = true} : (tensor<1x64x14x14xf32>) -> tensor<1x64x1x1xf32>
  %p = "ty.multiply"(%r, %m) : (tensor<1x64x14x14xf32>, tensor<1x64x1x1xf32>) -> tensor<1x64x14x14xf32>
  %y = "ty.conv"(%p, %w) {strides = array<i64: 1, 1>, padding = array<i64: 1, 1, 1, 1>, dilations = array<i64: 1, 1>, groups = 1 : i64, layout = "NCX"} : (tensor<1x64x14x14xf32>, tensor<64x64x3x3xf32>) -> tensor<1x64x14x14xf32>
  return %y : tensor<1x64x14x14xf32>
}
