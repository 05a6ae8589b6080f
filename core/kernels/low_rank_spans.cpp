#include "core/kernels/low_rank_spans.h"

#include <algorithm>
#include <cstdint>
#include <cstring>
#include <memory>
#include <utility>

#include <fmt/format.h>
#include <mlx/ops.h>
#include <mlx/transforms.h>

#include "core/base/error.h"
#include "core/kernels/cpu_ops.h"
#include "core/kernels/cpu_primitive.h"
#include "core/kernels/thread_pool.h"

namespace hub::kernels {

namespace {

// Rows that one part works on, so that a long prompt's are shared by the threads.
constexpr int kPartRows = 16;
// Multiply-adds that are worth handing to other threads.
constexpr std::int64_t kWorthThreads = 20'000;

struct Part {
  const LowRankSpan* span;
  Range rows;
};

// w [depth, columns]: out = x w for `count` rows.
void multiply(
    const CpuOps& ops, const float* x, int depth, const DenseRows& w, int count, float* out) {
  for (int c = 0; c < w.columns; c += kStripColumns) {
    ops.dense_outer(
        x,
        w,
        depth,
        out,
        {0, count},
        {c, std::min(c + kStripColumns, w.columns)},
        thread_scratch(kOuterScratch));
  }
}

// Inputs y and x. The spans' factors, which are there already, are none: a graph pays for each
// input, and a batch of many adapters has thousands.
class AddLowRank : public CpuPrimitive {
 public:
  AddLowRank(mx::Stream stream, CpuLevel level, std::vector<LowRankSpan> spans)
      : CpuPrimitive(stream, level),
        spans_(std::make_shared<const std::vector<LowRankSpan>>(std::move(spans))) {}

  const char* name() const override { return "HubAddLowRank"; }
  bool is_equivalent(const mx::Primitive& /*other*/) const override { return false; }
  std::vector<mx::Shape> output_shapes(const std::vector<mx::array>& inputs) override {
    return {inputs[0].shape()};
  }

 protected:
  // What is added to is handed on where nobody else wants it.
  void allocate(const Arrays& inputs, Arrays& outputs) override {
    if (inputs[0].is_donatable() && inputs[0].flags().row_contiguous) {
      outputs[0].copy_shared_buffer(inputs[0]);
    } else {
      CpuPrimitive::allocate(inputs, outputs);
    }
  }

  [[nodiscard]] Task task() const override {
    return [level = level(), spans = spans_](const Arrays& in, Arrays& out) {
      auto* result = out[0].data<float>();
      if (result != in[0].data<float>()) {
        std::memcpy(result, in[0].data<float>(), in[0].nbytes());
      }
      std::vector<Part> parts;
      std::int64_t work = 0;
      for (const LowRankSpan& span : *spans) {
        for (int row = span.begin; row < span.end; row += kPartRows) {
          parts.push_back({&span, {row, std::min(row + kPartRows, span.end)}});
        }
        work += (span.end - span.begin) * static_cast<std::int64_t>(span.a.size() + span.b.size());
      }
      const auto run = [&](int i) {
        add(cpu_ops(level), in[1].data<float>(), parts[static_cast<std::size_t>(i)], result);
      };
      const auto count = static_cast<int>(parts.size());
      if (work >= kWorthThreads) {
        ThreadPool::shared().for_each(count, run);
        return;
      }
      for (int i = 0; i < count; ++i) {
        run(i);
      }
    };
  }

 private:
  static void add(const CpuOps& ops, const float* inputs, const Part& part, float* result) {
    const mx::array& a = part.span->a;
    const mx::array& b = part.span->b;
    const int depth = a.shape(0);
    const int rank = a.shape(1);
    const int columns = b.shape(1);
    const int count = part.rows.end - part.rows.begin;
    const auto size = static_cast<std::size_t>(count) * static_cast<std::size_t>(columns);
    float* delta =
        thread_scratch(size + static_cast<std::size_t>(count) * static_cast<std::size_t>(rank), 2);
    float* narrow = delta + size;
    const float* x = inputs + std::int64_t{part.rows.begin} * depth;
    multiply(ops, x, depth, {a.data<float>(), rank}, count, narrow);
    multiply(ops, narrow, rank, {b.data<float>(), columns}, count, delta);
    // Two loops: a compiler that contracted the product and the sum would round once.
    for (std::size_t i = 0; i < size; ++i) {
      delta[i] *= part.span->scale;
    }
    float* y = result + std::int64_t{part.rows.begin} * columns;
    for (std::size_t i = 0; i < size; ++i) {
      y[i] += delta[i];
    }
  }

  std::shared_ptr<const std::vector<LowRankSpan>> spans_;
};

}  // namespace

mx::array add_low_rank(const mx::array& y, const mx::array& x, std::vector<LowRankSpan> spans) {
  constexpr const char* what = "add_low_rank";
  require(y, mx::float32, 2, what);
  require(x, mx::float32, 2, what);
  std::vector<mx::array> missing;
  for (LowRankSpan& span : spans) {
    require(span.a, mx::float32, 2, what);
    require(span.b, mx::float32, 2, what);
    const bool fits = span.a.shape(0) == x.shape(1) && span.b.shape(0) == span.a.shape(1) &&
                      span.b.shape(1) == y.shape(1) && span.begin >= 0 && span.begin <= span.end &&
                      span.end <= y.shape(0) && x.shape(0) == y.shape(0);
    if (!fits) {
      throw base::Error(
          base::ErrorCode::kInvalidArgument,
          fmt::format(
              "{}: rows [{}, {}) with factors {} and {} do not fit {} and {}",
              what,
              span.begin,
              span.end,
              describe(span.a),
              describe(span.b),
              describe(x),
              describe(y)));
    }
    for (mx::array* factor : {&span.a, &span.b}) {
      if (!factor->is_available() || !factor->flags().row_contiguous) {
        *factor = mx::contiguous(*factor);
        missing.push_back(*factor);
      }
    }
  }
  if (!missing.empty()) {
    mx::eval(missing);
  }
  return mx::array(
      y.shape(),
      mx::float32,
      std::make_shared<AddLowRank>(cpu_stream(), cpu_level(), std::move(spans)),
      std::vector<mx::array>{y, x});
}

}  // namespace hub::kernels
