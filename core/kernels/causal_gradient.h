#pragma once

#include "core/kernels/cached_attention.h"
#include "core/kernels/cpu_ops.h"

namespace hub::kernels {

// One sequence of causal_attention's gradient in plain pointers.
struct CausalGradient {
  AttentionShape shape;
  int length;
  const float* q;             // [length, H * D]
  const float* k;             // [length, Kv * D]
  const float* v;             // [length, Kv * D]
  const float* inv_freq;      // [rotated / 2]
  int rotated;                // elements of a head
  const float* sinks;         // [H]; null: none
  const float* out_gradient;  // [length, H * D]
  float* q_gradient;          // as q, k, v; before the rotary embedding
  float* k_gradient;
  float* v_gradient;
};

// On the shared thread pool; the result does not depend on its size.
void run_causal_gradient(const CpuOps& ops, const CausalGradient& in);

}  // namespace hub::kernels
