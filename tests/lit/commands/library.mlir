// RUN: mkdir -p %t
// RUN: %tyc compile %s -o %t/small.so --name small | %FileCheck %s --check-prefix=COMPILE
// RUN: %tyc inspect %t/small.so | %FileCheck %s --check-prefix=INSPECT
// RUN: %tyc run %t/small.so --input x=zeros | %FileCheck %s --check-prefix=TABLE
// RUN: %tyc bench %t/small.so --seconds 0.02 | %FileCheck %s --check-prefix=BENCH
// RUN: %tyc diff %s | %FileCheck %s --check-prefix=DIFF
// RUN: %FileCheck %s --check-prefix=HEADER < %t/small.h

// COMPILE: small.so {{.*}} for
// COMPILE-NEXT: workspace
// COMPILE-NEXT: weights 0 B
// COMPILE-NEXT: kernels 1, called 1 times
// COMPILE-NEXT: seconds import

// INSPECT: small tyc 0.{{.*}}, x86_64-unknown-linux-gnu
// INSPECT-NEXT: input x: f32[8, 16]
// INSPECT-NEXT: output y: f32[8, 16]
// INSPECT: kernel {{.*}}calls

// RUN: %tyc run %t/small.so --input x=zeros --json | %FileCheck %s --check-prefix=JSON
// JSON: "name": "y"
// JSON: "max": 1.0

// BENCH: threads tyc min ms median runs

// TABLE: output type min max mean argmax
// TABLE-NEXT: y f32[8, 16] 1 1 1 [0, 0]

// DIFF: all 1 kernel calls agree with the reference

// HEADER: const float *x; /* f32[8,16] */
// HEADER: tyc_status small_run(

module {
  func.func @main(%x: tensor<8x16xf32> {ty.name = "x"}) -> (tensor<8x16xf32> {ty.name = "y"}) {
    %0 = "ty.exp"(%x) : (tensor<8x16xf32>) -> tensor<8x16xf32>
    return %0 : tensor<8x16xf32>
  }
}
