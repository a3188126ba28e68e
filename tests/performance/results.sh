#!/usr/bin/env bash
# Measures all bars one after another and writes docs/results.md: results.sh PYTHON PEERS_PYTHON
set -euo pipefail
python=$1 peers=$2
here=$(cd "$(dirname "$0")" && pwd)
out=$here/../../docs/results models=$here/../../build/models
mkdir -p "$out"
run() { "$python" "$here/$1.py" "${@:2}"; }
run suite --python "$peers"
run kernels --groups matmul,resnet_1x1,resnet_3x3,product --json "$out/kernels.json"
run kernels --family= --groups resnet_3x3 --json "$out/chosen.json"
run matvec --threads 1,2 --output "$out/matvec.json"
run memory --mnn "$peers" --folder "$models" --output "$out/memory.json"
run cost_model "$models"/{resnet50,mobilenet_v2,bert_base_s128}.onnx --json "$out/cost_model.json"
run gradients --torch "$peers" --json "$out/gradients.json"
run training --python "$peers"
run eager --torch "$peers"
run leaks
run truth
run budget_step
run torch_budget --python "$peers"
run rematerialization --json "$out/rematerialization.json"
run bench
