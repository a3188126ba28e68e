"""Batches of NumPy arrays and of PyTorch's loader as tensors, without copies."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
import pytest

import tyc


class Pair(NamedTuple):
    image: Any
    label: Any


def test_structures() -> None:
    image = np.ones((2, 3), np.float32)
    batch = tyc.as_tensors({"a": Pair(image, [1, 2.5]), "b": ("name", None)})
    assert isinstance(batch["a"], Pair) and batch["a"].image.type == tyc.tensor(image).type
    assert batch["a"].image.numpy().base is not None
    assert np.shares_memory(batch["a"].image.numpy(), image)
    assert [t.dtype for t in batch["a"].label] == [tyc.int64, tyc.float32]
    assert batch["b"] == ("name", None)
    assert tyc.as_tensors(image.T).numpy().flags.c_contiguous
    with pytest.raises(tyc.UserError, match="a batch is made of arrays and numbers, got set"):
        tyc.as_tensors({1})


class Exported:
    """What has DLPack and nothing else."""

    def __init__(self, array: np.ndarray) -> None:
        self.array = array

    def __dlpack__(self, **options: Any) -> Any:
        return self.array.__dlpack__(**options)

    def __dlpack_device__(self) -> Any:
        return self.array.__dlpack_device__()


def test_dlpack() -> None:
    array = np.arange(6.0).reshape(2, 3)
    assert np.shares_memory(tyc.as_tensors(Exported(array)).numpy(), array)


def test_loader_of_torch() -> None:
    torch = pytest.importorskip("torch")
    data = torch.utils.data.TensorDataset(torch.arange(12.0).reshape(6, 2), torch.arange(6))
    loader = torch.utils.data.DataLoader(data, batch_size=4)
    total = tyc.trace(lambda x, y: x.sum() + y.sum().astype("f32"))
    sums = [total(*tyc.as_tensors(batch)).item() for batch in loader]
    assert sums == [28.0 + 6, 38.0 + 9]
    x = torch.ones(3)
    assert np.shares_memory(tyc.as_tensors(x).numpy(), x.numpy())


def test_arrays_of_others_are_arguments_and_operands() -> None:
    array = np.arange(6.0).reshape(2, 3)
    other = Exported(array)
    double = tyc.trace(lambda x: x * 2)
    np.testing.assert_array_equal(double(other), array * 2)
    np.testing.assert_array_equal(tyc.tensor(array) + other, array * 2)
    assert tyc.tensor(other).dtype == tyc.float64
    parameter = tyc.nn.Parameter(np.zeros((2, 3)))
    parameter.assign(other)
    np.testing.assert_array_equal(parameter, array)


class Kept(Exported):
    """An array that its owner does not give."""

    def __dlpack__(self, **options: Any) -> Any:
        raise BufferError("it requires a gradient")


def test_an_array_that_is_kept_back() -> None:
    with pytest.raises(tyc.UserError, match=r"a Kept of .*test_data.*: it requires a gradient"):
        tyc.as_tensors(Kept(np.zeros(3)))
