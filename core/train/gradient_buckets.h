#pragma once

#include <cstddef>
#include <span>
#include <vector>

#include <mlx/array.h>

#include "core/train/process_group.h"

namespace hub::train {

// Bytes from which on a bucket is full: few large messages are faster than one for each of
// hundreds of small gradients (mlx/nn/utils.py › average_gradients).
inline constexpr std::size_t kBucketBytes = 32U << 20U;

// Indices of neighbouring arrays that travel together: each bucket but the last holds at least
// `bucket_bytes`, and none could lose an array and still do so. `sizes`: values of each array, of
// four bytes.
std::vector<std::vector<std::size_t>> plan_buckets(
    std::span<const std::size_t> sizes, std::size_t bucket_bytes);

// Collective: the sum of each array over the ranks, evaluated, in float32 on the way and of its own
// type and shape at the end. Bucket after bucket, so that no more than one is copied at a time and
// all ranks' messages have the same order. `arrays` are evaluated, and of equal shapes on all
// ranks.
std::vector<mx::array> all_sum(
    const ProcessGroup& group,
    std::vector<mx::array> arrays,
    std::size_t bucket_bytes = kBucketBytes);

}  // namespace hub::train
