# --target: target must be one of ..., got 'z80'; try host
from __future__ import annotations

import pytest


@pytest.mark.parametrize("option", ["target", "cpu", "features"])
def test_a_machine_that_is_not_known(fails, model, output, option):
    message = fails("compile", model, "-o", output, f"--{option}", "z80")
    assert message.startswith(f"--{option}: {option} must be ")
    assert "got 'z80'" in message
