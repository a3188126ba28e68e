// RUN: %tyc opt %s --passes=expand-composites | %FileCheck %s
// What fusion can use whole stays whole; what it cannot becomes its parts.

// CHECK-NOT: "ty.attention"
// CHECK: "ty.matmul"
// CHECK: "ty.matmul"
// CHECK: "ty.gelu"
// CHECK-NEXT: return

func.func @main(%q: tensor<4x3xf32> {ty.name = "q"}, %v: tensor<4x2xf32> {ty.name = "v"})
    -> (tensor<4x2xf32> {ty.name = "y"}) {
  %0 = "ty.attention"(%q, %q, %v) {causal = true, scale = 1.0 : f64}
      : (tensor<4x3xf32>, tensor<4x3xf32>, tensor<4x2xf32>) -> tensor<4x2xf32>
  %1 = "ty.gelu"(%0) {approximate = "none"} : (tensor<4x2xf32>) -> tensor<4x2xf32>
  return %1 : tensor<4x2xf32>
}
