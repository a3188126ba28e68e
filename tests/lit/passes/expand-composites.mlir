// RUN: %tyc opt %s --passes=expand-composites | %FileCheck %s
// What fusion or a schedule can use whole stays whole; what neither can becomes its parts: no schedule
// takes attention of f16.

// CHECK-NOT: "ty.attention"
// CHECK: "ty.matmul"
// CHECK: "ty.matmul"
// CHECK: "ty.gelu"
// CHECK-NEXT: return

func.func @main(%q: tensor<4x3xf16> {ty.name = "q"}, %v: tensor<4x2xf16> {ty.name = "v"})
    -> (tensor<4x2xf16> {ty.name = "y"}) {
  %0 = "ty.attention"(%q, %q, %v) {causal = true, scale = 1.0 : f64, sequence_first = false}
      : (tensor<4x3xf16>, tensor<4x3xf16>, tensor<4x2xf16>) -> tensor<4x2xf16>
  %1 = "ty.gelu"(%0) {approximate = "none"} : (tensor<4x2xf16>) -> tensor<4x2xf16>
  return %1 : tensor<4x2xf16>
}
