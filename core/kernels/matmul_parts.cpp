#include "core/kernels/matmul_parts.h"

#include <algorithm>
#include <cstdint>
#include <cstring>

#include "core/kernels/cpu_primitive.h"
#include "core/kernels/thread_pool.h"

namespace hub::kernels {

namespace {

// Multiply-adds that are worth handing to another thread.
constexpr std::int64_t kWorthAPart = 200'000;
// Rows of x for which an unpacked panel pays for itself many times over.
constexpr int kRowPart = 128;
constexpr int kMixedRows = 1024;

// One axis in equal parts, each a multiple of `unit` (the last may be shorter).
struct Cut {
  int length;
  int part;

  [[nodiscard]] int count() const { return (length + part - 1) / part; }
  [[nodiscard]] Range range(int i) const { return {i * part, std::min(length, (i + 1) * part)}; }
};

int round_up(int value, int unit) {
  return (value + unit - 1) / unit * unit;
}

Cut cut(int length, int parts, int unit, int largest) {
  const int part = round_up((length + parts - 1) / parts, unit);
  return {length, std::clamp(part, unit, largest)};
}

// How many parts an operation of that size deserves: some for every thread, so that a slow thread
// holds up little.
int wanted_parts(const Extent& extent) {
  const std::int64_t work = std::int64_t{extent.m} * extent.rows * extent.columns;
  const auto worth = std::max<std::int64_t>(1, work / kWorthAPart);
  return static_cast<int>(
      std::min<std::int64_t>(worth, std::int64_t{4} * ThreadPool::shared().threads()));
}

// Runs body(rows of x, part of the other axis) over the grid of both cuts.
template <class Body>
void for_grid(const Cut& m, const Cut& other, const Body& body) {
  const int columns = other.count();
  ThreadPool::shared().for_each(
      m.count() * columns, [&](int i) { body(m.range(i / columns), other.range(i % columns)); });
}

// Rows of x are cut only if the other axis alone gives too few parts: each part unpacks W anew.
Cut cut_rows(int m, int parts, int other_parts) {
  return other_parts >= parts ? Cut{m, m} : cut(m, (parts + other_parts - 1) / other_parts, 12, m);
}

Cut cut_rows_of_x(const Extent& extent, int parts, int other_parts) {
  if (extent.m <= kRowPart) {
    return {extent.m, extent.m};
  }
  const Cut rows = cut_rows(extent.m, parts, other_parts);
  return {extent.m, std::max(rows.part, std::min(kRowPart, extent.m))};
}

}  // namespace

void run_packed_dot(
    const CpuOps& ops, const float* x, const PackedRows& w, const Extent& extent, float* y) {
  // A part of the rows at a time, so that their mixed copy stays small.
  for (int m0 = 0; m0 < extent.m; m0 += kMixedRows) {
    const Extent part{std::min(kMixedRows, extent.m - m0), extent.rows, extent.columns};
    const float* xm = x + std::int64_t{m0} * w.columns;
    float* ym = y + std::int64_t{m0} * extent.rows;
    const int parts = wanted_parts(part);
    if (w.bits == 4) {
      float* mixed =
          thread_scratch(static_cast<std::size_t>(part.m) * static_cast<std::size_t>(w.columns), 1);
      const Cut rows = cut(part.m, std::min(parts, std::max(1, part.m / 16)), 1, part.m);
      ThreadPool::shared().for_each(
          rows.count(), [&](int i) { ops.mix_rows(xm, mixed, w.columns, rows.range(i)); });
      xm = mixed;
    }
    const Cut n = cut(part.rows, parts, 12, kPanelRows);
    for_grid(cut_rows_of_x(part, parts, n.count()), n, [&](Range rows, Range columns) {
      ops.packed_dot(xm, w, ym, part.rows, rows, columns, thread_scratch(kDotScratch));
    });
  }
}

void run_int8_dot(const Int8Ops& ops, const float* x, const InterleavedRows& w, int m, float* y) {
  const int blocks = round_up(w.rows, kInt8Columns) / kInt8Columns;
  // A part of the rows at a time, so that their quantized copy stays small.
  for (int m0 = 0; m0 < m && blocks > 0; m0 += kMixedRows) {
    const Extent part{std::min(kMixedRows, m - m0), w.rows, w.columns};
    const float* xm = x + std::int64_t{m0} * w.columns;
    const auto places = static_cast<std::size_t>(round_up(part.m, kInt8Panel)) *
                        static_cast<std::size_t>(w.columns / kInt8Step);
    constexpr std::size_t row_floats = kInt8Step / sizeof(float);  // of one place, in floats
    float* scratch = thread_scratch(places * (row_floats + 2), 1);
    const Int8Rows quantized{
        reinterpret_cast<std::int8_t*>(scratch), scratch + places * row_floats, w.columns};
    const int parts = wanted_parts(part);
    const Cut panels = cut(part.m, parts, kInt8Panel, part.m);
    ThreadPool::shared().for_each(
        panels.count(), [&](int i) { ops.quantize(xm, quantized, panels.range(i)); });
    const Cut columns = cut(blocks, parts, 1, blocks);
    const Cut rows =
        columns.count() >= parts
            ? Cut{part.m, part.m}
            : cut(part.m, (parts + columns.count() - 1) / columns.count(), kInt8Panel, part.m);
    for_grid(rows, columns, [&](Range each, Range some) {
      ops.dot(quantized, w, y + std::int64_t{m0} * w.rows, each, some);
    });
  }
}

void run_dense_dot(
    const CpuOps& ops, const float* x, const DenseRows& w, const Extent& extent, float* y) {
  if (extent.m == 0 || extent.rows == 0) {
    return;
  }
  const int parts = wanted_parts(extent);
  const Cut n = cut(extent.rows, parts, 12, kPanelRows);
  for_grid(cut_rows(extent.m, parts, n.count()), n, [&](Range rows, Range columns) {
    ops.dense_dot(x, w, y, extent.rows, rows, columns);
  });
}

void run_packed_outer(
    const CpuOps& ops, const float* x, const PackedRows& w, const Extent& extent, float* y) {
  if (extent.m == 0 || extent.columns == 0) {
    return;
  }
  const int parts = wanted_parts(extent);
  const Cut c{extent.columns, kStripColumns};
  for_grid(cut_rows_of_x(extent, parts, c.count()), c, [&](Range rows, Range columns) {
    ops.packed_outer(x, w, extent.rows, y, rows, columns, thread_scratch(kOuterScratch));
  });
}

void run_dense_outer(
    const CpuOps& ops, const float* x, const DenseRows& w, const Extent& extent, float* y) {
  if (extent.m == 0 || extent.columns == 0) {
    return;
  }
  const int parts = wanted_parts(extent);
  const Cut c{extent.columns, kStripColumns};
  for_grid(cut_rows(extent.m, parts, c.count()), c, [&](Range rows, Range columns) {
    ops.dense_outer(x, w, extent.rows, y, rows, columns, thread_scratch(kOuterScratch));
  });
}

}  // namespace hub::kernels
