"""Where concatenations change over: the parts of a dimension that have nothing to choose."""

from __future__ import annotations

import pytest
from mlir import ir

from tyc.compiler.schedules.affine import LANE, Affine, Facts
from tyc.compiler.schedules.producers import Alias, Choice, for_all_lanes, segments

MODULE = """
func.func @k(%a: tensor<4x{first}xf32>, %b: tensor<4x{second}xf32>) -> tensor<6x{both}xf32> {{
  %zero = arith.constant 0.0 : f32
  %0 = tensor.concat dim(1) %a, %b
      : (tensor<4x{first}xf32>, tensor<4x{second}xf32>) -> tensor<4x{both}xf32>
  %1 = tensor.empty() : tensor<4x{both}xf32>
  %2 = linalg.generic {{
      indexing_maps = [affine_map<(i, j) -> (i, j)>, affine_map<(i, j) -> (i, j)>],
      iterator_types = ["parallel", "parallel"]}}
      ins(%0 : tensor<4x{both}xf32>) outs(%1 : tensor<4x{both}xf32>) {{
    ^bb0(%x: f32, %y: f32):
      %n = arith.negf %x : f32
      linalg.yield %n : f32
  }} -> tensor<4x{both}xf32>
  %3 = tensor.pad %2 low[1, 0] high[1, 0] {{
    ^bb0(%i: index, %j: index):
      tensor.yield %zero : f32
  }} : tensor<4x{both}xf32> to tensor<6x{both}xf32>
  return %3 : tensor<6x{both}xf32>
}}"""


@pytest.mark.parametrize(
    "first, second, parts",
    [(8, 16, [(0, 8), (8, 24)]), (16, 3, [(0, 16), (16, 19)]), (5, 8, [(0, 13)])],
)
def test_segments_end_where_operands_do(first, second, parts):
    """Through padding and elementwise ops; not where a vector would be cut."""
    text = MODULE.format(first=first, second=second, both=first + second)
    with ir.Context(), ir.Location.unknown():
        module = ir.Module.parse(text)
        block = module.body.operations[0].regions[0].blocks[0]
        value = block.operations[len(block.operations) - 1].operands[0]
        assert segments(value, 1, 8) == parts
        assert segments(value, 0, 8) == [(0, 6)]


@pytest.mark.parametrize("divisor, size, same", [(8, 16, True), (4, 16, False), (8, 12, False)])
def test_lanes_of_a_vector_that_starts_at_a_multiple_agree(divisor, size, same):
    with ir.Context(), ir.Location.unknown():
        module = ir.Module.parse("func.func @f(%i: index, %t: tensor<16xf32>) { return }")
        index, tensor = module.body.operations[0].regions[0].blocks[0].arguments
        facts = Facts()
        facts.declare(index, 0, 64, divisor)
        x = Affine({index: 1, LANE: 1})
        choice = Choice(((x, size),), Alias(tensor, (x,)), Alias(tensor, (x,)))
        ((found, _),) = for_all_lanes(choice, 8, facts).conditions
        assert (LANE not in found.atoms()) == same
