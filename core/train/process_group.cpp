#include "core/train/process_group.h"

#include <algorithm>
#include <bit>
#include <cstdlib>
#include <exception>
#include <numeric>

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <mlx/distributed/ops.h>
#include <mlx/transforms.h>

#include "core/base/error.h"
#include "core/tensor/ops.h"

namespace hub::train {
namespace {

std::string chosen_backend(const std::string& backend) {
  if (backend != "auto") {
    return backend;
  }
  return tensor::default_device_is_gpu() && mx::distributed::is_available("nccl") ? "nccl" : "ring";
}

}  // namespace

ProcessGroup ProcessGroup::join(const std::string& backend) {
  const std::string name = chosen_backend(backend);
  ProcessGroup joined;
  try {
    joined.group_ = mx::distributed::init(true, name);
    joined.of_host_ = joined.group_;
    if (name == "nccl" && std::getenv("MLX_HOSTFILE") != nullptr) {
      joined.of_host_ = mx::distributed::init(true, "ring");
    }
  } catch (const std::exception& error) {
    throw base::Error(
        base::ErrorCode::kUnavailable,
        fmt::format("the ranks could not be connected over {}: {}", name, error.what()),
        {},
        "ranks_not_connected");
  }
  return joined;
}

std::vector<std::size_t> ProcessGroup::own_rows(std::span<const std::size_t> rows) const {
  std::vector<std::size_t> own;
  const auto step = static_cast<std::size_t>(size());
  for (auto i = static_cast<std::size_t>(rank()); i < rows.size(); i += step) {
    own.push_back(rows[i]);
  }
  return own;
}

std::vector<std::int64_t> ProcessGroup::sum(std::vector<std::int64_t> values) const {
  if (size() == 1 || values.empty()) {
    return values;
  }
  const mx::Shape shape{static_cast<int>(values.size())};
  mx::array total = mx::distributed::all_sum(mx::array(values.begin(), shape, mx::int64), of_host_);
  mx::eval(total);
  std::copy_n(total.data<std::int64_t>(), values.size(), values.begin());
  return values;
}

std::vector<double> ProcessGroup::gather(double value) const {
  std::vector<std::int64_t> bits(static_cast<std::size_t>(size()), 0);
  bits.at(static_cast<std::size_t>(rank())) = std::bit_cast<std::int64_t>(value);
  bits = sum(std::move(bits));
  std::vector<double> values(bits.size());
  std::transform(bits.begin(), bits.end(), values.begin(), [](std::int64_t of_rank) {
    return std::bit_cast<double>(of_rank);
  });
  return values;
}

double ProcessGroup::sum(double value) const {
  const auto values = gather(value);
  return std::accumulate(values.begin() + 1, values.end(), values.front());
}

std::vector<double> ProcessGroup::first(std::vector<double> values) const {
  std::vector<std::int64_t> bits(values.size(), 0);  // the others add nothing
  if (leads()) {
    std::ranges::transform(
        values, bits.begin(), [](double value) { return std::bit_cast<std::int64_t>(value); });
  }
  bits = sum(std::move(bits));
  std::ranges::transform(
      bits, values.begin(), [](std::int64_t of_first) { return std::bit_cast<double>(of_first); });
  return values;
}

void ProcessGroup::need_equal(
    const std::vector<std::int64_t>& values, const std::string& what) const {
  if (size() == 1) {
    return;
  }
  const std::size_t count = values.size();
  std::vector<std::int64_t> all(static_cast<std::size_t>(size()) * count, 0);
  std::copy(
      values.begin(),
      values.end(),
      all.begin() + static_cast<std::ptrdiff_t>(static_cast<std::size_t>(rank()) * count));
  all = sum(std::move(all));
  const std::span<const std::int64_t> table(all);
  for (int other = 1; other < size(); ++other) {
    const auto row = table.subspan(static_cast<std::size_t>(other) * count, count);
    if (!std::equal(row.begin(), row.end(), table.begin())) {
      throw base::Error(
          base::ErrorCode::kConflict,
          fmt::format(
              "all ranks must have the same {}: rank 0 has {}, rank {} has {}; on other machines "
              "the hub's data folder must be the same one",
              what,
              fmt::join(table.first(count), ", "),
              other,
              fmt::join(row, ", ")),
          {},
          "ranks_differ");
    }
  }
}

}  // namespace hub::train
