// RUN: %tyc ops | %FileCheck %s
// RUN: %tyc ops --markdown | %FileCheck %s --check-prefix=MARKDOWN
// RUN: %tyc ops --json | %FileCheck %s --check-prefix=JSON

// CHECK: op family reference gradient lowering onnx x86-64
// CHECK: add elementwise yes rule scalar yes yes

// MARKDOWN: | op | family | reference | gradient | lowering | onnx | x86-64 |
// MARKDOWN: | `add` | elementwise | yes | rule | scalar | yes | yes |

// JSON: "name": "add",
// JSON-NEXT: "family": "elementwise",
