#include "core/kernels/causal_gradient.h"

#include <cmath>
#include <cstdint>
#include <limits>

#include "core/kernels/cpu_primitive.h"
#include "core/kernels/thread_pool.h"

namespace hub::kernels {

namespace {

class GradientRunner {
 public:
  GradientRunner(const CpuOps& ops, const CausalGradient& in)
      : ops_(ops),
        in_(in),
        dim_(in.shape.head_dim),
        heads_(in.shape.heads),
        kv_heads_(in.shape.kv_heads),
        head_size_(std::int64_t{in.length} * dim_) {
    const std::int64_t floats = head_size_ * (4 * heads_ + kv_heads_ + 2);
    float* memory = thread_scratch(static_cast<std::size_t>(floats), 1);
    const auto take = [&](int count) {
      float* result = memory;
      memory += count * head_size_;
      return result;
    };
    q_ = take(heads_);
    q_gradient_ = take(heads_);
    k_gradient_ = take(heads_);
    v_gradient_ = take(heads_);
    k_ = take(kv_heads_);
    cosines_ = take(1);
    sines_ = take(1);
  }

  void run() {
    auto& pool = ThreadPool::shared();
    pool.for_each(in_.length, [&](int row) { rotate_row(row); });
    pool.for_each(heads_, [&](int head) { attend(head); });
    pool.for_each(in_.length, [&](int row) { finish_row(row); });
  }

 private:
  [[nodiscard]] float* head_of(float* all, int head) const { return all + head * head_size_; }

  // `back`: by the opposite angle.
  [[nodiscard]] Rotation rotation(int row, bool back) const {
    const int half = dim_ / 2;
    const float* sines = sines_ + (2 * std::int64_t{row} + (back ? 1 : 0)) * half;
    const float* cosines = cosines_ + std::int64_t{row} * half;
    return {cosines, sines, dim_, in_.rotated, in_.shape.rope_traditional};
  }

  void rotate_row(int row) const {
    const int half = dim_ / 2;
    for (int i = 0; i < in_.rotated / 2; ++i) {
      const float angle = static_cast<float>(row) * in_.inv_freq[i];
      const std::int64_t at = std::int64_t{row} * half + i;
      const float sine = std::sin(angle) * in_.shape.rope_scale;
      cosines_[at] = std::cos(angle) * in_.shape.rope_scale;
      sines_[2 * std::int64_t{row} * half + i] = sine;
      sines_[(2 * std::int64_t{row} + 1) * half + i] = -sine;
    }
    const std::int64_t at = std::int64_t{row} * dim_;
    const auto stride = static_cast<int>(head_size_);
    const Rotation turn = rotation(row, false);
    ops_.rotate_heads(turn, in_.q + at * heads_, heads_, in_.shape.scale, q_ + at, stride);
    ops_.rotate_heads(turn, in_.k + at * kv_heads_, kv_heads_, 1.0F, k_ + at, stride);
  }

  void attend(int head) const {
    const int kv_head = head / (heads_ / kv_heads_);
    const std::size_t width = (static_cast<std::size_t>(in_.length) + 15) / 16 * 16;
    ops_.attention_gradient(
        {head_of(q_, head),
         head_of(k_, kv_head),
         in_.v + std::int64_t{kv_head} * dim_,
         std::int64_t{kv_heads_} * dim_,
         in_.out_gradient + std::int64_t{head} * dim_,
         std::int64_t{heads_} * dim_,
         in_.length,
         dim_,
         in_.shape.window,
         in_.sinks == nullptr ? -std::numeric_limits<float>::infinity() : in_.sinks[head],
         head_of(q_gradient_, head),
         head_of(k_gradient_, head),
         head_of(v_gradient_, head)},
        thread_scratch(
            std::size_t{2} * kGradientRows * width +
            std::size_t{kAttentionTile} * std::size_t(dim_)));
  }

  // Sums the query heads of each key/value head in order, and turns q and k back.
  void finish_row(int row) const {
    const Rotation turn = rotation(row, true);
    const std::int64_t at = std::int64_t{row} * dim_;
    const int group = heads_ / kv_heads_;
    for (int head = 0; head < heads_; ++head) {
      float* out = in_.q_gradient + (std::int64_t{row} * heads_ + head) * dim_;
      ops_.rotate_heads(turn, head_of(q_gradient_, head) + at, 1, in_.shape.scale, out, dim_);
    }
    for (int kv_head = 0; kv_head < kv_heads_; ++kv_head) {
      float* dk = head_of(k_gradient_, kv_head * group) + at;
      const std::int64_t to = (std::int64_t{row} * kv_heads_ + kv_head) * dim_;
      float* dv = in_.v_gradient + to;
      for (int i = 0; i < dim_; ++i) {
        dv[i] = head_of(v_gradient_, kv_head * group)[at + i];
      }
      for (int other = 1; other < group; ++other) {
        const float* k_part = head_of(k_gradient_, kv_head * group + other) + at;
        const float* v_part = head_of(v_gradient_, kv_head * group + other) + at;
        for (int i = 0; i < dim_; ++i) {
          dk[i] += k_part[i];
          dv[i] += v_part[i];
        }
      }
      ops_.rotate_heads(turn, dk, 1, 1.0F, in_.k_gradient + to, dim_);
    }
  }

  const CpuOps& ops_;
  const CausalGradient& in_;
  int dim_;
  int heads_;
  int kv_heads_;
  std::int64_t head_size_;
  float* q_ = nullptr;           // [H, length, D], rotated and scaled
  float* k_ = nullptr;           // [Kv, length, D], rotated
  float* q_gradient_ = nullptr;  // [H, length, D] each
  float* k_gradient_ = nullptr;
  float* v_gradient_ = nullptr;
  float* cosines_ = nullptr;  // [length, D / 2]
  float* sines_ = nullptr;    // [length, 2, D / 2]: forth and back
};

}  // namespace

void run_causal_gradient(const CpuOps& ops, const CausalGradient& in) {
  GradientRunner(ops, in).run();
}

}  // namespace hub::kernels
