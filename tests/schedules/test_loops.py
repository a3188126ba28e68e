"""Loop kernels compute what the interpreter does: every kind of stage, at sizes around a vector."""

from __future__ import annotations

import numpy as np
import pytest
from loop_kernels import check, lowered, outputs, space
from programs import program

from tyc.compiler.options import Options
from tyc.compiler.schedules import loops
from tyc.compiler.schedules.choice import InvalidParameters
from tyc.compiler.targets import host
from tyc.dialects import ty

SIZES = [1, 7, 8, 9, 17, 33]


@pytest.mark.parametrize("size", SIZES)
def test_elementwise_tails(size: int) -> None:
    check(lambda x, y: ty.multiply(ty.sigmoid(x), y), (3, size), (size,))


@pytest.mark.parametrize("size", SIZES)
def test_rows(size: int) -> None:
    check(lambda x: ty.softmax(x, axis=-1), (5, size))


@pytest.mark.parametrize("size", SIZES)
def test_sums_over_contiguous_data(size: int) -> None:
    check(lambda x: ty.reduce_mean(x, axes=[1], keepdims=False), (4, size))


@pytest.mark.parametrize("size", SIZES)
def test_sums_over_rows(size: int) -> None:
    check(lambda x: ty.reduce_sum(x, axes=[0], keepdims=True), (4, size))


@pytest.mark.parametrize("shape", [(1, 64, 56, 56), (3, 9999), (1, 100001)])
def test_flat_loops_are_cut_into_chunks(shape: tuple[int, ...]) -> None:
    scheduled = check(lambda x: ty.relu(x), shape)
    assert scheduled.count > 1
    assert scheduled.in_place == [(0, 0)]


@pytest.mark.parametrize("axis", [0, 1, 2, 3])
def test_softmax_along_any_axis(axis: int) -> None:
    check(lambda x: ty.softmax(x, axis=axis), (2, 5, 3, 9))


def test_layer_norm() -> None:
    scheduled = check(lambda x, a, b: ty.layer_norm(x, a, b), (7, 100), (100,), (100,))
    assert scheduled.count == 7


def test_channel_normalizations() -> None:
    x, c = (2, 8, 5, 7), (8,)
    check(lambda x, *r: ty.batch_norm(x, *r), x, c, c, c, np.full(c, 0.5, np.float32))
    check(lambda x, a, b: ty.instance_norm(x, a, b), x, c, c, tolerance=1e-4)
    check(lambda x, a, b: ty.group_norm(x, a, b, groups=2), x, c, c, tolerance=1e-4)


def test_several_results_share_items() -> None:
    def body(x, y):
        total = ty.add(x, y)
        return total, ty.layer_norm(total), ty.reduce_max(total, axes=[1], keepdims=True)

    check(body, (5, 33), (5, 33), tolerance=1e-4)


def adam(x, g, m, v, rate):
    mean = ty.add(ty.multiply(m, ty.constant(value=np.float32(0.9))), g)
    square = ty.add(v, ty.square(g))
    step = ty.divide(mean, ty.sqrt(square))
    return mean, square, ty.subtract(x, ty.multiply(rate, step))


@pytest.mark.parametrize("shape", [(3, 5, 3, 3), (40, 257), (9,)])
def test_results_that_read_each_other_are_one_loop_in_place(shape: tuple[int, ...]) -> None:
    square = np.full(shape, 0.5, np.float32)
    scheduled = check(adam, shape, shape, shape, square, ())
    # Whichever of the four tensors a result takes, elements are read before any is written.
    assert set(scheduled.in_place) == {(i, o) for i in range(4) for o in range(3)}


def test_a_result_that_is_read_from_elsewhere_is_stored_before() -> None:
    def body(x, y):
        total = ty.add(x, y)
        return total, ty.multiply(y, ty.reverse(total, axes=[1]))

    assert check(body, (6, 33), (6, 33)).in_place == [(0, 1), (1, 1)]


def test_results_of_different_shapes() -> None:
    check(lambda x, y: (ty.exp(x), ty.reduce_sum(y, axes=[0, 1], keepdims=False)), (3, 9), (4, 5))


def test_expensive_values_are_computed_once() -> None:
    def body(x):
        e = ty.exp(x)
        return ty.divide(e, ty.reduce_sum(e, axes=[1], keepdims=True))

    assert check(body, (6, 50)).stack_bytes > 0


@pytest.mark.parametrize("last", [False, True])
def test_positions(last: bool) -> None:
    check(lambda x: ty.argmax(x, axis=1, last=last), (3, 100))
    check(lambda x: ty.argmin(x, axis=0, last=last), (10, 35))


@pytest.mark.parametrize("last", [False, True])
def test_positions_along_contiguous_data_run_on_vectors(last: bool) -> None:
    values = np.tile(np.float32([1, 5, 5, 2]), (3, 30))
    values[1, 17] = np.nan
    values[2] = -np.inf
    check(lambda x: ty.argmax(x, axis=1, last=last), values)
    check(lambda x: ty.argmin(x, axis=1, last=last), values)
    with program(lambda x: ty.argmax(x, axis=1, last=last), (3, 120)) as made:
        scheduled = loops.schedule(lowered(made), host(), Options())
        assert "vector<8xi32>" in str(scheduled.module) or host().vector_bytes != 32


def test_element_types_mix() -> None:
    check(lambda x: ty.cast(x, to="i64"), (5, 33))
    check(lambda x, y: ty.less(x, y), (5, 33), (5, 33))
    check(lambda c, x, y: ty.where(c, x, y), ((5, 33), "i1"), (5, 33), (33,))
    check(lambda x: ty.reduce_any(x, axes=[1]), ((5, 33), "i1"))
    check(lambda x, y: ty.add(ty.cast(x, to="f32"), y), ((5, 33), "i8"), (5, 33))
    check(lambda x: ty.gelu(x), ((5, 33), "f16"), tolerance=4e-3)
    check(lambda x: ty.reduce_sum(x, axes=[1]), ((5, 33), "f64"))


def test_scalars_and_empty_tensors() -> None:
    check(lambda x: ty.exp(x), ())
    check(lambda x: ty.reduce_sum(x, axes=[0, 1], keepdims=False), (5, 33))
    check(lambda x: ty.reduce_max(x, axes=[1]), (3, 0))
    check(lambda x: ty.relu(x), (3, 0))


@pytest.mark.parametrize(
    ("shape", "perm"),
    [
        ((33, 57), [1, 0]),
        ((40, 48), [1, 0]),
        ((1, 9, 11, 64), [0, 3, 1, 2]),
        ((2, 19, 8, 8), [0, 2, 3, 1]),
        ((1, 3, 20, 20), [0, 2, 3, 1]),
        ((2, 5, 3, 16), [0, 2, 1, 3]),
        ((200, 300), [1, 0]),
        ((2, 4, 9, 9), [0, 2, 3, 1]),
        ((2, 2, 33, 5), [0, 2, 3, 1]),
        ((1, 20, 20, 3), [0, 3, 1, 2]),
    ],
)
def test_transposes(shape: tuple[int, ...], perm: list[int]) -> None:
    check(lambda x: ty.relu(ty.transpose(x, perm=perm)), shape)


def test_movements() -> None:
    x = (5, 33)
    check(lambda x: ty.slice(x, starts=[1, 2], sizes=[3, 9], steps=[1, 1]), x)
    check(lambda x: ty.slice(x, starts=[4, 30], sizes=[3, 9], steps=[-1, -3]), x)
    check(lambda x: ty.slice(x, starts=[0, 1], sizes=[5, 16], steps=[1, 2]), x)
    check(lambda x: ty.reverse(x, axes=[1]), x)
    check(lambda x: ty.tile(x, repeats=[2, 3]), x)
    check(lambda x: ty.depth_to_space(x, block=2, mode="CRD"), (1, 12, 5, 7))
    check(lambda x: ty.depth_to_space(x, block=2, mode="CRD"), (1, 8, 9, 33))


def test_padding_splits_into_boxes() -> None:
    check(lambda x: ty.pad(x, low=[1, 2], high=[0, 3], value=1.5), (5, 33))
    check(lambda x: ty.relu(ty.pad(x, low=[0, 1, 2, 0], high=[0, 1, 3, 0])), (2, 5, 7, 12))
    check(lambda x: ty.pad(x, low=[1, 2], high=[0, 3], mode="reflect"), (5, 33))


@pytest.mark.parametrize("axis", [0, 1])
def test_concatenation(axis: int) -> None:
    other = (5, 9) if axis else (2, 33)
    check(lambda x, y: ty.relu(ty.concat([x, y, x], axis=axis)), (5, 33), other)


def test_gathers() -> None:
    rows, places = (50, 33), np.array([3, -1, 0, 49, 7])
    check(lambda x, i: ty.gather(x, i, axis=0), rows, places)
    check(lambda x, i: ty.gather(x, i, axis=1), (5, 50), places)
    check(lambda i: ty.one_hot(i, depth=9, axis=-1, to="f32"), np.array([3, 0, 8]))


@pytest.mark.parametrize("mode", ["nearest", "linear", "cubic"])
def test_resize(mode: str) -> None:
    to = {"sizes": [1, 3, 14, 18], "scales": [1.0, 1.0, 2.0, 2.0], "mode": mode}
    check(lambda x: ty.resize(x, **to), (1, 3, 7, 9), tolerance=1e-4)


def test_nan_is_the_maximum() -> None:
    x = np.zeros((1, 8, 8, 9), np.float32)
    x[0, 3, 4, ::2] = np.nan
    x[0, 0, 0, :] = -np.inf
    check(lambda x: ty.reduce_max(x, axes=[3]), x)
    check(lambda x: ty.reduce_min(x, axes=[0]), x)
    check(lambda x: ty.relu(x), x)


def test_exact_sums_have_the_same_bits_in_any_kernel() -> None:
    x = np.random.default_rng(2).standard_normal((6, 5, 37)).astype(np.float32)

    def alone(x):
        return ty.reduce_sum(x, axes=[1, 2], keepdims=True)

    def fused(x):
        turned = ty.transpose(ty.transpose(x, perm=[1, 2, 0]), perm=[2, 0, 1])
        total = ty.reduce_sum(turned, axes=[1, 2], keepdims=True)
        return ty.add(ty.multiply(total, ty.absolute(x)), x)

    total = outputs(alone, x)[0]
    assert outputs(fused, x)[0].tobytes() == (total * np.abs(x) + x).tobytes()


def test_constants_with_several_values_are_tables() -> None:
    line = np.arange(9, dtype=np.float32)
    x = (5, 9)
    check(lambda x: ty.add(x, ty.constant(value=line)), x)
    check(lambda x: ty.where(ty.constant(value=line > 4), x, ty.constant(value=line)), x)
    check(lambda x: ty.gather(x, ty.constant(value=np.array([3, 1, 4])), axis=1), x)


TURNED = {
    "sums": (lambda x: ty.softmax(x, axis=-1), (5, 300)),
    "vectors": (lambda x: ty.sigmoid(x), (3, 5000)),
}


@pytest.mark.parametrize("knob", list(TURNED))
def test_the_space_begins_with_the_default_and_holds_one_knob(knob: str) -> None:
    build, shape = TURNED[knob]
    found = space(build, shape, limit=100)
    assert found[0] == {} and len({str(p) for p in found}) == len(found)
    assert set().union(*found) == {knob, "pieces"}
    assert space(build, shape, limit=5) == found[:5]


@pytest.mark.parametrize("knob", list(TURNED))
@pytest.mark.parametrize("count", [1, 3, 12])
@pytest.mark.parametrize("pieces", [0.25, 16.0])
def test_choices_compute_the_same(knob: str, count: int, pieces: float) -> None:
    build, shape = TURNED[knob]
    chosen = {knob: count, "pieces": pieces}
    check(build, shape, parameters=chosen)
    x = np.linspace(-1, 1, int(np.prod(shape)), dtype=np.float32).reshape(shape)
    (default,), (tuned,) = outputs(build, x), outputs(build, x, parameters=chosen)
    assert default.tobytes() == tuned.tobytes()


@pytest.mark.parametrize("wrong", [{"sums": -1}, {"sums": "4"}, {"pieces": 0}, {"height": 4}])
def test_what_is_no_choice_is_refused(wrong: dict[str, object]) -> None:
    with pytest.raises(InvalidParameters):
        check(lambda x: ty.relu(x), (4, 8), parameters=wrong)
