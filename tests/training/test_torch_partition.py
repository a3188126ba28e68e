"""What the benchmark says of PyTorch's partitioner: bytes and FLOPs of a step that is known."""

from __future__ import annotations

import pytest

torch = pytest.importorskip("torch")

LAYERS, BATCH, WIDTH = 4, 64, 128


@pytest.fixture(scope="module")
def points() -> dict[float, dict[str, int]]:
    from torch_partition import sweep

    layers = [m for _ in range(LAYERS) for m in (torch.nn.Linear(WIDTH, WIDTH), torch.nn.Tanh())]
    x, target = torch.zeros(BATCH, WIDTH), torch.zeros(BATCH, dtype=torch.int64)
    found = sweep(torch.nn.Sequential(*layers), x, target, (1.0, 0.0))
    # Three products a layer, but for the gradient of the input, and nothing else that large.
    assert found["step_products"] == (3 * LAYERS - 1) * 2 * BATCH * WIDTH * WIDTH
    return {p["budget"]: p for p in found["points"]}


def test_without_a_budget_no_product_runs_again(points: dict[float, dict[str, int]]) -> None:
    tensor = BATCH * WIDTH * 4
    free = points[1.0]
    assert free["extra_products"] == 0 and free["saved"] == LAYERS * tensor
    # At the last product's gradient: what is saved, and the gradients before and after it.
    assert LAYERS * tensor <= free["peak"] <= (LAYERS + 2) * tensor


def test_at_budget_0_the_forward_pass_runs_again(points: dict[float, dict[str, int]]) -> None:
    least = points[0.0]
    assert least["saved"] == 0 and least["peak_forward"] <= 2 * BATCH * WIDTH * 4
    assert least["extra_products"] == LAYERS * 2 * BATCH * WIDTH * WIDTH
    assert least["extra_flops"] > least["extra_products"]
