// RUN: %tyc opt %s --passes=channels-last | %FileCheck %s
// Two convolutions of few channels with an op between them that needs the natural order: turning
// them would cost four transposes. The large one at the end is worth its two.

// CHECK-LABEL: func.func @main
// CHECK: %[[A:.*]] = "ty.conv"(%arg0, {{.*}}layout = "NCX"
// CHECK-NEXT: %[[B:.*]] = "ty.layer_norm"(%[[A]])
// CHECK-NEXT: %[[C:.*]] = "ty.conv"(%[[B]], {{.*}}layout = "NCX"
// CHECK-NEXT: %[[T:.*]] = "ty.transpose"(%[[C]]) {perm = array<i64: 0, 2, 3, 1>}
// CHECK-NEXT: %[[D:.*]] = "ty.conv"(%[[T]], {{.*}}layout = "NXC"
// CHECK-NEXT: %[[E:.*]] = "ty.conv"(%[[D]], {{.*}}layout = "NXC"
// CHECK-NEXT: %[[Y:.*]] = "ty.transpose"(%[[E]]) {perm = array<i64: 0, 3, 1, 2>}
// CHECK-NEXT: return %[[Y]]
func.func @main(%x: tensor<1x4x32x32xf32> {ty.name = "x"}) -> (tensor<1x64x32x32xf32> {ty.name = "y"}) {
  %w = "ty.parameter"() {name = "w", shape = array<i64: 4, 4, 3, 3>, element = f32} : () -> tensor<4x4x3x3xf32>
  %v = "ty.parameter"() {name = "v", shape = array<i64: 64, 4, 3, 3>, element = f32} : () -> tensor<64x4x3x3xf32>
  %u = "ty.parameter"() {name = "u", shape = array<i64: 64, 64, 3, 3>, element = f32} : () -> tensor<64x64x3x3xf32>
  %a = "ty.conv"(%x, %w) {strides = array<i64: 1, 1>, padding = array<i64: 1, 1, 1, 1>, dilations = array<i64: 1, 1>, groups = 1 : i64, layout = "NCX"} : (tensor<1x4x32x32xf32>, tensor<4x4x3x3xf32>) -> tensor<1x4x32x32xf32>
  %b = "ty.layer_norm"(%a) {axis = 3 : i64, epsilon = 1.0e-05 : f64, operandSegmentSizes = array<i32: 1, 0, 0>} : (tensor<1x4x32x32xf32>) -> tensor<1x4x32x32xf32>
  %c = "ty.conv"(%b, %w) {strides = array<i64: 1, 1>, padding = array<i64: 1, 1, 1, 1>, dilations = array<i64: 1, 1>, groups = 1 : i64, layout = "NCX"} : (tensor<1x4x32x32xf32>, tensor<4x4x3x3xf32>) -> tensor<1x4x32x32xf32>
  %d = "ty.conv"(%c, %v) {strides = array<i64: 1, 1>, padding = array<i64: 1, 1, 1, 1>, dilations = array<i64: 1, 1>, groups = 1 : i64, layout = "NCX"} : (tensor<1x4x32x32xf32>, tensor<64x4x3x3xf32>) -> tensor<1x64x32x32xf32>
  %y = "ty.conv"(%d, %u) {strides = array<i64: 1, 1>, padding = array<i64: 1, 1, 1, 1>, dilations = array<i64: 1, 1>, groups = 1 : i64, layout = "NCX"} : (tensor<1x64x32x32xf32>, tensor<64x64x3x3xf32>) -> tensor<1x64x32x32xf32>
  return %y : tensor<1x64x32x32xf32>
}
