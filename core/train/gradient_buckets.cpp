#include "core/train/gradient_buckets.h"

#include <optional>
#include <utility>

#include <mlx/distributed/ops.h>
#include <mlx/ops.h>
#include <mlx/transforms.h>

#include "core/tensor/ops.h"

namespace hub::train {

std::vector<std::vector<std::size_t>> plan_buckets(
    std::span<const std::size_t> sizes, std::size_t bucket_bytes) {
  std::vector<std::vector<std::size_t>> buckets;
  std::size_t bytes = bucket_bytes;  // of the last bucket
  for (std::size_t i = 0; i < sizes.size(); ++i) {
    if (buckets.empty() || bytes >= bucket_bytes) {
      buckets.emplace_back();
      bytes = 0;
    }
    buckets.back().push_back(i);
    bytes += sizes[i] * sizeof(float);
  }
  return buckets;
}

std::vector<mx::array> all_sum(
    const ProcessGroup& group,
    std::vector<mx::array> arrays,
    Evaluation evaluation,
    std::size_t bucket_bytes) {
  if (group.size() == 1) {
    return arrays;
  }
  std::vector<std::size_t> sizes;
  sizes.reserve(arrays.size());
  for (const mx::array& array : arrays) {
    sizes.push_back(array.size());
  }
  std::optional<mx::array> last;  // bucket's sum
  for (const auto& bucket : plan_buckets(sizes, bucket_bytes)) {
    std::vector<mx::array> flat;
    flat.reserve(bucket.size());
    for (const std::size_t i : bucket) {
      flat.push_back(mx::reshape(tensor::astype(arrays[i], mx::float32), {-1}));
    }
    mx::array joined = flat.size() == 1 ? flat.front() : mx::concatenate(std::move(flat));
    if (last && evaluation == Evaluation::kLater) {
      joined = mx::depends({joined}, {*last}).front();
    }
    const mx::array total = mx::distributed::all_sum(joined, group.group());
    std::vector<mx::array> parts;
    int begin = 0;
    for (const std::size_t i : bucket) {
      const int end = begin + static_cast<int>(sizes[i]);
      parts.push_back(
          tensor::astype(
              mx::reshape(mx::slice(total, {begin}, {end}), arrays[i].shape()), arrays[i].dtype()));
      begin = end;
    }
    last = total;
    if (evaluation == Evaluation::kAtOnce) {
      mx::eval(parts);
    }
    for (std::size_t part = 0; part < bucket.size(); ++part) {
      arrays[bucket[part]] = parts[part];
    }
  }
  return arrays;
}

}  // namespace hub::train
