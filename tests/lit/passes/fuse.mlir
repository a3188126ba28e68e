// RUN: %tyc opt %s --passes=fuse | %FileCheck %s
// RUN: %tyc opt %s --passes=fuse -O0 | %FileCheck %s --check-prefix=ALONE

// CHECK: func.func @main
// CHECK: %[[W:.*]] = "ty.parameter"
// CHECK: call @[[KERNEL:matmul_add_relu_[0-9a-f]+]](%arg0, %[[W]], %arg1)
// CHECK-NEXT: return
// CHECK: func.func private @[[KERNEL]]({{.*}}) -> tensor<4x8xf32> attributes {ty.constants = array<i64: 1>}
// CHECK-NEXT: "ty.matmul"
// CHECK-NEXT: "ty.add"
// CHECK-NEXT: "ty.relu"
// CHECK-NEXT: return

// ALONE-COUNT-3: call @

func.func @main(%x: tensor<4x3xf32> {ty.name = "x"}, %b: tensor<8xf32> {ty.name = "b"})
    -> (tensor<4x8xf32> {ty.name = "y"}) {
  %w = "ty.parameter"() {name = "w", shape = array<i64: 3, 8>, element = f32} : () -> tensor<3x8xf32>
  %0 = "ty.matmul"(%x, %w) {transpose_a = false, transpose_b = false}
      : (tensor<4x3xf32>, tensor<3x8xf32>) -> tensor<4x8xf32>
  %1 = "ty.add"(%0, %b) : (tensor<4x8xf32>, tensor<8xf32>) -> tensor<4x8xf32>
  %2 = "ty.relu"(%1) : (tensor<4x8xf32>) -> tensor<4x8xf32>
  return %2 : tensor<4x8xf32>
}
