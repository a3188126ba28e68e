"""`nn.Module`: names, state, files, training mode."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

import tyc
from tyc import functional as F
from tyc import nn


class Block(nn.Module):
    def __init__(self) -> None:
        self.fc = nn.Linear(3, 3, bias=False)
        self.scale = nn.Parameter([2.0])
        self.register_buffer("offset", np.float32([1.0]))

    def forward(self, x: Any) -> Any:
        return self.fc(x) * self.scale + self.offset


class Net(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.blocks = nn.ModuleList([Block(), Block()])
        self.head = nn.Sequential(nn.Linear(3, 2), nn.ReLU())
        self.rate = 0.5

    def forward(self, x: Any) -> Any:
        for block in self.blocks:
            x = block(x)
        return self.head(x) * self.rate


NAMES = ["blocks.0.scale", "blocks.0.fc.weight", "blocks.1.scale", "blocks.1.fc.weight",
         "head.0.weight", "head.0.bias"]  # fmt: skip


def test_names() -> None:
    net = Net()
    assert [n for n, _ in net.named_parameters()] == NAMES
    assert [n for n, _ in net.named_buffers()] == ["blocks.0.offset", "blocks.1.offset"]
    assert [n for n, _ in net.named_modules()][:4] == ["", "blocks", "blocks.0", "blocks.0.fc"]
    assert len(list(net.children())) == 2
    assert next(iter(net.parameters())) is net.blocks[0].scale
    assert sorted(net.state_dict()) == sorted([*NAMES, "blocks.0.offset", "blocks.1.offset"])


def test_a_shared_parameter_counts_once() -> None:
    net = Net()
    net.blocks[1].fc.weight = net.blocks[0].fc.weight
    assert len(list(net.parameters())) == 5
    assert "blocks.1.fc.weight" in net.state_dict()


def test_attributes_move_between_kinds() -> None:
    module = nn.Module()
    module.part = 3
    module.part = nn.Parameter([1.0])
    assert list(module.state_dict()) == ["part"]
    module.part = nn.ReLU()
    assert list(module.state_dict()) == []
    module.part = None
    assert module.part is None
    del module.part
    with pytest.raises(AttributeError, match="Module has no attribute 'part'"):
        module.part  # noqa: B018


def test_training_mode() -> None:
    net = Net().eval()
    assert not any(m.training for m in net.modules())
    assert all(m.training for m in net.train().modules())


def test_apply_and_init() -> None:
    def reset(module: nn.Module) -> None:
        if isinstance(module, nn.Linear):
            nn.init.ones_(module.weight)

    net = Net().apply(reset)
    assert float(F.min(net.head[0].weight)) == 1


def test_astype() -> None:
    net = Net().astype(tyc.float64)
    assert {t.dtype for t in net.state_dict().values()} == {tyc.float64}
    assert net(np.ones((1, 3))).dtype == tyc.float64


def test_state_goes_through_safetensors(tmp_path: Path) -> None:
    a, b = Net(), Net()
    x = tyc.random.normal((4, 3))
    assert np.any(a(x).numpy() != b(x).numpy())
    a.save(tmp_path / "net.safetensors")
    b.load(tmp_path / "net.safetensors")
    np.testing.assert_array_equal(a(x), b(x))


def test_all_element_types_go_through_safetensors(tmp_path: Path) -> None:
    def made() -> nn.Module:
        module = nn.Module()
        for name in ("f16", "bf16", "f64", "i8", "i64", "u8", "i1"):
            module.register_buffer(name, tyc.tensor([[0, 1], [1, 1]], name))
        module.register_buffer("scalar", np.int64(3))
        return module

    a, b = made(), made()
    a.scalar = np.int64(7)
    a.save(tmp_path / "all.safetensors")
    b.load(tmp_path / "all.safetensors")
    for name, value in a.state_dict().items():
        assert b.state_dict()[name].type == value.type
        np.testing.assert_array_equal(b.state_dict()[name].tolist(), value.tolist())


def test_load_state_dict_wants_all_names() -> None:
    state = Net().state_dict()
    state["extra"] = state.pop("head.0.bias")
    with pytest.raises(tyc.UserError) as raised:
        Net().load_state_dict(state)
    assert "missing: head.0.bias, unknown: extra; or pass strict=False" in str(raised.value)
    Net().load_state_dict(state, strict=False)


def test_load_state_dict_wants_the_shapes() -> None:
    state: dict[str, Any] = dict(nn.Linear(2, 3).state_dict())
    state["bias"] = np.zeros(2)
    with pytest.raises(tyc.UserError, match=r"bias must have shape \(3,\), got \(2,\)"):
        nn.Linear(2, 3).load_state_dict(state)


def test_load_wants_a_file(tmp_path: Path) -> None:
    with pytest.raises(tyc.UserError, match="the state must be in a file, got"):
        Net().load(tmp_path / "none.safetensors")


def test_repr() -> None:
    assert repr(nn.Sequential(nn.Linear(2, 3), nn.Sequential(nn.ReLU()))) == (
        "Sequential(\n  (0): Linear(2, 3, bias=True)\n  (1): Sequential(\n    (0): ReLU()\n  )\n)"
    )


def test_seed_repeats() -> None:
    tyc.random.seed(4)
    a, x = nn.Conv2d(2, 3, 3), tyc.random.uniform((2,), 1, 2)
    tyc.random.seed(4)
    b, y = nn.Conv2d(2, 3, 3), tyc.random.uniform((2,), 1, 2)
    np.testing.assert_array_equal(a.weight, b.weight)
    np.testing.assert_array_equal(x, y)
    assert np.all(x.numpy() >= 1) and np.all(x.numpy() < 2)
    assert sorted(tyc.random.permutation(5).tolist()) == [0, 1, 2, 3, 4]
    assert tyc.random.integers(3, (100,)).numpy().max() == 2


@pytest.mark.parametrize(
    ("f", "std"),
    [
        (nn.init.kaiming_normal_, (2 / 400) ** 0.5),
        (nn.init.kaiming_uniform_, (2 / 400) ** 0.5),
        (nn.init.xavier_normal_, (2 / 500) ** 0.5),
        (nn.init.xavier_uniform_, (2 / 500) ** 0.5),
        (nn.init.normal_, 1.0),
        (nn.init.uniform_, (1 / 12) ** 0.5),
    ],
)
def test_initial_values_have_their_spread(f: Any, std: float) -> None:
    weight = nn.Parameter(F.zeros((100, 400)))
    f(weight)
    assert abs(np.std(weight.numpy()) / std - 1) < 0.02


def test_initial_values_by_fan_and_activation() -> None:
    weight = nn.Parameter(F.zeros((100, 400)))
    nn.init.msra_normal_(weight, mode="fan_out", activation="relu")
    assert abs(np.std(weight.numpy()) / (2 / 100) ** 0.5 - 1) < 0.02
    nn.init.kaiming_uniform_(weight, slope=1.0)
    assert abs(np.abs(weight.numpy()).max() / (3 / 400) ** 0.5 - 1) < 0.01
    assert nn.init.fans(nn.Parameter(F.zeros((8, 4, 3, 3)))) == (36, 72)
    assert [nn.init.gain(n) for n in ("linear", "tanh", "selu")] == [1, 5 / 3, 3 / 4]
    with pytest.raises(tyc.UserError, match=r"activation must be one of linear, .* got 'cos'"):
        nn.init.gain("cos")
    with pytest.raises(tyc.UserError, match="mode must be fan_in or fan_out, got 'fan'"):
        nn.init.kaiming_normal_(weight, mode="fan")


def test_truncated_normal() -> None:
    weight = nn.Parameter(F.zeros((100, 400)))
    nn.init.truncated_normal_(weight, 0.5, 2.0, -1.0, 3.0)
    values = weight.numpy()
    assert values.min() >= -1 and values.max() <= 3 and values.std() < 1.2
    with pytest.raises(tyc.UserError, match="must hold 1 % of the distribution or more"):
        nn.init.truncated_normal_(weight, 0.0, 1.0, 5.0, 6.0)


@pytest.mark.parametrize("shape", [(30, 12), (12, 5, 3, 3)])
def test_orthogonal(shape: Any) -> None:
    weight = nn.Parameter(F.zeros(shape, "f64"))
    nn.init.orthogonal_(weight, 2.0)
    matrix = weight.numpy().reshape(shape[0], -1)
    small = matrix @ matrix.T if matrix.shape[0] < matrix.shape[1] else matrix.T @ matrix
    np.testing.assert_allclose(small, 4 * np.eye(len(small)), atol=1e-12)


def test_containers() -> None:
    layers = nn.ModuleDict({"a": nn.Identity(), "b": nn.ReLU()})
    assert list(layers) == ["a", "b"] and len(layers) == 2
    assert layers["a"](3) == 3
    chain = nn.Sequential(*(nn.ReLU() for _ in range(3)))
    assert len(chain) == 3 and isinstance(chain[-1], nn.ReLU)
