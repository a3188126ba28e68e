/* The training loop of train.py in C: forward, backward and update are in step.so. */
#include <stdio.h>
#include <stdlib.h>
#include "step.h"

int main(void) {
  static float point[64][2], loss;
  static int64_t label[64], count;
  static float hidden[2][32], hidden_bias[2][16], out[2][32], out_bias[2][2];
  static double lr;
  /* The state is the caller's: the library writes its first values, then updates it in place. */
  step_inputs inputs = {
      .point = point[0], .label = label, .lr = &lr, .count = &count,
      .hidden_weight = hidden[0], .hidden_weight_momentum = hidden[1],
      .hidden_bias = hidden_bias[0], .hidden_bias_momentum = hidden_bias[1],
      .out_weight = out[0], .out_weight_momentum = out[1],
      .out_bias = out_bias[0], .out_bias_momentum = out_bias[1],
  };
  step_outputs outputs = {.output = &loss};
  tyc_status status = step_initialize(&inputs);
  void *workspace = aligned_alloc(64, step_workspace_bytes());
  uint32_t seed = 1;
  for (int i = 0; i < 300 && status == TYC_OK; i++) {
    for (int k = 0; k < 128; k++) {
      seed = 1664525 * seed + 1013904223;
      point[k / 2][k % 2] = (float)((seed >> 8) / 8388608.0 - 1);
    }
    for (int k = 0; k < 64; k++)
      label[k] = point[k][0] * point[k][0] + point[k][1] * point[k][1] < 0.5f;
    status = step_run(&inputs, &outputs, workspace, NULL);
    if (i % 100 == 99) printf("%d: %.6f\n", i + 1, loss);
  }
  if (status != TYC_OK) fprintf(stderr, "%s\n", step_status_message(status));
  free(workspace);
  return status != TYC_OK;
}
