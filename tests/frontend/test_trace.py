"""Traced functions compute what eager ones do; signatures, structures, names, locations."""

from __future__ import annotations

import copy
import pickle
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pytest

import tyc
from tyc import functional as F
from tyc import nn, optim
from tyc.dialects.locations import origin

X = np.linspace(-1, 1, 6).reshape(2, 3).astype(np.float32)


def test_a_function() -> None:
    @tyc.trace
    def f(x: Any, y: Any) -> Any:
        """Doc."""
        return (x - y) * 2

    np.testing.assert_array_equal(f(X, X + 1), (X - (X + 1)) * 2)
    assert f.__doc__ == "Doc." and f.__name__ == "f" and repr(f) == "<tyc trace of f>"


def test_a_function_runs_once_for_each_signature() -> None:
    runs = []

    @tyc.trace
    def f(x: Any, power: int = 2, how: str = "sum") -> Any:
        runs.append((x.shape, power, how))
        return getattr(x**power, how)()

    for _ in range(2):
        np.testing.assert_allclose(f(X), (X**2).sum(), 1e-6)
        np.testing.assert_allclose(f(X, 3, how="mean"), (X**3).mean(), 1e-6, 1e-6)
        f(X[:1])
        f(X.astype(np.float64))
    assert runs == [((2, 3), 2, "sum"), ((2, 3), 3, "mean"), ((1, 3), 2, "sum"), ((2, 3), 2, "sum")]


def test_true_and_one_are_two_signatures() -> None:
    f = tyc.trace(lambda x, flag: x + 1 if flag is True else x)
    np.testing.assert_array_equal(f(X, True), X + 1)
    np.testing.assert_array_equal(f(X, 1), X)


class Pair(NamedTuple):
    a: Any
    b: Any


def test_structures_of_inputs_and_outputs() -> None:
    @tyc.trace
    def f(batch: dict, *rest: Any, **more: Any) -> Any:
        a, (b, n) = batch["a"], batch["b"]
        total = a + b * n + rest[0] + more["c"]
        return {"total": total, "pair": Pair(a, [b, None]), "n": n}

    got = f({"a": X, "b": (X, 3)}, X, c=X)
    np.testing.assert_array_equal(got["total"], X + X * 3 + X + X)
    assert isinstance(got["pair"], Pair) and got["pair"].b[1] is None and got["n"] == 3
    program = f.program({"a": X, "b": (X, 3)}, X, c=X)
    assert [n for n, _ in program.inputs] == ["batch_a", "batch_b_0", "rest_0", "more_c"]
    assert [n for n, _ in program.outputs] == ["output_total", "output_pair_a", "output_pair_b_0"]


def test_a_method() -> None:
    class Scaler:
        def __init__(self, factor: float) -> None:
            self.factor = factor

        @tyc.trace
        def run(self, x: Any) -> Any:
            return x * self.factor

    two, three = Scaler(2), Scaler(3)
    np.testing.assert_array_equal(two.run(X), X * 2)
    np.testing.assert_array_equal(three.run(X), X * 3)
    assert two.run is two.run and isinstance(Scaler.run, tyc.Traced)


def test_a_module_by_names_of_its_parameters() -> None:
    net = nn.Sequential(nn.Linear(3, 4), nn.BatchNorm1d(4), nn.Linear(4, 1)).eval()
    traced = tyc.trace(net)
    np.testing.assert_allclose(traced(X), net(X), 1e-6)
    program = traced.program(X)
    assert set(program.parameters) == set(net.state_dict()) - {"1.num_batches_tracked"}
    assert list(program.parameters)[:3] == ["0.weight", "0.bias", "1.weight"]
    assert [n for n, _ in program.inputs] == ["x"]
    assert program.name == "Sequential"


class Classifier(nn.Module):
    def __init__(self) -> None:
        self.body = nn.Linear(3, 3)
        self.temperature = nn.Parameter([2.0])

    @tyc.trace
    def forward(self, x: Any) -> Any:
        return F.softmax(self.body(x) / self.temperature)


def test_a_traced_forward() -> None:
    net = Classifier()
    expected = F.softmax(net.body(tyc.tensor(X)) / 2.0)
    np.testing.assert_allclose(net(X), expected, 1e-6)
    assert set(net.forward.program(X).parameters) == {"body.weight", "body.bias", "temperature"}
    outer = tyc.trace(lambda x: net(x) + 1)
    np.testing.assert_allclose(outer(X), expected + 1, 1e-6)


def test_new_values_of_parameters_are_seen() -> None:
    net = nn.Linear(3, 2)
    runs = []

    @tyc.trace
    def f(x: Any) -> Any:
        runs.append(1)
        return net(x)

    f(X)
    net.weight.assign(net.weight.numpy() * 2)
    np.testing.assert_allclose(f(X), net(X), 1e-6)
    net.bias = nn.Parameter([5.0, 6.0])
    np.testing.assert_allclose(f(X), net(X), 1e-6)
    assert len(runs) == 1
    net.astype(tyc.float64)
    np.testing.assert_allclose(f(X.astype(np.float64)), net(X.astype(np.float64)), 1e-6)


def test_frozen_parameters_are_constants() -> None:
    net = nn.Linear(3, 2)
    frozen = tyc.trace(net, freeze=True)
    before = frozen(X)
    net.weight.assign(net.weight.numpy() * 2)
    np.testing.assert_array_equal(frozen(X), before)


def test_modules_are_copied_and_pickled() -> None:
    net = nn.Sequential(nn.Linear(3, 2), nn.BatchNorm1d(2))
    for twin in (copy.deepcopy(net), pickle.loads(pickle.dumps(net))):
        assert twin[0].weight is not net[0].weight
        np.testing.assert_array_equal(twin.eval()(X), net.eval()(X))


def test_training_mode_belongs_to_the_signature() -> None:
    class Net(nn.Module):
        def forward(self, x: Any) -> Any:
            return x + 1 if self.training else x

    net = Net()
    traced = tyc.trace(net)
    np.testing.assert_array_equal(traced(X), X + 1)
    net.eval()
    np.testing.assert_array_equal(traced(X), X)
    np.testing.assert_array_equal(tyc.trace(lambda x: net(x))(X), X)


def test_tensors_from_outside() -> None:
    large, small, free = (
        tyc.random.normal((3, 40)),
        tyc.tensor([1.0, 2.0, 3.0]),
        nn.Parameter([4.0]),
    )
    f = tyc.trace(lambda x: ((x * small * free + F.zeros(3)) @ large, x @ F.ones((3, 90))))
    for got, expected in zip(f(X), f.function(tyc.tensor(X))):
        np.testing.assert_allclose(got, expected, 1e-5, 1e-5)
    assert list(f.program(X).parameters) == ["p0", "p1"]
    assert "ty.constant" in f.ir(X)


def test_two_modules_of_one_name() -> None:
    a, b = nn.Linear(3, 3), nn.Linear(3, 3)
    f = tyc.trace(lambda x: b(a(x)))
    assert list(f.program(X).parameters) == ["weight", "bias", "linear1.weight", "linear1.bias"]
    np.testing.assert_allclose(f(X), b(a(X)), 1e-6)


def test_a_result_may_be_an_input_a_constant_or_a_parameter() -> None:
    weight = nn.Parameter([1.0])
    f = tyc.trace(lambda x: (x, x, tyc.tensor([1.0, 2.0]), weight))
    for got, expected in zip(f(X), (X, X, [1, 2], [1])):
        np.testing.assert_array_equal(got, expected)


def test_ops_remember_the_users_line() -> None:
    def f(x: Any) -> Any:
        y = F.layer_norm(x)
        return y.sum()

    line = f.__code__.co_firstlineno
    program = tyc.trace(f).program(X)
    found = {}
    for operation in program.operations():
        _, file, position = str(operation.location).split('"')
        assert file == __file__
        found[operation.name] = int(position.split(":")[1]) - line
    assert found["ty.layer_norm"] == 1
    assert found["ty.reduce_sum"] == 2


def test_ops_remember_their_layer() -> None:
    class Net(nn.Module):
        def __init__(self) -> None:
            self.layers = nn.Sequential(nn.Linear(3, 4), nn.Linear(4, 2))

        def forward(self, x: Any) -> Any:
            return F.relu(self.layers(x)) + 1

    net = Net()
    gm, opt = tyc.GradManager().attach(net.parameters()), optim.SGD(net.parameters(), lr=0.1)

    def step(x: Any) -> Any:
        with gm:
            loss = net(x).sum()
            gm.backward(loss)
        opt.step().clear_grad()
        return loss

    program = tyc.trace(step).program(X)
    found = {}
    for operation in program.operations():
        found.setdefault(operation.name, []).append(origin(operation.location))
    inside = Net.forward.__code__.co_firstlineno + 1
    file = Path(__file__).name
    first, second, *backward = found["ty.matmul"]
    assert (first, second) == (f"layers.0 ({file}:{inside})", f"layers.1 ({file}:{inside})")
    assert set(backward) == {first, second}
    update = step.__code__.co_firstlineno + 4
    assert f"layers.1.bias ({file}:{update})" in found["ty.subtract"]


def test_options_are_kept() -> None:
    @tyc.trace(exact=True)
    def f(x: Any) -> Any:
        return x + 1

    assert isinstance(f, tyc.Traced) and f.options == {"exact": True}
    np.testing.assert_array_equal(f(X), X + 1)


def test_loops_over_python_values_unroll() -> None:
    @tyc.trace
    def f(x: Any) -> Any:
        return [row * i for i, row in enumerate(x)]

    for i, row in enumerate(f(X)):
        np.testing.assert_array_equal(row, X[i] * i)


def test_compile_takes_a_program_or_a_function(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    written: list[tuple[Any, ...]] = []
    monkeypatch.setattr(tyc.tracing, "compile_program", lambda *a: written.append(a))
    net = nn.Linear(3, 2)
    tyc.compile(net, tmp_path / "a.so", X)
    tyc.compile(tyc.trace(net).program(X), tmp_path / "b.so", level=1)
    tyc.trace(net, exact=True).compile(tmp_path / "c.so", X)
    assert [set(p.parameters) for p, *_ in written] == [{"weight", "bias"}] * 3
    assert [o for *_, o in written] == [{}, {"level": 1}, {"exact": True}]
