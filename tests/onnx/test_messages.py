"""Every rule that a node can break, and the whole message that follows."""

from __future__ import annotations

import pytest

F = "float[2,3,4] x"

CASES = [
    # (opset, inputs, body, message)
    (17, F, "y = Relu(z)", "node 'y' (Relu): input 'z' is made by no node before this one"),
    (17, F, "y = Relu()", "node 'y' (Relu): takes 1 input, got 0"),
    (17, F, "y = Clip(x, x, x, x)", "node 'y' (Clip): takes 1 to 3 inputs, got 4"),
    (17, F, "y = Add(, x)", "node 'y' (Add): input 'A' is missing"),
    (17, F, "y = Concat(x, x)", "node 'y' (Concat): attribute 'axis' is missing"),
    (17, F, "y = Relu<alpha = 1.0>(x)",
     "node 'y' (Relu): attribute 'alpha' is unknown in opset 17; known are none"),
    (13, F, "y = Squeeze<axes = [0]>(x)",
     "node 'y' (Squeeze): attribute 'axes' is unknown in opset 13; known are none"),
    (17, F, "y = NoSuchOp(x)", "node 'y' (NoSuchOp): operator NoSuchOp is not supported"),
    (17, F, "y = NonMaxSuppression(x, x)",
     "node 'y' (NonMaxSuppression): operator NonMaxSuppression is not supported; "
     "its output's shape depends on data; leave it to the host program"),
    (17, F, "y = Unique(x)",
     "node 'y' (Unique): operator Unique is not supported; its output's shape depends on data"),
    (17, "float[2,3] x", "y = Concat<axis = 2>(x, x)",
     "node 'y' (Concat): axes must be distinct and lie in -2..1, got [2]"),
    (17, F, "s = Constant<value_ints = [5, -1]>() y = Reshape(x, s)",
     "node 'y' (Reshape): shape [5, -1] does not fit the 24 elements of [2, 3, 4]"),
    (17, F, "s = Constant<value_ints = [4, 4]>() y = Reshape(x, s)",
     "node 'y' (Reshape): shape [4, 4] does not fit the 24 elements of [2, 3, 4]"),
    (17, F, "s = Constant<value_ints = [2, 3, 4, 0]>() y = Reshape(x, s)",
     "node 'y' (Reshape): shape has a 0 beyond the input's rank 3, got [2, 3, 4, 0]"),
    (11, F, "y = Squeeze<axes = [0]>(x)",
     "node 'y' (Squeeze): axes must name dimensions of size 1, got [0] of [2, 3, 4]"),
    (11, F, "y = Unsqueeze<axes = [0, 0]>(x)",
     "node 'y' (Unsqueeze): axes must be distinct and lie in -5..4, got [0, 0]"),
    (17, F, "s = Constant<value_ints = [3, 3]>() y, z = Split<axis = 2>(x, s)",
     "node 'y' (Split): split must add up to 4, got [3, 3]"),
    (17, F, "y = Flatten<axis = 5>(x)", "node 'y' (Flatten): axis must lie in -3..3, got 5"),
    (17, F, "s = Constant<value_ints = [5, 4]>() y = Expand(x, s)",
     "node 'y' (Expand): shape [5, 4] must broadcast with [2, 3, 4]"),
    (13, F, "p = Constant<value_ints = [1, 1]>() y = Pad(x, p)",
     "node 'y' (Pad): pads must have 6 numbers, got [1, 1]"),
    (17, F, "y = ReduceMax<axes = [3]>(x)",
     "node 'y' (ReduceMax): axes must lie in -3..2, got [3]"),
    (17, F, "k = Constant<value_ints = [5]>() y, i = TopK(x, k)",
     "node 'y' (TopK): k must lie in 0..4, got 5"),
    (17, F, "i = Constant<value_int = 0>() y = Gather<axis = 3>(x, i)",
     "node 'y' (Gather): axis must lie in -3..2, got 3"),
    (17, "float[2,3,8,8] x, float[4,2,3,3] w", "y = Conv(x, w)",
     "node 'y' (Conv): weight must have 3 channels for x f32[2,3,8,8], groups=1, "
     "got f32[4,2,3,3]"),
    (17, "float[2,3,8] x, float[4,3,3,3] w", "y = Conv(x, w)",
     "node 'y' (Conv): x and w must have one rank, from 3 to 5, "
     "got x of f32[2,3,8] and w of f32[4,3,3,3]"),
    (17, "float[2,3,8,8] x, float[4,3,3,3] w", "y = Conv<kernel_shape = [5, 5]>(x, w)",
     "node 'y' (Conv): kernel_shape must be the weight's [3, 3], got [5, 5]"),
    (17, "float[2,3,8,8] x, float[4,3,3,3] w", "y = Conv<strides = [2]>(x, w)",
     "node 'y' (Conv): strides must be 2 positive numbers, got [2]"),
    (17, "float[2,3,8,8] x, float[4,3,3,3] w", "y = Conv<pads = [1, 1]>(x, w)",
     "node 'y' (Conv): pads must have 4 numbers, got [1, 1]"),
    (17, "float[2,3,8,8] x", 'y = MaxPool<kernel_shape = [2, 2], auto_pad = "SAME">(x)',
     "node 'y' (MaxPool): auto_pad must be NOTSET, VALID, SAME_UPPER or SAME_LOWER, got 'SAME'"),
    (17, "float[2,3] x", "y = MaxPool<kernel_shape = [2]>(x)",
     "node 'y' (MaxPool): x must have rank 3 to 5, got f32[2,3]"),
    (17, F, "t = Constant<value = bool {1}>() r = Constant<value_float = 0.5>() "
            "y = Dropout(x, r, t)",
     "node 'y' (Dropout): training_mode must be false, got true; "
     "export the model for inference"),
    (17, F, 'y = Cast<to = 8>(x)',
     "node 'y' (Cast): element type string is not supported; "
     "use one of f16, bf16, f32, f64, bool, int8..int64, uint8..uint64"),
    (17, F, 'y = Constant<value_string = "text">()',
     "node 'y' (Constant): strings are not supported; drop the text processing from the model"),
    (17, "float[2,3] x, double[2,3] w", "y = Add(x, w)",
     "node 'y' (Add): operands must have one element type, got f32[2,3], f64[2,3]; "
     "cast one of them"),
    (17, "float[2,3] x, float[2,4] w", "y = Add(x, w)",
     "node 'y' (Add): shapes must broadcast, got f32[2,3], f32[2,4]"),
    (17, "float[2,3] x, float[2,3] w", 'y = Einsum<equation = "ij,jk->ik">(x, w)',
     "node 'y' (Einsum): index 'j' must have one size, got 3 and 2"),
    (17, "float[2,3] x", 'y = Einsum<equation = "ij,jk->ik">(x)',
     "node 'y' (Einsum): equation 'ij,jk->ik' has 2 terms for 1 operands"),
    (17, "float[2,3] x", 'y = Einsum<equation = "ijk->k">(x)',
     "node 'y' (Einsum): term 'ijk' does not fit an operand of rank 2"),
    (17, "float[3,1,2] x, float[1,16,2] w, float[1,16,4] r", "h, y = LSTM<clip = 3.0>(x, w, r)",
     "node 'h' (LSTM): clip must be absent, got 3.0"),
    (17, "float[3,1,2] x, float[1,16,2] w, float[1,16,4] r",
     "l = Constant<value = int32[1] {2}>() h, y = LSTM(x, w, r, , l)",
     "node 'h' (LSTM): sequence_lens must all be 3, got [2]; pad or cut the sequences"),
    (17, "float[3,1,2] x, float[1,4,2] w, float[1,4,4] r",
     'h, y = RNN<activations = ["Relu"]>(x, w, r)',
     "node 'h' (RNN): activations must be Tanh, got Relu"),
    *((opset, F, f"y = {op}<axis = {axis}>(x)",
       f"node 'y' ({op}): axis must lie in -3..2, got {axis}")
      for opset, op, axis in (
          (17, "Softmax", 3), (11, "Softmax", -4), (17, "LogSoftmax", -4), (17, "Hardmax", 9),
          (17, "ArgMax", 3))),
    (17, "float x", "y = Softmax(x)",
     "node 'y' (Softmax): axis must name a dimension, got -1 for a scalar"),
    (17, F + ", float[4] w", "y = LayerNormalization<axis = 3>(x, w)",
     "node 'y' (LayerNormalization): axis must lie in -3..2, got 3"),
    (17, F, "y = LpNormalization<axis = 3>(x)",
     "node 'y' (LpNormalization): axis must be in -3..2, got 3"),
    (17, F, "k = Constant<value_ints = [1]>() y, i = TopK<axis = 3>(x, k)",
     "node 'y' (TopK): axis must lie in -3..2, got 3"),
    (17, F, "a = Constant<value_int = 3>() y = CumSum(x, a)",
     "node 'y' (CumSum): axis must lie in -3..2, got 3"),
    (17, F, "c = Constant<value = bool[2] {1, 0}>() y = Compress<axis = 3>(x, c)",
     "node 'y' (Compress): axis must lie in -3..2, got 3"),
    (17, F + ", float[2] s", "y = QuantizeLinear<axis = 3>(x, s)",
     "node 'y' (QuantizeLinear): axis must lie in -3..2, got 3"),
    (17, "int64[2,3] x", "d = Constant<value_int = 4>() v = Constant<value_floats = [0., 1.]>() "
     "y = OneHot<axis = 3>(x, d, v)",
     "node 'y' (OneHot): axis must lie in -3..2, got 3"),
    (17, F, "y = DFT<axis = 3>(x)", "node 'y' (DFT): axis must lie in -3..2, got 3"),
    (18, F, "y, z = Split<num_outputs = 1099511627776>(x)",
     "node 'y' (Split): num_outputs must be the 2 outputs of the node, got 1099511627776"),
    (17, F, "a = Constant<value_floats = [1., 2.]>() b = Constant<value_float = 3.>() "
     "y = Range(b, a, b)",
     "node 'y' (Range): inputs must be scalars, got shapes [], [2], []"),
    (18, "float[1,4,4] x", "i = Constant<value_ints = [4, 4]>() b = Constant<value_ints = [2, 0]>()"
     " y = Col2Im(x, i, b)",
     "node 'y' (Col2Im): block_shape must be 2 positive numbers, got [2, 0]"),
    (23, F, "y = Attention<q_num_heads = 0, kv_num_heads = 2>(x, x, x)",
     "node 'y' (Attention): q_num_heads and kv_num_heads must be positive for inputs of rank 3, "
     "got 0 and 2"),
    (21, "int8[4,6] x, float[4,3] s",
     "y = DequantizeLinear<axis = 1, block_size = 3>(x, s)",
     "node 'y' (DequantizeLinear): blocks of 3 along axis 1 must agree with scale, "
     "got i8[4,6] and f32[4,3]"),
    (17, "float[2] x, float[2] x", "y = Relu(x)", "inputs must have different names, got 'x', 'x'"),
    (17, "float[1099511627776,1099511627776] x", "y = Relu(x)",
     "input 'x': must be smaller than 140737488355328 bytes, "
     "got f32[1099511627776,1099511627776]"),
    (17, F, "y = ArgMax(x)", "output 'y': element type must be the declared f32, got i64"),
    (17, F, "l = Constant<value_ints = [2, 3, 4]>() y = ReverseSequence(x, l)",
     "node 'y' (ReverseSequence): sequence_lens must be 3 numbers in 0..2, got [2, 3, 4]"),
    (17, F, "l = Constant<value_ints = [2, 3]>() y = ReverseSequence<time_axis = 2>(x, l)",
     "node 'y' (ReverseSequence): time_axis and batch_axis must be 0 and 1, got 2 and 1 of "
     "[2, 3, 4]"),
    (17, "float[1,1,4,4] x", 'y = Resize(x)',
     "node 'y' (Resize): exactly one of scales and sizes must be given"),
]  # fmt: skip


@pytest.mark.parametrize(
    ("opset", "inputs", "body", "expected"), CASES, ids=[c[3][10:60] for c in CASES]
)
def test_message(message, opset: int, inputs: str, body: str, expected: str):
    text = f"g ({inputs}) => (float y) {{ {body} }}"
    assert message(text, opset=opset) == expected


def test_missing_output(message):
    assert message("g (float[2] x) => (float[2] z) { y = Relu(x) }") == (
        "output 'z': is made by no node of the model"
    )
