/* Says what a file holds: magika, compiled by tyc. */
#include <stdio.h>
#include <stdlib.h>
#include "magika.h"

int main(int argc, char **argv) {
  static unsigned char text[2048];
  static int32_t bytes[2048];
  static float scores[214];
  FILE *file = fopen(argc > 1 ? argv[1] : "classify.c", "rb");
  if (file == NULL) return 1;
  size_t size = fread(text, 1, sizeof text, file);
  fclose(file);
  /* The first 1024 bytes, then the last 1024; 256 where there are none. */
  for (size_t i = 0; i < 1024; i++) {
    bytes[i] = i < size ? text[i] : 256;
    bytes[2047 - i] = i < size ? text[size - 1 - i] : 256;
  }

  void *workspace = aligned_alloc(64, magika_workspace_bytes());
  magika_inputs inputs = {.bytes = bytes};
  magika_outputs outputs = {.target_label = scores};
  /* NULL: run on the calling thread. */
  tyc_status status = magika_run(&inputs, &outputs, workspace, NULL);
  free(workspace);
  if (status != TYC_OK) {
    fprintf(stderr, "%s\n", magika_status_message(status));
    return 1;
  }
  int best = 0;
  for (int i = 1; i < 214; i++)
    if (scores[i] > scores[best]) best = i;
  printf("label %d with %.0f%%\n", best, 100 * scores[best]);
  return 0;
}
