"""Channels last: no transpose between convolutions, and outputs within rounding."""

from __future__ import annotations

from typing import Any
from unittest.mock import patch

import numpy as np
import pytest
from programs import check, names, program

from tyc.compiler.targets import host
from tyc.compiler.transforms import layout_costs, layout_graph
from tyc.compiler.transforms.canonicalize import canonicalize
from tyc.compiler.transforms.channels_last import channels_last
from tyc.compiler.transforms.fold_constants import fold_constants
from tyc.compiler.transforms.layout_rules import WINDOWS
from tyc.compiler.transforms.layouts import matching_groups
from tyc.dialects import building, ty
from tyc.dialects.types import tensor

RNG = np.random.default_rng(5)
W = RNG.uniform(-1, 1, (4, 4, 3, 3)).astype(np.float32)
SHAPE = (2, 4, 6, 8)
SAME = {"strides": [1, 1], "padding": [1, 1, 1, 1], "dilations": [1, 1]}
POOL = {"kernel": [2, 2], "strides": [2, 2], "padding": [0] * 4, "dilations": [1, 1]}


def conv(x: Any, w: Any) -> Any:
    return ty.conv(x, w, None, **SAME)


def much_better_last(op: Any, target: Any) -> tuple[float, float]:
    """Costs of windows by which each wants its channels last, as small as it is."""
    return (1e6, 0.0) if op.NAME in WINDOWS else (0.0, 0.0)


def transposes(body: Any, *inputs: Any, **parameters: np.ndarray) -> int:
    """The transposes that are left where windows want their channels last.

    Also compares outputs, and asserts that all windows are NXC.
    """
    with (
        program(body, *inputs, **parameters) as made,
        patch.object(layout_graph, "costs_of", much_better_last),
    ):
        found = check(
            made, channels_last, fold_constants, canonicalize, fold_constants, tolerance=1e-4
        )
        for operation in made.operations():
            if "layout" in operation.attributes:
                assert operation.attributes["layout"].value == "NXC"
        # Again changes nothing.
        text = str(made.module)
        check(made, channels_last, tolerance=1e-4)
        assert str(made.module) == text
        return found.count("transpose")


def between(middle: Any) -> Any:
    """A body with something between two convolutions; `w` and `v` are weights."""

    def body(x: Any, w: Any, v: Any, **others: Any) -> Any:
        return conv(middle(conv(x, w), **others), v)

    return body


C = RNG.uniform(0.5, 1, (4, 1, 1)).astype(np.float32)


def squeeze_and_excite(y: Any, c: Any) -> Any:
    mean = ty.reduce_mean(y, axes=[2, 3], keepdims=True)
    return ty.multiply(y, ty.sigmoid(ty.multiply(mean, c)))


def shuffle(y: Any, c: Any) -> Any:
    split = ty.reshape(y, shape=[2, 2, 2, 6, 8])
    return ty.reshape(ty.transpose(split, perm=[0, 2, 1, 3, 4]), shape=[2, 4, 6, 8])


def halves(y: Any, c: Any) -> Any:
    a, b = (ty.slice(y, starts=[0, s, 0, 0], sizes=[2, 2, 6, 8], steps=[1] * 4) for s in (0, 2))
    return ty.concat([ty.relu(a), ty.exp(b)], axis=1)


def token_mixing(y: Any, c: Any) -> Any:
    tokens = ty.transpose(ty.reshape(y, shape=[2, 4, 48]), perm=[0, 2, 1])
    tokens = ty.layer_norm(tokens, None, None)
    return ty.reshape(ty.transpose(tokens, perm=[0, 2, 1]), shape=[2, 4, 6, 8])


FREE = {
    "nothing": lambda y, c: y,
    "relu": lambda y, c: ty.relu(y),
    "residual": lambda y, c: ty.add(ty.relu(y), ty.exp(y)),
    "constant a channel": lambda y, c: ty.add(ty.multiply(y, c), ty.reshape(c, shape=[1, 4, 1, 1])),
    "prelu": lambda y, c: ty.prelu(y, c),
    "squeeze and excite": squeeze_and_excite,
    "concat": halves,
    "max pool": lambda y, c: ty.max_pool(y, **POOL),
    "average pool": lambda y, c: ty.average_pool(y, **POOL),
    "pad": lambda y, c: ty.pad(y, low=[0, 0, 1, 0], high=[0, 0, 2, 3], mode="reflect"),
    "tile": lambda y, c: ty.tile(y, repeats=[1, 1, 2, 1]),
    "reverse": lambda y, c: ty.reverse(y, axes=[1, 3]),
    "resize": lambda y, c: ty.resize(
        y, sizes=[2, 4, 12, 16], mode="linear", scales=[1.0, 1.0, 2.0, 2.0]
    ),
    "mean of channels": lambda y, c: ty.multiply(y, ty.reduce_mean(y, axes=[1], keepdims=True)),
    "softmax": lambda y, c: ty.softmax(y, axis=1),
    "cumulative sum": lambda y, c: ty.cumulative_sum(y, axis=-1),
    "gather": lambda y, c: ty.gather(y, ty.constant(value=np.array([3, 0, 1, 1])), axis=1),
    "group norm": lambda y, c: ty.group_norm(y, ty.reshape(c, shape=[4]), None, groups=2),
    "instance norm": lambda y, c: ty.instance_norm(y, None, ty.reshape(c, shape=[4])),
    "layer norm of channels": token_mixing,
    "batch norm": lambda y, c: ty.batch_norm(y, *[ty.reshape(c, shape=[4])] * 4),
    "transposes": lambda y, c: ty.transpose(ty.transpose(y, perm=[0, 2, 3, 1]), perm=[0, 3, 1, 2]),
    "broadcast": lambda y, c: ty.broadcast_to(
        ty.reduce_max(y, axes=[3], keepdims=True), shape=list(SHAPE)
    ),
    "squeeze": lambda y, c: ty.reshape(
        ty.reduce_mean(y, axes=[2], keepdims=False), shape=[2, 4, 1, 8]
    ),
    "argmax": lambda y, c: ty.add(
        y, ty.cast(ty.argmax(y, axis=1, keepdims=True), to="f32")
    ),
    "cast": lambda y, c: ty.cast(ty.cast(y, to="f64"), to="f32"),
    "where": lambda y, c: ty.where(ty.greater(y, c), y, ty.negative(y)),
}  # fmt: skip


@pytest.mark.parametrize("case", FREE)
def test_nothing_moves_between_convolutions(case: str) -> None:
    # One transpose of the input and one of the output.
    assert transposes(between(FREE[case]), SHAPE, w=W, v=W[::-1].copy(), c=C) == 2


def test_a_shuffle_of_channels_is_one_transpose() -> None:
    assert transposes(between(shuffle), SHAPE, w=W, v=W[::-1].copy(), c=C) == 3


def test_depth_to_space_is_one_transpose() -> None:
    def body(x: Any, w: Any, v: Any) -> Any:
        y = ty.depth_to_space(conv(x, w), block=2, mode="CRD")
        return ty.conv(y, v, None, **SAME)

    weight = RNG.uniform(-1, 1, (3, 1, 3, 3)).astype(np.float32)
    assert transposes(body, SHAPE, w=W, v=weight) == 3


@pytest.mark.parametrize("groups", [1, 4])
def test_classifier_needs_only_the_input_in_order(groups: int) -> None:
    def body(x: Any, w: Any, v: Any) -> Any:
        y = ty.conv(conv(x, v), w, None, **SAME, groups=groups)
        pooled = ty.reshape(ty.reduce_mean(y, axes=[2, 3], keepdims=True), shape=[2, 4])
        return ty.matmul(pooled, ty.constant(value=np.eye(4, dtype=np.float32)))

    weight = W[:, : 4 // groups].copy()
    assert transposes(body, SHAPE, w=weight, v=W) == 1


def test_patches_become_tokens_without_moving() -> None:
    def body(x: Any, w: Any) -> Any:
        patches = ty.conv(x, w, None, strides=[2, 2], padding=[0] * 4, dilations=[1, 1])
        return ty.transpose(ty.reshape(patches, shape=[1, 256, 4]), perm=[0, 2, 1])

    weight = RNG.uniform(-1, 1, (256, 32, 2, 2)).astype(np.float32)
    assert transposes(body, (1, 32, 4, 4), w=weight) == 1


def test_attention_over_pixels_reads_by_flags() -> None:
    def body(x: Any, w: Any, v: Any) -> Any:
        q, k = (ty.reshape(conv(conv(x, w), m), shape=[2, 4, 48]) for m in (w, v))
        return ty.matmul(q, k, transpose_a=True)

    assert transposes(body, SHAPE, w=W, v=W[::-1].copy()) == 1


def test_flattening_needs_the_natural_order() -> None:
    def body(x: Any, w: Any) -> Any:
        return ty.reshape(conv(conv(x, w), w), shape=[2, 192])

    assert transposes(body, SHAPE, w=W) == 2


def test_transposed_convolution_and_one_dimension() -> None:
    def body(x: Any, w: Any) -> Any:
        attributes = {"strides": [2], "padding": [1, 1], "dilations": [1]}
        y = ty.conv_transpose(x, w, None, **attributes, output_padding=[1])
        return ty.conv(ty.relu(y), w, None, **attributes)

    assert transposes(body, (2, 4, 9), w=W[:, :, 0].copy()) == 2


def test_training_step_follows() -> None:
    def body(x: Any, w: Any) -> Any:
        y = conv(x, w)
        values, indices = ty.max_pool_indices(y, **POOL)
        grad = ty.max_pool_gradient(indices, ty.square(values), shape=list(SHAPE))
        return ty.conv_weight_gradient(x, grad, kernel=[3, 3], **SAME)

    assert transposes(body, SHAPE, w=W) == 1


def test_indices_that_leave_keep_their_order() -> None:
    def body(x: Any, w: Any) -> Any:
        return ty.max_pool_indices(ty.conv(conv(x, w), w, None, **SAME), **POOL)

    weight = RNG.uniform(-1, 1, (64, 64, 3, 3)).astype(np.float32)
    with program(body, (1, 64, 14, 14), w=weight) as made:
        found = check(made, channels_last, tolerance=1e-4)
        assert found == ["transpose", "conv", "conv", "transpose", "max_pool_indices"]


def test_a_lone_small_convolution_keeps_its_order() -> None:
    def body(x: Any, w: Any) -> Any:
        return ty.relu(conv(x, w))

    with program(body, SHAPE, w=W) as made:
        assert check(made, channels_last, tolerance=1e-4) == ["conv", "relu"]


def test_exact_mode_keeps_the_order() -> None:
    with program(between(lambda y: y), SHAPE, w=W, v=W) as made:
        check(made, channels_last, exact=True)
        assert names(made) == ["conv", "conv"]


@pytest.mark.parametrize(
    ("source", "target", "groups"),
    [
        ([2, 3, 4], [6, 4], [([0, 1], [0]), ([2], [1])]),
        ([2, 1, 12], [2, 3, 1, 4], [([0], [0]), ([2], [1, 3])]),
        ([1, 1], [], []),
        ([4, 6], [6, 4], [([0, 1], [0, 1])]),
    ],
)
def test_groups_of_a_reshape(source: list[int], target: list[int], groups: list) -> None:
    assert matching_groups(source, target) == groups


def test_gradients_of_weights_want_what_their_convolution_wants() -> None:
    def body(x: Any, g: Any) -> Any:
        y = ty.conv_weight_gradient(x, g, kernel=[3, 3], **SAME)
        ncx, nxc = layout_costs.costs_of(building.view(y.owner), host())
        assert nxc < ncx
        return y

    with program(body, (2, 64, 14, 14), (2, 64, 14, 14)):
        pass


def test_a_relayout_costs_nothing_where_only_ones_move() -> None:
    image, vector = tensor((1, 64, 28, 28), "f32"), tensor((1, 64, 1, 1), "f32")
    orders = ((0, 1, 2, 3), (0, 2, 3, 1))
    assert layout_costs.relayout(image, orders[0], orders[0], host()) == 0
    moved, renamed = (layout_costs.relayout(t, *orders, host()) for t in (image, vector))
    assert renamed < moved / 100
    rows = layout_costs.relayout(image, orders[0], (0, 2, 1, 3), host())
    assert renamed < rows < moved
