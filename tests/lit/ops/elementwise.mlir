// RUN: %roundtrip
// Written by `python -m tyc.tools.dev.lit_ops`.

// CHECK-LABEL: func.func @absolute(
// CHECK{LITERAL}: "ty.absolute"(%arg0) : (tensor<f16>) -> tensor<f16>
func.func @absolute(%arg0: tensor<f16>) -> tensor<f16> {
  %0 = "ty.absolute"(%arg0) : (tensor<f16>) -> tensor<f16>
  return %0 : tensor<f16>
}

// CHECK-LABEL: func.func @acos(
// CHECK{LITERAL}: "ty.acos"(%arg0) : (tensor<f16>) -> tensor<f16>
func.func @acos(%arg0: tensor<f16>) -> tensor<f16> {
  %0 = "ty.acos"(%arg0) : (tensor<f16>) -> tensor<f16>
  return %0 : tensor<f16>
}

// CHECK-LABEL: func.func @acosh(
// CHECK{LITERAL}: "ty.acosh"(%arg0) : (tensor<f16>) -> tensor<f16>
func.func @acosh(%arg0: tensor<f16>) -> tensor<f16> {
  %0 = "ty.acosh"(%arg0) : (tensor<f16>) -> tensor<f16>
  return %0 : tensor<f16>
}

// CHECK-LABEL: func.func @add(
// CHECK{LITERAL}: "ty.add"(%arg0, %arg1) : (tensor<5xf16>, tensor<f16>) -> tensor<5xf16>
func.func @add(%arg0: tensor<5xf16>, %arg1: tensor<f16>) -> tensor<5xf16> {
  %0 = "ty.add"(%arg0, %arg1) : (tensor<5xf16>, tensor<f16>) -> tensor<5xf16>
  return %0 : tensor<5xf16>
}

// CHECK-LABEL: func.func @asin(
// CHECK{LITERAL}: "ty.asin"(%arg0) : (tensor<f16>) -> tensor<f16>
func.func @asin(%arg0: tensor<f16>) -> tensor<f16> {
  %0 = "ty.asin"(%arg0) : (tensor<f16>) -> tensor<f16>
  return %0 : tensor<f16>
}

// CHECK-LABEL: func.func @asinh(
// CHECK{LITERAL}: "ty.asinh"(%arg0) : (tensor<f16>) -> tensor<f16>
func.func @asinh(%arg0: tensor<f16>) -> tensor<f16> {
  %0 = "ty.asinh"(%arg0) : (tensor<f16>) -> tensor<f16>
  return %0 : tensor<f16>
}

// CHECK-LABEL: func.func @atan(
// CHECK{LITERAL}: "ty.atan"(%arg0) : (tensor<f16>) -> tensor<f16>
func.func @atan(%arg0: tensor<f16>) -> tensor<f16> {
  %0 = "ty.atan"(%arg0) : (tensor<f16>) -> tensor<f16>
  return %0 : tensor<f16>
}

// CHECK-LABEL: func.func @atan2(
// CHECK{LITERAL}: "ty.atan2"(%arg0, %arg1) : (tensor<5xf16>, tensor<f16>) -> tensor<5xf16>
func.func @atan2(%arg0: tensor<5xf16>, %arg1: tensor<f16>) -> tensor<5xf16> {
  %0 = "ty.atan2"(%arg0, %arg1) : (tensor<5xf16>, tensor<f16>) -> tensor<5xf16>
  return %0 : tensor<5xf16>
}

// CHECK-LABEL: func.func @atanh(
// CHECK{LITERAL}: "ty.atanh"(%arg0) : (tensor<f16>) -> tensor<f16>
func.func @atanh(%arg0: tensor<f16>) -> tensor<f16> {
  %0 = "ty.atanh"(%arg0) : (tensor<f16>) -> tensor<f16>
  return %0 : tensor<f16>
}

// CHECK-LABEL: func.func @bitwise_and(
// CHECK{LITERAL}: "ty.bitwise_and"(%arg0, %arg1) : (tensor<8xi1>, tensor<8xi1>) -> tensor<8xi1>
func.func @bitwise_and(%arg0: tensor<8xi1>, %arg1: tensor<8xi1>) -> tensor<8xi1> {
  %0 = "ty.bitwise_and"(%arg0, %arg1) : (tensor<8xi1>, tensor<8xi1>) -> tensor<8xi1>
  return %0 : tensor<8xi1>
}

// CHECK-LABEL: func.func @bitwise_not(
// CHECK{LITERAL}: "ty.bitwise_not"(%arg0) : (tensor<4xi1>) -> tensor<4xi1>
func.func @bitwise_not(%arg0: tensor<4xi1>) -> tensor<4xi1> {
  %0 = "ty.bitwise_not"(%arg0) : (tensor<4xi1>) -> tensor<4xi1>
  return %0 : tensor<4xi1>
}

// CHECK-LABEL: func.func @bitwise_or(
// CHECK{LITERAL}: "ty.bitwise_or"(%arg0, %arg1) : (tensor<8xi1>, tensor<8xi1>) -> tensor<8xi1>
func.func @bitwise_or(%arg0: tensor<8xi1>, %arg1: tensor<8xi1>) -> tensor<8xi1> {
  %0 = "ty.bitwise_or"(%arg0, %arg1) : (tensor<8xi1>, tensor<8xi1>) -> tensor<8xi1>
  return %0 : tensor<8xi1>
}

// CHECK-LABEL: func.func @bitwise_xor(
// CHECK{LITERAL}: "ty.bitwise_xor"(%arg0, %arg1) : (tensor<8xi1>, tensor<8xi1>) -> tensor<8xi1>
func.func @bitwise_xor(%arg0: tensor<8xi1>, %arg1: tensor<8xi1>) -> tensor<8xi1> {
  %0 = "ty.bitwise_xor"(%arg0, %arg1) : (tensor<8xi1>, tensor<8xi1>) -> tensor<8xi1>
  return %0 : tensor<8xi1>
}

// CHECK-LABEL: func.func @cast(
// CHECK{LITERAL}: "ty.cast"(%arg0) {to = i1} : (tensor<5xf32>) -> tensor<5xi1>
func.func @cast(%arg0: tensor<5xf32>) -> tensor<5xi1> {
  %0 = "ty.cast"(%arg0) {to = i1} : (tensor<5xf32>) -> tensor<5xi1>
  return %0 : tensor<5xi1>
}

// CHECK-LABEL: func.func @ceil(
// CHECK{LITERAL}: "ty.ceil"(%arg0) : (tensor<f16>) -> tensor<f16>
func.func @ceil(%arg0: tensor<f16>) -> tensor<f16> {
  %0 = "ty.ceil"(%arg0) : (tensor<f16>) -> tensor<f16>
  return %0 : tensor<f16>
}

// CHECK-LABEL: func.func @celu(
// CHECK{LITERAL}: "ty.celu"(%arg0) {alpha = 1.000000e+00 : f64} : (tensor<bf16>) -> tensor<bf16>
func.func @celu(%arg0: tensor<bf16>) -> tensor<bf16> {
  %0 = "ty.celu"(%arg0) {alpha = 1.000000e+00 : f64} : (tensor<bf16>) -> tensor<bf16>
  return %0 : tensor<bf16>
}

// CHECK-LABEL: func.func @clip(
// CHECK{LITERAL}: "ty.clip"(%arg0) {high = 1.500000e+00 : f64, low = -1.500000e+00 : f64} : (tensor<9xi32>
func.func @clip(%arg0: tensor<9xi32>) -> tensor<9xi32> {
  %0 = "ty.clip"(%arg0) {high = 1.500000e+00 : f64, low = -1.500000e+00 : f64} : (tensor<9xi32>) -> tensor<9xi32>
  return %0 : tensor<9xi32>
}

// CHECK-LABEL: func.func @cos(
// CHECK{LITERAL}: "ty.cos"(%arg0) : (tensor<f16>) -> tensor<f16>
func.func @cos(%arg0: tensor<f16>) -> tensor<f16> {
  %0 = "ty.cos"(%arg0) : (tensor<f16>) -> tensor<f16>
  return %0 : tensor<f16>
}

// CHECK-LABEL: func.func @cosh(
// CHECK{LITERAL}: "ty.cosh"(%arg0) : (tensor<f16>) -> tensor<f16>
func.func @cosh(%arg0: tensor<f16>) -> tensor<f16> {
  %0 = "ty.cosh"(%arg0) : (tensor<f16>) -> tensor<f16>
  return %0 : tensor<f16>
}

// CHECK-LABEL: func.func @divide(
// CHECK{LITERAL}: "ty.divide"(%arg0, %arg1) : (tensor<4xi8>, tensor<4xi8>) -> tensor<4xi8>
func.func @divide(%arg0: tensor<4xi8>, %arg1: tensor<4xi8>) -> tensor<4xi8> {
  %0 = "ty.divide"(%arg0, %arg1) : (tensor<4xi8>, tensor<4xi8>) -> tensor<4xi8>
  return %0 : tensor<4xi8>
}

// CHECK-LABEL: func.func @elu(
// CHECK{LITERAL}: "ty.elu"(%arg0) {alpha = 1.000000e+00 : f64} : (tensor<bf16>) -> tensor<bf16>
func.func @elu(%arg0: tensor<bf16>) -> tensor<bf16> {
  %0 = "ty.elu"(%arg0) {alpha = 1.000000e+00 : f64} : (tensor<bf16>) -> tensor<bf16>
  return %0 : tensor<bf16>
}

// CHECK-LABEL: func.func @equal(
// CHECK{LITERAL}: "ty.equal"(%arg0, %arg1) : (tensor<5xf16>, tensor<f16>) -> tensor<5xi1>
func.func @equal(%arg0: tensor<5xf16>, %arg1: tensor<f16>) -> tensor<5xi1> {
  %0 = "ty.equal"(%arg0, %arg1) : (tensor<5xf16>, tensor<f16>) -> tensor<5xi1>
  return %0 : tensor<5xi1>
}

// CHECK-LABEL: func.func @erf(
// CHECK{LITERAL}: "ty.erf"(%arg0) : (tensor<f16>) -> tensor<f16>
func.func @erf(%arg0: tensor<f16>) -> tensor<f16> {
  %0 = "ty.erf"(%arg0) : (tensor<f16>) -> tensor<f16>
  return %0 : tensor<f16>
}

// CHECK-LABEL: func.func @exp(
// CHECK{LITERAL}: "ty.exp"(%arg0) : (tensor<f16>) -> tensor<f16>
func.func @exp(%arg0: tensor<f16>) -> tensor<f16> {
  %0 = "ty.exp"(%arg0) : (tensor<f16>) -> tensor<f16>
  return %0 : tensor<f16>
}

// CHECK-LABEL: func.func @exp2(
// CHECK{LITERAL}: "ty.exp2"(%arg0) : (tensor<f16>) -> tensor<f16>
func.func @exp2(%arg0: tensor<f16>) -> tensor<f16> {
  %0 = "ty.exp2"(%arg0) : (tensor<f16>) -> tensor<f16>
  return %0 : tensor<f16>
}

// CHECK-LABEL: func.func @expm1(
// CHECK{LITERAL}: "ty.expm1"(%arg0) : (tensor<f16>) -> tensor<f16>
func.func @expm1(%arg0: tensor<f16>) -> tensor<f16> {
  %0 = "ty.expm1"(%arg0) : (tensor<f16>) -> tensor<f16>
  return %0 : tensor<f16>
}

// CHECK-LABEL: func.func @floor(
// CHECK{LITERAL}: "ty.floor"(%arg0) : (tensor<f16>) -> tensor<f16>
func.func @floor(%arg0: tensor<f16>) -> tensor<f16> {
  %0 = "ty.floor"(%arg0) : (tensor<f16>) -> tensor<f16>
  return %0 : tensor<f16>
}

// CHECK-LABEL: func.func @gelu(
// CHECK{LITERAL}: "ty.gelu"(%arg0) {approximate = "none"} : (tensor<bf16>) -> tensor<bf16>
func.func @gelu(%arg0: tensor<bf16>) -> tensor<bf16> {
  %0 = "ty.gelu"(%arg0) {approximate = "none"} : (tensor<bf16>) -> tensor<bf16>
  return %0 : tensor<bf16>
}

// CHECK-LABEL: func.func @gelu_gradient(
// CHECK{LITERAL}: "ty.gelu_gradient"(%arg0, %arg1) {approximate = "none"} : (tensor<bf16>, tensor<bf16>) -
func.func @gelu_gradient(%arg0: tensor<bf16>, %arg1: tensor<bf16>) -> tensor<bf16> {
  %0 = "ty.gelu_gradient"(%arg0, %arg1) {approximate = "none"} : (tensor<bf16>, tensor<bf16>) -> tensor<bf16>
  return %0 : tensor<bf16>
}

// CHECK-LABEL: func.func @greater(
// CHECK{LITERAL}: "ty.greater"(%arg0, %arg1) : (tensor<5xf16>, tensor<f16>) -> tensor<5xi1>
func.func @greater(%arg0: tensor<5xf16>, %arg1: tensor<f16>) -> tensor<5xi1> {
  %0 = "ty.greater"(%arg0, %arg1) : (tensor<5xf16>, tensor<f16>) -> tensor<5xi1>
  return %0 : tensor<5xi1>
}

// CHECK-LABEL: func.func @greater_equal(
// CHECK{LITERAL}: "ty.greater_equal"(%arg0, %arg1) : (tensor<5xf16>, tensor<f16>) -> tensor<5xi1>
func.func @greater_equal(%arg0: tensor<5xf16>, %arg1: tensor<f16>) -> tensor<5xi1> {
  %0 = "ty.greater_equal"(%arg0, %arg1) : (tensor<5xf16>, tensor<f16>) -> tensor<5xi1>
  return %0 : tensor<5xi1>
}

// CHECK-LABEL: func.func @hard_sigmoid(
// CHECK{LITERAL}: "ty.hard_sigmoid"(%arg0) {alpha = 2.000000e-01 : f64, beta = 4.000000e-01 : f64} : (tens
func.func @hard_sigmoid(%arg0: tensor<bf16>) -> tensor<bf16> {
  %0 = "ty.hard_sigmoid"(%arg0) {alpha = 2.000000e-01 : f64, beta = 4.000000e-01 : f64} : (tensor<bf16>) -> tensor<bf16>
  return %0 : tensor<bf16>
}

// CHECK-LABEL: func.func @hard_swish(
// CHECK{LITERAL}: "ty.hard_swish"(%arg0) : (tensor<bf16>) -> tensor<bf16>
func.func @hard_swish(%arg0: tensor<bf16>) -> tensor<bf16> {
  %0 = "ty.hard_swish"(%arg0) : (tensor<bf16>) -> tensor<bf16>
  return %0 : tensor<bf16>
}

// CHECK-LABEL: func.func @hard_tanh(
// CHECK{LITERAL}: "ty.hard_tanh"(%arg0) {high = 1.000000e+00 : f64, low = -1.000000e+00 : f64} : (tensor<b
func.func @hard_tanh(%arg0: tensor<bf16>) -> tensor<bf16> {
  %0 = "ty.hard_tanh"(%arg0) {high = 1.000000e+00 : f64, low = -1.000000e+00 : f64} : (tensor<bf16>) -> tensor<bf16>
  return %0 : tensor<bf16>
}

// CHECK-LABEL: func.func @is_inf(
// CHECK{LITERAL}: "ty.is_inf"(%arg0) {detect_negative = true, detect_positive = true} : (tensor<4xf32>) ->
func.func @is_inf(%arg0: tensor<4xf32>) -> tensor<4xi1> {
  %0 = "ty.is_inf"(%arg0) {detect_negative = true, detect_positive = true} : (tensor<4xf32>) -> tensor<4xi1>
  return %0 : tensor<4xi1>
}

// CHECK-LABEL: func.func @is_nan(
// CHECK{LITERAL}: "ty.is_nan"(%arg0) : (tensor<2xf16>) -> tensor<2xi1>
func.func @is_nan(%arg0: tensor<2xf16>) -> tensor<2xi1> {
  %0 = "ty.is_nan"(%arg0) : (tensor<2xf16>) -> tensor<2xi1>
  return %0 : tensor<2xi1>
}

// CHECK-LABEL: func.func @leaky_relu(
// CHECK{LITERAL}: "ty.leaky_relu"(%arg0) {alpha = 1.000000e-02 : f64} : (tensor<bf16>) -> tensor<bf16>
func.func @leaky_relu(%arg0: tensor<bf16>) -> tensor<bf16> {
  %0 = "ty.leaky_relu"(%arg0) {alpha = 1.000000e-02 : f64} : (tensor<bf16>) -> tensor<bf16>
  return %0 : tensor<bf16>
}

// CHECK-LABEL: func.func @less(
// CHECK{LITERAL}: "ty.less"(%arg0, %arg1) : (tensor<5xf16>, tensor<f16>) -> tensor<5xi1>
func.func @less(%arg0: tensor<5xf16>, %arg1: tensor<f16>) -> tensor<5xi1> {
  %0 = "ty.less"(%arg0, %arg1) : (tensor<5xf16>, tensor<f16>) -> tensor<5xi1>
  return %0 : tensor<5xi1>
}

// CHECK-LABEL: func.func @less_equal(
// CHECK{LITERAL}: "ty.less_equal"(%arg0, %arg1) : (tensor<5xf16>, tensor<f16>) -> tensor<5xi1>
func.func @less_equal(%arg0: tensor<5xf16>, %arg1: tensor<f16>) -> tensor<5xi1> {
  %0 = "ty.less_equal"(%arg0, %arg1) : (tensor<5xf16>, tensor<f16>) -> tensor<5xi1>
  return %0 : tensor<5xi1>
}

// CHECK-LABEL: func.func @log(
// CHECK{LITERAL}: "ty.log"(%arg0) : (tensor<f16>) -> tensor<f16>
func.func @log(%arg0: tensor<f16>) -> tensor<f16> {
  %0 = "ty.log"(%arg0) : (tensor<f16>) -> tensor<f16>
  return %0 : tensor<f16>
}

// CHECK-LABEL: func.func @log1p(
// CHECK{LITERAL}: "ty.log1p"(%arg0) : (tensor<f16>) -> tensor<f16>
func.func @log1p(%arg0: tensor<f16>) -> tensor<f16> {
  %0 = "ty.log1p"(%arg0) : (tensor<f16>) -> tensor<f16>
  return %0 : tensor<f16>
}

// CHECK-LABEL: func.func @log2(
// CHECK{LITERAL}: "ty.log2"(%arg0) : (tensor<f16>) -> tensor<f16>
func.func @log2(%arg0: tensor<f16>) -> tensor<f16> {
  %0 = "ty.log2"(%arg0) : (tensor<f16>) -> tensor<f16>
  return %0 : tensor<f16>
}

// CHECK-LABEL: func.func @logical_and(
// CHECK{LITERAL}: "ty.logical_and"(%arg0, %arg1) : (tensor<8xi1>, tensor<8xi1>) -> tensor<8xi1>
func.func @logical_and(%arg0: tensor<8xi1>, %arg1: tensor<8xi1>) -> tensor<8xi1> {
  %0 = "ty.logical_and"(%arg0, %arg1) : (tensor<8xi1>, tensor<8xi1>) -> tensor<8xi1>
  return %0 : tensor<8xi1>
}

// CHECK-LABEL: func.func @logical_not(
// CHECK{LITERAL}: "ty.logical_not"(%arg0) : (tensor<i1>) -> tensor<i1>
func.func @logical_not(%arg0: tensor<i1>) -> tensor<i1> {
  %0 = "ty.logical_not"(%arg0) : (tensor<i1>) -> tensor<i1>
  return %0 : tensor<i1>
}

// CHECK-LABEL: func.func @logical_or(
// CHECK{LITERAL}: "ty.logical_or"(%arg0, %arg1) : (tensor<8xi1>, tensor<8xi1>) -> tensor<8xi1>
func.func @logical_or(%arg0: tensor<8xi1>, %arg1: tensor<8xi1>) -> tensor<8xi1> {
  %0 = "ty.logical_or"(%arg0, %arg1) : (tensor<8xi1>, tensor<8xi1>) -> tensor<8xi1>
  return %0 : tensor<8xi1>
}

// CHECK-LABEL: func.func @logical_xor(
// CHECK{LITERAL}: "ty.logical_xor"(%arg0, %arg1) : (tensor<8xi1>, tensor<8xi1>) -> tensor<8xi1>
func.func @logical_xor(%arg0: tensor<8xi1>, %arg1: tensor<8xi1>) -> tensor<8xi1> {
  %0 = "ty.logical_xor"(%arg0, %arg1) : (tensor<8xi1>, tensor<8xi1>) -> tensor<8xi1>
  return %0 : tensor<8xi1>
}

// CHECK-LABEL: func.func @maximum(
// CHECK{LITERAL}: "ty.maximum"(%arg0, %arg1) : (tensor<5xf16>, tensor<f16>) -> tensor<5xf16>
func.func @maximum(%arg0: tensor<5xf16>, %arg1: tensor<f16>) -> tensor<5xf16> {
  %0 = "ty.maximum"(%arg0, %arg1) : (tensor<5xf16>, tensor<f16>) -> tensor<5xf16>
  return %0 : tensor<5xf16>
}

// CHECK-LABEL: func.func @minimum(
// CHECK{LITERAL}: "ty.minimum"(%arg0, %arg1) : (tensor<5xf16>, tensor<f16>) -> tensor<5xf16>
func.func @minimum(%arg0: tensor<5xf16>, %arg1: tensor<f16>) -> tensor<5xf16> {
  %0 = "ty.minimum"(%arg0, %arg1) : (tensor<5xf16>, tensor<f16>) -> tensor<5xf16>
  return %0 : tensor<5xf16>
}

// CHECK-LABEL: func.func @mish(
// CHECK{LITERAL}: "ty.mish"(%arg0) : (tensor<bf16>) -> tensor<bf16>
func.func @mish(%arg0: tensor<bf16>) -> tensor<bf16> {
  %0 = "ty.mish"(%arg0) : (tensor<bf16>) -> tensor<bf16>
  return %0 : tensor<bf16>
}

// CHECK-LABEL: func.func @multiply(
// CHECK{LITERAL}: "ty.multiply"(%arg0, %arg1) : (tensor<i16>, tensor<i16>) -> tensor<i16>
func.func @multiply(%arg0: tensor<i16>, %arg1: tensor<i16>) -> tensor<i16> {
  %0 = "ty.multiply"(%arg0, %arg1) : (tensor<i16>, tensor<i16>) -> tensor<i16>
  return %0 : tensor<i16>
}

// CHECK-LABEL: func.func @negative(
// CHECK{LITERAL}: "ty.negative"(%arg0) : (tensor<f16>) -> tensor<f16>
func.func @negative(%arg0: tensor<f16>) -> tensor<f16> {
  %0 = "ty.negative"(%arg0) : (tensor<f16>) -> tensor<f16>
  return %0 : tensor<f16>
}

// CHECK-LABEL: func.func @not_equal(
// CHECK{LITERAL}: "ty.not_equal"(%arg0, %arg1) : (tensor<5xf16>, tensor<f16>) -> tensor<5xi1>
func.func @not_equal(%arg0: tensor<5xf16>, %arg1: tensor<f16>) -> tensor<5xi1> {
  %0 = "ty.not_equal"(%arg0, %arg1) : (tensor<5xf16>, tensor<f16>) -> tensor<5xi1>
  return %0 : tensor<5xi1>
}

// CHECK-LABEL: func.func @power(
// CHECK{LITERAL}: "ty.power"(%arg0, %arg1) : (tensor<5xf16>, tensor<f16>) -> tensor<5xf16>
func.func @power(%arg0: tensor<5xf16>, %arg1: tensor<f16>) -> tensor<5xf16> {
  %0 = "ty.power"(%arg0, %arg1) : (tensor<5xf16>, tensor<f16>) -> tensor<5xf16>
  return %0 : tensor<5xf16>
}

// CHECK-LABEL: func.func @prelu(
// CHECK{LITERAL}: "ty.prelu"(%arg0, %arg1) : (tensor<5xf16>, tensor<5xf16>) -> tensor<5xf16>
func.func @prelu(%arg0: tensor<5xf16>, %arg1: tensor<5xf16>) -> tensor<5xf16> {
  %0 = "ty.prelu"(%arg0, %arg1) : (tensor<5xf16>, tensor<5xf16>) -> tensor<5xf16>
  return %0 : tensor<5xf16>
}

// CHECK-LABEL: func.func @reciprocal(
// CHECK{LITERAL}: "ty.reciprocal"(%arg0) : (tensor<4xf64>) -> tensor<4xf64>
func.func @reciprocal(%arg0: tensor<4xf64>) -> tensor<4xf64> {
  %0 = "ty.reciprocal"(%arg0) : (tensor<4xf64>) -> tensor<4xf64>
  return %0 : tensor<4xf64>
}

// CHECK-LABEL: func.func @relu(
// CHECK{LITERAL}: "ty.relu"(%arg0) : (tensor<bf16>) -> tensor<bf16>
func.func @relu(%arg0: tensor<bf16>) -> tensor<bf16> {
  %0 = "ty.relu"(%arg0) : (tensor<bf16>) -> tensor<bf16>
  return %0 : tensor<bf16>
}

// CHECK-LABEL: func.func @remainder(
// CHECK{LITERAL}: "ty.remainder"(%arg0, %arg1) : (tensor<4xi8>, tensor<4xi8>) -> tensor<4xi8>
func.func @remainder(%arg0: tensor<4xi8>, %arg1: tensor<4xi8>) -> tensor<4xi8> {
  %0 = "ty.remainder"(%arg0, %arg1) : (tensor<4xi8>, tensor<4xi8>) -> tensor<4xi8>
  return %0 : tensor<4xi8>
}

// CHECK-LABEL: func.func @remainder_truncated(
// CHECK{LITERAL}: "ty.remainder_truncated"(%arg0, %arg1) : (tensor<4xi8>, tensor<4xi8>) -> tensor<4xi8>
func.func @remainder_truncated(%arg0: tensor<4xi8>, %arg1: tensor<4xi8>) -> tensor<4xi8> {
  %0 = "ty.remainder_truncated"(%arg0, %arg1) : (tensor<4xi8>, tensor<4xi8>) -> tensor<4xi8>
  return %0 : tensor<4xi8>
}

// CHECK-LABEL: func.func @round(
// CHECK{LITERAL}: "ty.round"(%arg0) : (tensor<f16>) -> tensor<f16>
func.func @round(%arg0: tensor<f16>) -> tensor<f16> {
  %0 = "ty.round"(%arg0) : (tensor<f16>) -> tensor<f16>
  return %0 : tensor<f16>
}

// CHECK-LABEL: func.func @rsqrt(
// CHECK{LITERAL}: "ty.rsqrt"(%arg0) : (tensor<f16>) -> tensor<f16>
func.func @rsqrt(%arg0: tensor<f16>) -> tensor<f16> {
  %0 = "ty.rsqrt"(%arg0) : (tensor<f16>) -> tensor<f16>
  return %0 : tensor<f16>
}

// CHECK-LABEL: func.func @selu(
// CHECK{LITERAL}: "ty.selu"(%arg0) {alpha = 5.000000e-01 : f64, gamma = 2.000000e+00 : f64} : (tensor<bf16
func.func @selu(%arg0: tensor<bf16>) -> tensor<bf16> {
  %0 = "ty.selu"(%arg0) {alpha = 5.000000e-01 : f64, gamma = 2.000000e+00 : f64} : (tensor<bf16>) -> tensor<bf16>
  return %0 : tensor<bf16>
}

// CHECK-LABEL: func.func @shift_left(
// CHECK{LITERAL}: "ty.shift_left"(%arg0, %arg1) : (tensor<3xui8>, tensor<3xui8>) -> tensor<3xui8>
func.func @shift_left(%arg0: tensor<3xui8>, %arg1: tensor<3xui8>) -> tensor<3xui8> {
  %0 = "ty.shift_left"(%arg0, %arg1) : (tensor<3xui8>, tensor<3xui8>) -> tensor<3xui8>
  return %0 : tensor<3xui8>
}

// CHECK-LABEL: func.func @shift_right(
// CHECK{LITERAL}: "ty.shift_right"(%arg0, %arg1) : (tensor<3xui8>, tensor<3xui8>) -> tensor<3xui8>
func.func @shift_right(%arg0: tensor<3xui8>, %arg1: tensor<3xui8>) -> tensor<3xui8> {
  %0 = "ty.shift_right"(%arg0, %arg1) : (tensor<3xui8>, tensor<3xui8>) -> tensor<3xui8>
  return %0 : tensor<3xui8>
}

// CHECK-LABEL: func.func @shrink(
// CHECK{LITERAL}: "ty.shrink"(%arg0) {bias = 0.000000e+00 : f64, threshold = 5.000000e-01 : f64} : (tensor
func.func @shrink(%arg0: tensor<bf16>) -> tensor<bf16> {
  %0 = "ty.shrink"(%arg0) {bias = 0.000000e+00 : f64, threshold = 5.000000e-01 : f64} : (tensor<bf16>) -> tensor<bf16>
  return %0 : tensor<bf16>
}

// CHECK-LABEL: func.func @sigmoid(
// CHECK{LITERAL}: "ty.sigmoid"(%arg0) : (tensor<f16>) -> tensor<f16>
func.func @sigmoid(%arg0: tensor<f16>) -> tensor<f16> {
  %0 = "ty.sigmoid"(%arg0) : (tensor<f16>) -> tensor<f16>
  return %0 : tensor<f16>
}

// CHECK-LABEL: func.func @sign(
// CHECK{LITERAL}: "ty.sign"(%arg0) : (tensor<f16>) -> tensor<f16>
func.func @sign(%arg0: tensor<f16>) -> tensor<f16> {
  %0 = "ty.sign"(%arg0) : (tensor<f16>) -> tensor<f16>
  return %0 : tensor<f16>
}

// CHECK-LABEL: func.func @silu(
// CHECK{LITERAL}: "ty.silu"(%arg0) : (tensor<bf16>) -> tensor<bf16>
func.func @silu(%arg0: tensor<bf16>) -> tensor<bf16> {
  %0 = "ty.silu"(%arg0) : (tensor<bf16>) -> tensor<bf16>
  return %0 : tensor<bf16>
}

// CHECK-LABEL: func.func @sin(
// CHECK{LITERAL}: "ty.sin"(%arg0) : (tensor<f16>) -> tensor<f16>
func.func @sin(%arg0: tensor<f16>) -> tensor<f16> {
  %0 = "ty.sin"(%arg0) : (tensor<f16>) -> tensor<f16>
  return %0 : tensor<f16>
}

// CHECK-LABEL: func.func @sinh(
// CHECK{LITERAL}: "ty.sinh"(%arg0) : (tensor<f16>) -> tensor<f16>
func.func @sinh(%arg0: tensor<f16>) -> tensor<f16> {
  %0 = "ty.sinh"(%arg0) : (tensor<f16>) -> tensor<f16>
  return %0 : tensor<f16>
}

// CHECK-LABEL: func.func @softplus(
// CHECK{LITERAL}: "ty.softplus"(%arg0) : (tensor<bf16>) -> tensor<bf16>
func.func @softplus(%arg0: tensor<bf16>) -> tensor<bf16> {
  %0 = "ty.softplus"(%arg0) : (tensor<bf16>) -> tensor<bf16>
  return %0 : tensor<bf16>
}

// CHECK-LABEL: func.func @softsign(
// CHECK{LITERAL}: "ty.softsign"(%arg0) : (tensor<bf16>) -> tensor<bf16>
func.func @softsign(%arg0: tensor<bf16>) -> tensor<bf16> {
  %0 = "ty.softsign"(%arg0) : (tensor<bf16>) -> tensor<bf16>
  return %0 : tensor<bf16>
}

// CHECK-LABEL: func.func @sqrt(
// CHECK{LITERAL}: "ty.sqrt"(%arg0) : (tensor<f16>) -> tensor<f16>
func.func @sqrt(%arg0: tensor<f16>) -> tensor<f16> {
  %0 = "ty.sqrt"(%arg0) : (tensor<f16>) -> tensor<f16>
  return %0 : tensor<f16>
}

// CHECK-LABEL: func.func @square(
// CHECK{LITERAL}: "ty.square"(%arg0) : (tensor<f16>) -> tensor<f16>
func.func @square(%arg0: tensor<f16>) -> tensor<f16> {
  %0 = "ty.square"(%arg0) : (tensor<f16>) -> tensor<f16>
  return %0 : tensor<f16>
}

// CHECK-LABEL: func.func @subtract(
// CHECK{LITERAL}: "ty.subtract"(%arg0, %arg1) : (tensor<4xi8>, tensor<4xi8>) -> tensor<4xi8>
func.func @subtract(%arg0: tensor<4xi8>, %arg1: tensor<4xi8>) -> tensor<4xi8> {
  %0 = "ty.subtract"(%arg0, %arg1) : (tensor<4xi8>, tensor<4xi8>) -> tensor<4xi8>
  return %0 : tensor<4xi8>
}

// CHECK-LABEL: func.func @tan(
// CHECK{LITERAL}: "ty.tan"(%arg0) : (tensor<f16>) -> tensor<f16>
func.func @tan(%arg0: tensor<f16>) -> tensor<f16> {
  %0 = "ty.tan"(%arg0) : (tensor<f16>) -> tensor<f16>
  return %0 : tensor<f16>
}

// CHECK-LABEL: func.func @tanh(
// CHECK{LITERAL}: "ty.tanh"(%arg0) : (tensor<f16>) -> tensor<f16>
func.func @tanh(%arg0: tensor<f16>) -> tensor<f16> {
  %0 = "ty.tanh"(%arg0) : (tensor<f16>) -> tensor<f16>
  return %0 : tensor<f16>
}

// CHECK-LABEL: func.func @thresholded_relu(
// CHECK{LITERAL}: "ty.thresholded_relu"(%arg0) {alpha = 1.000000e+00 : f64} : (tensor<bf16>) -> tensor<bf1
func.func @thresholded_relu(%arg0: tensor<bf16>) -> tensor<bf16> {
  %0 = "ty.thresholded_relu"(%arg0) {alpha = 1.000000e+00 : f64} : (tensor<bf16>) -> tensor<bf16>
  return %0 : tensor<bf16>
}

// CHECK-LABEL: func.func @truncate(
// CHECK{LITERAL}: "ty.truncate"(%arg0) : (tensor<f16>) -> tensor<f16>
func.func @truncate(%arg0: tensor<f16>) -> tensor<f16> {
  %0 = "ty.truncate"(%arg0) : (tensor<f16>) -> tensor<f16>
  return %0 : tensor<f16>
}

// CHECK-LABEL: func.func @where(
// CHECK{LITERAL}: "ty.where"(%arg0, %arg1, %arg2) : (tensor<2xi1>, tensor<2xi1>, tensor<2xi1>) -> tensor<2
func.func @where(%arg0: tensor<2xi1>, %arg1: tensor<2xi1>, %arg2: tensor<2xi1>) -> tensor<2xi1> {
  %0 = "ty.where"(%arg0, %arg1, %arg2) : (tensor<2xi1>, tensor<2xi1>, tensor<2xi1>) -> tensor<2xi1>
  return %0 : tensor<2xi1>
}
