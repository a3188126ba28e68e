"""Layers against computations by hand."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import tyc
from tyc import functional as F
from tyc import nn, random

RNG = np.random.default_rng(11)
X = RNG.standard_normal((2, 4, 6, 6)).astype(np.float32)


def close(got: Any, expected: Any, tolerance: float = 1e-5) -> None:
    result = np.asarray(got)
    assert result.shape == np.shape(expected)
    np.testing.assert_allclose(result, expected, tolerance, tolerance)


def sigmoid(x: Any) -> Any:
    return 1 / (1 + np.exp(-x))


def test_layers_call_their_functions() -> None:
    pairs: list[tuple[nn.Module, Any]] = [
        (nn.MaxPool2d(3, 2, 1), F.max_pool2d(X, 3, 2, 1)),
        (nn.AvgPool2d(2, ceil_mode=True), F.avg_pool2d(X, 2, ceil_mode=True)),
        (nn.AdaptiveAvgPool2d((2, 3)), F.adaptive_avg_pool2d(X, (2, 3))),
        (nn.Flatten(), X.reshape(2, -1)),
        (nn.Flatten(0, 1), X.reshape(8, 6, 6)),
        (nn.PixelShuffle(2), F.pixel_shuffle(X, 2)),
        (nn.Upsample(scale=2.0, mode="bilinear"), F.interpolate(X, scale=2.0, mode="bilinear")),
        (nn.Upsample(3), F.interpolate(X, 3)),
        (nn.Identity(), X),
        (nn.LeakyReLU(0.2), F.leaky_relu(X, 0.2)),
        (nn.ELU(0.5), F.elu(X, 0.5)),
        (nn.CELU(0.5), F.celu(X, 0.5)),
        (nn.GELU("tanh"), F.gelu(X, "tanh")),
        (nn.HardTanh(-0.5, 0.5), np.clip(X, -0.5, 0.5)),
        (nn.Softmax(1), F.softmax(X, 1)),
        (nn.LogSoftmax(), F.log_softmax(X)),
        (nn.GLU(1), F.glu(X, 1)),
        (nn.PReLU(4, 0.5), np.where(X > 0, X, X / 2)),
        (nn.GroupNorm(2, 4), F.group_norm(X, 2)),
        (nn.InstanceNorm2d(4), F.instance_norm(X)),
        (nn.LayerNorm((6, 6)), F.layer_norm(X, axis=2)),
        (nn.RMSNorm(6), F.rms_norm(X)),
        (nn.LocalResponseNorm(3), F.local_response_norm(X, 3)),
        (nn.MaxPool1d(2), F.max_pool1d(X[0], 2)),
        (nn.AvgPool1d(2), F.avg_pool1d(X[0], 2)),
        (nn.MaxPool3d(2), F.max_pool3d(X[None], 2)),
        (nn.AvgPool3d(2), F.avg_pool3d(X[None], 2)),
        (nn.AdaptiveAvgPool1d(2), F.adaptive_avg_pool1d(X[0], 2)),
        (nn.AdaptiveMaxPool2d(2), F.adaptive_max_pool2d(X, 2)),
        (nn.PixelUnshuffle(2), F.pixel_unshuffle(X, 2)),
        (nn.InstanceNorm1d(6), F.instance_norm(X[0])),
        (nn.InstanceNorm3d(2), F.instance_norm(X[None])),
    ]
    for module, expected in pairs:
        name = type(module).__name__
        given = X[0] if name.endswith("1d") else X[None] if name.endswith("3d") else X
        close(module(given), np.asarray(expected))
        assert repr(module).startswith(type(module).__name__ + "(")


@pytest.mark.parametrize(
    ("module", "function"),
    [(nn.ReLU, F.relu), (nn.ReLU6, F.relu6), (nn.SELU, F.selu), (nn.SiLU, F.silu),
     (nn.Sigmoid, F.sigmoid), (nn.Tanh, F.tanh), (nn.HardSigmoid, F.hard_sigmoid),
     (nn.HardSwish, F.hard_swish), (nn.Softplus, F.softplus), (nn.Softsign, F.softsign),
     (nn.Mish, F.mish), (nn.LogSigmoid, F.log_sigmoid)],
)  # fmt: skip
def test_activations(module: Any, function: Any) -> None:
    np.testing.assert_array_equal(module()(X), function(X))


def test_linear_and_embedding() -> None:
    layer = nn.Linear(6, 3)
    w, b = layer.weight.numpy(), layer.bias
    assert b is not None
    close(layer(X), X @ w.T + b.numpy())
    assert nn.Linear(2, 3, bias=False).bias is None
    table = nn.Embedding(5, 2)
    close(table(np.array([[1, 4]])), table.weight.numpy()[[[1, 4]]])


def test_convolutions() -> None:
    layer = nn.Conv2d(4, 6, 3, 2, 1, groups=2)
    assert layer.weight.shape == (6, 2, 3, 3)
    close(layer(X), F.conv2d(X, layer.weight, layer.bias, 2, 1, 1, 2))
    row = nn.Conv1d(4, 2, 3, padding="same", bias=False)
    close(row(X[:, :, 0]), F.conv1d(X[:, :, 0], row.weight, padding="same"))
    cube = nn.Conv3d(4, 2, (1, 3, 3))
    close(cube(X[:, :, None])[:, :, 0], F.conv2d(X, cube.weight[:, :, 0], cube.bias))
    back = nn.ConvTranspose2d(4, 6, 3, 2, 1, 1, groups=2)
    assert back.weight.shape == (4, 3, 3, 3)
    close(back(X), F.conv_transpose2d(X, back.weight, back.bias, 2, 1, 1, 2))


def test_batch_norm_learns_statistics() -> None:
    layer = nn.BatchNorm2d(4)
    mean, var = X.mean((0, 2, 3)), X.var((0, 2, 3))
    wide = (slice(None), None, None)
    close(layer(X), (X - mean[wide]) / np.sqrt(var[wide] + 1e-5))
    close(layer.running_mean, 0.1 * mean)
    close(layer.running_var, 0.9 + 0.1 * var * 72 / 71)
    assert layer.num_batches_tracked.item() == 1
    layer.eval()
    running = layer.running_mean.numpy()[wide], layer.running_var.numpy()[wide]
    close(layer(X), (X - running[0]) / np.sqrt(running[1] + 1e-5))
    assert nn.BatchNorm1d(6)(X[0, 0]).shape == (6, 6)


def test_dropout() -> None:
    layer = nn.Dropout(0.25)
    dropped = layer(np.ones((100, 100), np.float32)).numpy()
    assert set(np.unique(dropped)) == {np.float32(0), np.float32(4 / 3)}
    assert abs((dropped == 0).mean() - 0.25) < 0.02
    np.testing.assert_array_equal(layer.eval()(X), X)


def test_weights_of_attention_are_dropped_in_training() -> None:
    random.seed(1)
    rng = np.random.default_rng(0)
    q = rng.standard_normal((2, 3, 4, 8), np.float32)
    bias = rng.standard_normal((4, 4), np.float32)
    whole = F.scaled_dot_product_attention(q, q, q, bias, causal=True)
    # So rare that nothing is dropped: the formula in its parts.
    parts = F.scaled_dot_product_attention(q, q, q, bias, causal=True, dropout=1e-12)
    np.testing.assert_allclose(parts, whole, rtol=1e-5, atol=1e-6)
    ones = np.ones((64, 64, 1), np.float32)
    kept = F.scaled_dot_product_attention(
        np.zeros_like(ones), np.zeros_like(ones), ones, dropout=0.5
    )
    assert 0.9 < float(kept.mean()) < 1.1 and float(kept.min()) < 0.8
    net = nn.MultiheadAttention(8, 2, dropout=0.5)
    x = rng.standard_normal((1, 5, 8), np.float32)
    assert not np.array_equal(net(x), net(x))
    net.eval()
    np.testing.assert_array_equal(net(x), net(x))


def test_multihead_attention() -> None:
    layer = nn.MultiheadAttention(8, 2)
    q, k = (RNG.standard_normal((2, n, 8)).astype(np.float32) for n in (3, 5))
    state = {n: t.numpy() for n, t in layer.state_dict().items()}
    wq, wk, wv = np.split(state["in_proj_weight"], 3)
    heads = []
    for h in range(2):
        part = slice(4 * h, 4 * h + 4)
        scores = q @ wq.T[:, part] @ (k @ wk.T[:, part]).swapaxes(1, 2) / 2
        powers = np.exp(scores)
        heads.append(powers / powers.sum(-1, keepdims=True) @ (k @ wv.T[:, part]))
    expected = np.concatenate(heads, -1) @ state["out_proj.weight"].T + state["out_proj.bias"]
    close(layer(q, k), expected)
    close(layer(q), layer(q, q, q))
    mask = np.tri(3, dtype=bool)
    close(layer(q, mask=mask), layer(q, causal=True))


@pytest.mark.parametrize("first", [False, True])
def test_transformer_layer(first: bool) -> None:
    layer = nn.TransformerEncoderLayer(8, 2, 16, activation="gelu", norm_first=first).eval()
    x = tyc.random.normal((2, 3, 8))

    def network(v: Any) -> Any:
        return layer.linear2(F.gelu(layer.linear1(v)))

    if first:
        y = x + layer.self_attn(layer.norm1(x))
        expected = y + network(layer.norm2(y))
    else:
        y = layer.norm1(x + layer.self_attn(x))
        expected = layer.norm2(y + network(y))
    close(layer(x), expected)
    assert np.any(layer.train()(x).numpy() != expected.numpy())


def _state(module: nn.Module, suffix: str) -> list[np.ndarray]:
    kinds = ("weight_ih", "weight_hh", "bias_ih", "bias_hh")
    return [module.state_dict()[f"{k}_{suffix}"].numpy() for k in kinds]


def _lstm(x: Any, module: nn.Module, suffix: str) -> Any:
    w, r, bw, br = _state(module, suffix)
    h = c = np.zeros((x.shape[1], r.shape[1]))
    rows = []
    for step in x:
        i, f, g, o = np.split(step @ w.T + bw + h @ r.T + br, 4, -1)
        c = sigmoid(f) * c + sigmoid(i) * np.tanh(g)
        h = sigmoid(o) * np.tanh(c)
        rows.append(h)
    return np.stack(rows), h, c


def _gru(x: Any, module: nn.Module, suffix: str) -> Any:
    w, u, bw, bu = _state(module, suffix)
    h = np.zeros((x.shape[1], u.shape[1]))
    rows = []
    for step in x:
        (r, z, n), (hr, hz, hn) = np.split(step @ w.T + bw, 3, -1), np.split(h @ u.T + bu, 3, -1)
        z = sigmoid(z + hz)
        h = (1 - z) * np.tanh(n + sigmoid(r + hr) * hn) + z * h
        rows.append(h)
    return np.stack(rows), h


def test_lstm() -> None:
    module, x = nn.LSTM(6, 3, 2, bidirectional=True), X[0]
    y, (h, c) = module(x)
    value, last = x, []
    for layer in range(2):
        ahead = _lstm(value, module, f"l{layer}")
        back = _lstm(value[::-1], module, f"l{layer}_reverse")
        value = np.concatenate([ahead[0], back[0][::-1]], -1)
        last += [ahead, back]
    close(y, value)
    close(h, np.stack([s[1] for s in last]))
    close(c, np.stack([s[2] for s in last]))


def test_gru() -> None:
    module, x = nn.GRU(6, 3, batch_first=True), X[0]
    y, h = module(x)
    expected = _gru(x.swapaxes(0, 1), module, "l0")
    close(y, expected[0].swapaxes(0, 1))
    close(h, expected[1][None])


def test_recurrent_layers_take_states() -> None:
    module, x = nn.LSTM(6, 3), X[0]
    whole, end = module(x)
    first, state = module(x[:2])
    second, same_end = module(x[2:], state)
    close(F.concat([first, second]), whole)
    close(same_end[1], end[1])
    assert nn.LSTM(6, 3, bias=False)(x)[0].shape == (4, 6, 3)


def test_local_convolution() -> None:
    layer = nn.LocalConv2d(4, 6, 6, 3, 2, 1, groups=2)
    weight = layer.weight.numpy()
    padded = np.pad(X, ((0, 0), (0, 0), (1, 1), (1, 1)))
    expected = np.zeros((2, 6, 3, 3), np.float32)
    for g, h, w in np.ndindex(2, 3, 3):
        part = padded[:, 2 * g : 2 * g + 2, 2 * h : 2 * h + 3, 2 * w : 2 * w + 3]
        expected[:, 3 * g : 3 * g + 3, h, w] = np.einsum("nikl,iklo->no", part, weight[g, h, w])
    close(layer(X), expected)
    with pytest.raises(tyc.UserError, match=r"a result of \[3, 3\], got .* which gives \[4, 4\]"):
        layer(np.ones((2, 4, 8, 8), np.float32))
    with pytest.raises(tyc.UserError, match="groups must divide 3 and 6, got 2"):
        nn.LocalConv2d(3, 6, 6, 3, groups=2)


def test_blocks_of_megengine() -> None:
    block = nn.ConvBnRelu2d(4, 3, 3, padding=1, momentum=0.2).eval()
    assert [n for n, _ in block.named_parameters()][:2] == ["conv.weight", "conv.bias"]
    close(block(X), np.asarray(F.relu(block.bn(block.conv(X)))))
    conv = nn.ConvRelu2d(4, 3, 1)
    close(conv(X), np.asarray(F.relu(F.conv2d(X, conv.weight, conv.bias))))
    close(nn.Concat(1)([X, X]), np.concatenate([X, X], 1))
    up = nn.ConvTranspose1d(4, 2, 2, 2)
    assert up(X[:, :, 0]).shape == (2, 2, 12)


def test_loss_modules_call_their_functions() -> None:
    a, b = RNG.uniform(0.1, 0.9, (2, 4, 3))
    classes = np.array([0, 2, 1, 1])
    for module, expected in [
        (nn.MSELoss(), F.mse_loss(a, b)),
        (nn.L1Loss(reduction="sum"), F.l1_loss(a, b, reduction="sum")),
        (nn.HuberLoss(delta=0.1), F.huber_loss(a, b, 0.1)),
        (nn.SmoothL1Loss(), F.smooth_l1_loss(a, b)),
        (nn.BCELoss(), F.binary_cross_entropy(a, b)),
        (nn.BCEWithLogitsLoss(), F.binary_cross_entropy_with_logits(a, b)),
        (nn.KLDivLoss(), F.kl_div(a, b)),
        (nn.HingeLoss(), F.hinge_loss(a, b)),
    ]:
        close(module(a, b), np.asarray(expected))
    smooth = nn.CrossEntropyLoss(label_smoothing=0.1)
    close(smooth(a, classes), np.asarray(F.cross_entropy(a, classes, label_smoothing=0.1)))
    close(nn.NLLLoss()(a, classes), np.asarray(F.nll_loss(a, classes)))
    close(nn.TripletMarginLoss()(a, b, -a), np.asarray(F.triplet_margin_loss(a, b, -a)))
    signs = np.array([1.0, -1.0, 1.0, -1.0])
    close(nn.CosineEmbeddingLoss()(a, b, signs), np.asarray(F.cosine_embedding_loss(a, b, signs)))
    assert repr(smooth) == "CrossEntropyLoss(label_smoothing=0.1)"
    with pytest.raises(tyc.UserError, match="beta must be 0 or more, got -1"):
        F.smooth_l1_loss(a, b, -1)
