// RUN: %tyc opt %s --passes=fuse | %FileCheck %s

// The sum is read twice, and by nothing but its own kernel; the slice is read where it is.

// CHECK: func.func @main
// CHECK: %[[Y:.*]] = call @[[KERNEL:slice_add_tanh_multiply_[0-9a-f]+]](%arg0, %arg1)
// CHECK-NEXT: return %[[Y]]
// CHECK: func.func private @[[KERNEL]]({{.*}}) -> tensor<4x8xf32>
// CHECK-NEXT: "ty.slice"
// CHECK-NEXT: "ty.add"
// CHECK-NEXT: "ty.tanh"
// CHECK-NEXT: "ty.multiply"
// CHECK-NEXT: return

func.func @main(%x: tensor<9x8xf32> {ty.name = "x"}, %b: tensor<4x8xf32> {ty.name = "b"})
    -> (tensor<4x8xf32> {ty.name = "y"}) {
  %0 = "ty.slice"(%x) {starts = array<i64: 1, 0>, sizes = array<i64: 4, 8>,
      steps = array<i64: 2, 1>} : (tensor<9x8xf32>) -> tensor<4x8xf32>
  %1 = "ty.add"(%0, %b) : (tensor<4x8xf32>, tensor<4x8xf32>) -> tensor<4x8xf32>
  %2 = "ty.tanh"(%1) : (tensor<4x8xf32>) -> tensor<4x8xf32>
  %3 = "ty.multiply"(%1, %2) : (tensor<4x8xf32>, tensor<4x8xf32>) -> tensor<4x8xf32>
  return %3 : tensor<4x8xf32>
}
