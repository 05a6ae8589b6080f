#pragma once

// What matmul.cuh is compiled for: tiles, across, down, stages. Every one that selection.cpp names;
// with HUB_TUNE also those that tests/support/tune_cuda_kernels.cu compares them with, in bfloat16.
// clang-format off: it breaks one line more each time
#define HUB_MATMUL_CHOSEN(F)                                                          \
  F(2, 4, 2, 4)                                                                       \
  F(2, 4, 2, 3)                                                                       \
  F(2, 8, 1, 4) F(4, 2, 2, 4) F(4, 2, 4, 3) F(4, 8, 1, 4) F(4, 4, 1, 4) F(8, 2, 4, 3) \
      F(8, 1, 4, 4) F(8, 4, 2, 3) F(8, 8, 1, 2) F(16, 2, 4, 3) F(16, 2, 4, 2) F(16, 1, 8, 3)

#ifdef HUB_TUNE
#define HUB_MATMUL_VARIANTS(F)                                                                    \
  HUB_MATMUL_CHOSEN(F)                                                                            \
  F(2, 8, 1, 3)                                                                                   \
  F(2, 8, 1, 2)                                                                                   \
  F(2, 4, 1, 4) F(2, 4, 4, 3) F(2, 2, 4, 4) F(2, 4, 1, 6) F(2, 2, 2, 6) F(2, 8, 2, 3)             \
      F(2, 2, 2, 8) F(2, 4, 2, 6) F(4, 4, 2, 3) F(4, 4, 2, 4) F(4, 8, 1, 2) F(4, 8, 1, 3)         \
          F(4, 1, 4, 6) F(4, 2, 4, 4) F(4, 4, 4, 3) F(4, 2, 2, 6) F(8, 2, 2, 3) F(8, 2, 4, 2)     \
              F(8, 4, 2, 2) F(8, 4, 4, 2) F(8, 8, 1, 3) F(8, 4, 1, 3) F(8, 2, 4, 4) F(8, 1, 8, 4) \
                  F(8, 1, 8, 6) F(8, 4, 1, 4) F(16, 2, 2, 3) F(16, 1, 4, 4) F(16, 4, 2, 2)
#else
#define HUB_MATMUL_VARIANTS(F) HUB_MATMUL_CHOSEN(F)
#endif
// clang-format on
