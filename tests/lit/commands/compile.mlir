// RUN: %tyc compile %s --emit import | %FileCheck %s --check-prefix=IMPORT
// RUN: %tyc compile %s --emit fuse | %FileCheck %s --check-prefix=FUSE
// RUN: %tyc compile %s --emit linalg | %FileCheck %s --check-prefix=LINALG
// RUN: %tyc compile %s --emit scheduled | %FileCheck %s --check-prefix=SCHEDULED
// RUN: %tyc compile %s --emit llvm | %FileCheck %s --check-prefix=LLVM
// RUN: %tyc compile %s --emit asm | %FileCheck %s --check-prefix=ASM
// RUN: %tyc compile %s --emit plan | %FileCheck %s --check-prefix=PLAN

// IMPORT: // tyc: {"name": "model", "stage": "import"}
// IMPORT: "ty.add"
// IMPORT-NEXT: "ty.relu"

// FUSE: // tyc: {"name": "model", "stage": "fuse"}
// FUSE: call @add_relu_[[KEY:[0-9a-f]+]](%{{.*}}, %{{.*}})
// FUSE: func.func private @add_relu_[[KEY]](

// LINALG: // kernel add_relu_
// LINALG: linalg.generic

// SCHEDULED: // kernel add_relu_
// SCHEDULED: memref<8x16xf32

// LLVM: ; kernel add_relu_
// LLVM: define internal void @add_relu_
// LLVM: define void @add_relu_{{.*}}_task(

// ASM: # kernel add_relu_
// ASM: add_relu_{{.*}}_task:

// PLAN: "kernel": "add_relu_

module {
  func.func @main(%x: tensor<8x16xf32> {ty.name = "x"}, %y: tensor<8x16xf32> {ty.name = "y"})
      -> (tensor<8x16xf32> {ty.name = "z"}) {
    %0 = "ty.add"(%x, %y) : (tensor<8x16xf32>, tensor<8x16xf32>) -> tensor<8x16xf32>
    %1 = "ty.relu"(%0) : (tensor<8x16xf32>) -> tensor<8x16xf32>
    return %1 : tensor<8x16xf32>
  }
}
