"""Operators of ONNX Runtime's own domain, com.microsoft: what its optimizer and quantizer write."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np

from tyc.onnx import contraction, convolution, pooling
from tyc.onnx.attention import joined_heads, split_heads
from tyc.onnx.graph import Graph
from tyc.onnx.movement import pieces
from tyc.onnx.quantization import lined
from tyc.onnx.rules import MICROSOFT, Node, add_rule, rule

_ACTIVATIONS: dict[str, Callable[[Graph, Any, list[float]], Any]] = {
    "Relu": lambda g, x, p: g.relu(x),
    "Tanh": lambda g, x, p: g.tanh(x),
    "Sigmoid": lambda g, x, p: g.sigmoid(x),
    "LeakyRelu": lambda g, x, p: g.leaky_relu(x, alpha=p[0] if p else 0.01),
    "Clip": lambda g, x, p: g.clip(x, low=p[0], high=p[1]),
    "HardSigmoid": lambda g, x, p: g.hard_sigmoid(x, alpha=p[0], beta=p[1]),
}


def _activated(g: Graph, n: Node, y: Any) -> Any:
    name = n.get("activation")
    if name not in _ACTIVATIONS:
        n.fail(f"activation must be one of {', '.join(_ACTIVATIONS)}, got {name!r}")
    parameters = n.get("activation_params")
    if parameters is None:
        parameters = [n.get("activation_alpha", 0.01), n.get("activation_beta", 0.0)]
    return _ACTIVATIONS[name](g, y, list(parameters))


@rule("FusedConv", domain=MICROSOFT)
def fused_conv(g: Graph, n: Node) -> Any:
    """Convolution, sum with an optional fourth input, activation."""
    addend = n.input(3)
    y = convolution.conv(g, n)
    return _activated(g, n, y if addend is None else g.add(y, addend))


@rule("FusedGemm", domain=MICROSOFT)
def fused_gemm(g: Graph, n: Node) -> Any:
    """Gemm, activation."""
    return _activated(g, n, contraction.gemm(g, n))


def _real(g: Graph, n: Node, index: int) -> Any:
    """Inputs `index`, `index + 1`, `index + 2`: a quantized tensor, scale and zero point."""
    x, scale, zero = n.inputs[index], n.inputs[index + 1], n.input(index + 2)
    return g.dequantize(x, *lined(g, n, x, scale, zero, 0)[:2], axis=0)


def _quantized(g: Graph, n: Node, y: Any, index: int) -> Any:
    """`y` by the scale and zero point that are inputs `index` and `index + 1`."""
    scale, zero = n.inputs[index], n.input(index + 1)
    if zero is None:
        zero = np.zeros((), np.uint8)
    return g.quantize(y, *lined(g, n, y, scale, zero, 0)[:2], axis=0)


def _pointwise(op: str) -> Callable[[Graph, Node], Any]:
    return lambda g, n: _quantized(g, n, getattr(g, op)(_real(g, n, 0), _real(g, n, 3)), 6)


add_rule("QLinearAdd", _pointwise("add"), domain=MICROSOFT)
add_rule("QLinearMul", _pointwise("multiply"), domain=MICROSOFT)


@rule("QLinearSigmoid", domain=MICROSOFT)
def qlinear_sigmoid(g: Graph, n: Node) -> Any:
    """Sigmoid between quantized tensors."""
    return _quantized(g, n, g.sigmoid(_real(g, n, 0)), 3)


@rule("QLinearLeakyRelu", domain=MICROSOFT)
def qlinear_leaky_relu(g: Graph, n: Node) -> Any:
    """Leaky relu between quantized tensors."""
    return _quantized(g, n, g.leaky_relu(_real(g, n, 0), alpha=n.get("alpha", 0.01)), 3)


@rule("QLinearSoftmax", domain=MICROSOFT)
def qlinear_softmax(g: Graph, n: Node) -> Any:
    """Softmax between quantized tensors."""
    x = _real(g, n, 0)
    if n.get("opset", 13) < 13 and n.axis(g.rank(x), -1) != g.rank(x) - 1:
        n.fail("axis must be the last one before opset 13")
    return _quantized(g, n, g.softmax(x, axis=n.axis(g.rank(x), -1)), 3)


@rule("QLinearGlobalAveragePool", domain=MICROSOFT)
def qlinear_global_average_pool(g: Graph, n: Node) -> Any:
    """The mean over space between quantized tensors."""
    x = _real(g, n, 0)
    last = bool(n.get("channels_last", 0))
    axes = list(range(1, g.rank(x) - 1) if last else range(2, g.rank(x)))
    return _quantized(g, n, g.reduce_mean(x, axes=axes, keepdims=True), 3)


@rule("QLinearAveragePool", domain=MICROSOFT)
def qlinear_average_pool(g: Graph, n: Node) -> Any:
    """The mean of windows between quantized tensors."""
    if n.get("channels_last", 0):
        n.fail("channels_last must be 0, got 1")
    outputs, n.inputs = n.inputs, [_real(g, n, 0)]
    y = pooling.average_pool(g, n)
    n.inputs = outputs
    return _quantized(g, n, y, 3)


@rule("QLinearConcat", domain=MICROSOFT)
def qlinear_concat(g: Graph, n: Node) -> Any:
    """Quantized tensors joined, in a scale of their own."""
    parts = [_real(g, n, i) for i in range(2, len(n.inputs), 3)]
    y = g.concat(parts, axis=n.axis(g.rank(parts[0]))) if len(parts) > 1 else parts[0]
    return _quantized(g, n, y, 0)


@rule("QGemm", domain=MICROSOFT)
def quantized_gemm(g: Graph, n: Node) -> Any:
    """Quantized Gemm with an i32 bias; float result where no output scale is given."""
    a, a_scale, a_zero, b, b_scale, b_zero = n.inputs[:6]
    left = convolution.centred(g, a, a_zero, 0, "f32")
    column = 0 if n.get("transB", 0) else 1
    right = convolution.centred(g, b, b_zero, column, "f32")
    y = g.matmul(
        left, right, transpose_a=bool(n.get("transA", 0)), transpose_b=bool(n.get("transB", 0))
    )
    bias = n.input(6)
    if bias is not None:
        y = g.add(y, g.cast(bias, to="f32"))
    scale = g.multiply(convolution.along(g, a_scale, 0, 2), convolution.along(g, b_scale, 1, 2))
    alpha = n.get("alpha", 1.0)
    y = g.multiply(y, scale if alpha == 1.0 else g.multiply(scale, g.number(alpha, scale)))
    return y if n.input(7) is None else _quantized(g, n, y, 7)


@rule("MatMulIntegerToFloat", domain=MICROSOFT)
def matmul_integer_to_float(g: Graph, n: Node) -> Any:
    """Integer product times both scales, plus a bias."""
    a, b, a_scale, b_scale = n.inputs[:4]
    product = contraction.integer_product(g, a, b, n.input(4), n.input(5))
    y = g.multiply(g.cast(product, to=g.dtype(a_scale)), g.multiply(a_scale, b_scale))
    return y if n.input(6) is None else g.add(y, n.input(6))


@rule("MatMulNBits", domain=MICROSOFT)
def matmul_n_bits(g: Graph, n: Node) -> Any:
    """`A @ B^T` where B is packed by 4 or 8 bits in blocks, with a scale each."""
    bits, size = n.get("bits", 4), n.get("block_size")
    rows, columns = n.get("N"), n.get("K")
    if bits not in (4, 8) or n.input(4) is not None:
        n.fail(f"bits must be 4 or 8 and g_idx absent, got bits={bits}")
    blocks = -(-columns // size)
    packed = np.asarray(n.known(1))
    weights = _unpacked(packed, bits).reshape(rows, blocks, size)
    zeros = n.known(3)
    if zeros is not None and zeros.dtype != np.uint8:
        n.fail(f"zero_points must be packed u8, got {zeros.dtype}")
    if zeros is None:
        middle = np.full((rows, blocks, 1), 1 << (bits - 1), np.int16)
    else:
        middle = _unpacked(zeros.reshape(rows, -1), bits)[:, :blocks, None]
    whole = (weights.astype(np.int16) - middle).astype(np.int16)
    kind = np.int8 if np.abs(whole).max(initial=0) < 128 else np.int16
    scale = g.reshape(n.inputs[2], shape=[rows, blocks, 1])
    real = g.multiply(g.cast(whole.astype(kind), to=g.dtype(scale)), scale)
    real = g.reshape(real, shape=[rows, blocks * size])
    if blocks * size != columns:
        real = g.slice(real, starts=[0, 0], sizes=[rows, columns], steps=[1, 1])
    y = g.matmul(n.inputs[0], real, transpose_b=True)
    return y if n.input(5) is None else g.add(y, n.input(5))


def _unpacked(packed: np.ndarray, bits: int) -> np.ndarray:
    """Bytes as they are, or each as its low and then its high half along the last dimension."""
    if bits == 8:
        return packed
    return np.stack([packed & 15, packed >> 4], -1).reshape(*packed.shape[:-1], -1)


@rule("Attention", domain=MICROSOFT)
def attention(g: Graph, n: Node) -> Any:
    """Self-attention with one weight for queries, keys and values."""
    if n.input(4) is not None or n.get("do_rotary", 0) or n.wants(1):
        n.fail("past, do_rotary and present are not supported")
    x, weight, bias = n.inputs[0], n.inputs[1], n.input(2)
    heads = n.get("num_heads")
    sizes = n.get("qkv_hidden_sizes") or [g.shape(weight)[1] // 3] * 3
    total = g.matmul(x, weight)
    total = total if bias is None else g.add(total, bias)
    q, k, v = (split_heads(g, part, heads) for part in pieces(g, total, 2, sizes))
    mask = _padding_mask(g, n, n.input(3), x)
    mask = _summed(g, mask, n.input(5))
    return _attended(g, n, q, k, v, mask, bool(n.get("unidirectional", 0)))


@rule("MultiHeadAttention", domain=MICROSOFT)
def multi_head_attention(g: Graph, n: Node) -> Any:
    """Attention on queries, keys and values of `[B, S, heads * D]`."""
    if any(n.input(i) is not None for i in (6, 7)) or n.wants(1) or n.input(1) is None:
        n.fail("past, present and packed queries are not supported")
    q, k, v, bias = n.inputs[0], n.inputs[1], n.inputs[2], n.input(3)
    heads = n.get("num_heads")
    if bias is not None:
        sizes = [g.shape(x)[-1] for x in (q, k, v)]
        q, k, v = (g.add(x, b) for x, b in zip((q, k, v), pieces(g, bias, 0, sizes)))
    mask = _summed(g, _padding_mask(g, n, n.input(4), q), n.input(5))
    q, k, v = (split_heads(g, x, heads) for x in (q, k, v))
    return _attended(g, n, q, k, v, mask, bool(n.get("unidirectional", 0)))


def _padding_mask(g: Graph, n: Node, mask: Any, like: Any) -> Any:
    """`[B, T]` of ones and zeros as numbers to add to the scores."""
    if mask is None:
        return None
    if g.rank(mask) != 2:
        n.fail(f"mask must be of ones and zeros [batch, keys], got {g.type(mask)}")
    batch, keys = g.shape(mask)
    real = g.reshape(g.cast(mask, to=g.dtype(like)), shape=[batch, 1, 1, keys])
    hidden = g.number(n.get("mask_filter_value", -10000.0), like)
    return g.multiply(g.subtract(g.number(1, like), real), hidden)


def _summed(g: Graph, mask: Any, addend: Any) -> Any:
    if mask is None or addend is None:
        return addend if mask is None else mask
    return g.add(mask, addend)


def _attended(g: Graph, n: Node, q: Any, k: Any, v: Any, mask: Any, causal: bool) -> Any:
    scale = n.get("scale") or 1 / math.sqrt(g.shape(q)[-1])
    return joined_heads(g, g.attention(q, k, v, mask, scale=scale, causal=causal))


@rule("EmbedLayerNormalization", domain=MICROSOFT)
def embed_layer_norm(g: Graph, n: Node) -> Any:
    """Layer norm of the sum of word, position and segment embeddings."""
    words, segments, word_table, position_table, segment_table, scale, bias = n.inputs[:7]
    total = g.gather(word_table, words, axis=0)
    length, width = g.shape(words)[1], g.shape(position_table)[1]
    position = n.input(8)
    if position is None:
        rows = g.slice(position_table, starts=[0, 0], sizes=[length, width], steps=[1, 1])
    else:
        rows = g.gather(position_table, position, axis=0)
    total = g.add(total, rows)
    if segments is not None:
        total = g.add(total, g.gather(segment_table, segments, axis=0))
    y = g.layer_norm(total, scale, bias, axis=-1, epsilon=n.get("epsilon", 1e-12))
    return [y, None, total]
