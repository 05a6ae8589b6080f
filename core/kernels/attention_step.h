#pragma once

#include <vector>

#include "core/kernels/cached_attention.h"
#include "core/kernels/cpu_ops.h"
#include "core/kernels/row_format.h"
#include "core/kernels/row_window.h"

namespace hub::kernels {

// cached_attention in plain pointers: the CPU computation of one step of one layer.
struct AttentionStep {
  struct Sequence {
    // [Kv, capacity] rows of `format`, those of floats [Kv, capacity, D]; [position, position +
    // rows) are written.
    void* keys = nullptr;
    void* values = nullptr;
    int capacity = 0;
    int rows = 0;
    int position = 0;
    int first_row = 0;  // of q, k, v and out
    RowFormat format{};
    RowWindow window{};
  };

  AttentionShape shape;
  const float* q;         // [T, H * D]
  const float* k;         // [T, Kv * D]
  const float* v;         // [T, Kv * D]
  const float* inv_freq;  // [rotated / 2]
  int rotated;            // elements of a head
  const float* sinks;     // [H]; null: none
  float* out;             // [T, H * D]
  std::vector<Sequence> sequences;
};

// Rotates, writes the new rows into the caches, attends to what the caches then hold: of a cache in
// few bits to what was rounded, for the new rows, too. On the shared thread pool.
void run_attention_step(const CpuOps& ops, const AttentionStep& step);

}  // namespace hub::kernels
