# tensor 'w': ... external data ... gone.bin
from __future__ import annotations

import onnx


def test_weights_that_are_not_beside_the_model(fails, model, output, tmp_path):
    proto = onnx.load(model)
    onnx.save_model(proto, model, save_as_external_data=True, location="gone.bin", size_threshold=0)
    (tmp_path / "gone.bin").unlink()
    message = fails("compile", model, "-o", output)
    assert "'w'" in message and "gone.bin" in message
