/* The training loop of train.py in C: forward, backward and update are in step.so. */
#include <stdio.h>
#include <stdlib.h>
#include "step.h"

int main(void) {
  static float point[64][2], loss;
  static int64_t label[64];
  step_inputs inputs = {.point = point[0], .label = label};
  step_outputs outputs = {.output = &loss};
  /* The state is the caller's, in one block or tensor by tensor: parameters, moments, the learning
     rate. The library writes its first values, then updates it in place. */
  void *state = aligned_alloc(TYC_ALIGNMENT, step_state_bytes());
  void *workspace = aligned_alloc(TYC_ALIGNMENT, step_workspace_bytes());
  step_place_state(&inputs, state);
  tyc_status status = step_initialize(&inputs);
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
  free(state);
  return status != TYC_OK;
}
