#pragma once

#include "core/kernels/cached_attention.h"
#include "core/kernels/cpu_ops.h"

namespace hub::kernels {

// One sequence of causal_attention's gradient in plain pointers.
struct CausalGradient {
  AttentionShape shape;
  int length = 0;
  const float* q = nullptr;             // [length, H * D]
  const float* k = nullptr;             // [length, Kv * D]
  const float* v = nullptr;             // [length, Kv * D]
  const float* inv_freq = nullptr;      // [rotated / 2]
  int rotated = 0;                      // elements of a head
  const float* sinks = nullptr;         // [H]; null: none
  const float* out_gradient = nullptr;  // [length, H * D]
  float* q_gradient = nullptr;          // as q, k, v; before the rotary embedding
  float* k_gradient = nullptr;
  float* v_gradient = nullptr;
};

// On the shared thread pool; the result does not depend on its size.
void run_causal_gradient(const CpuOps& ops, const CausalGradient& in);

}  // namespace hub::kernels
