#pragma once

#include <cstddef>
#include <cstdint>
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

// kAtOnce: evaluated bucket after bucket, so that no more than one is copied at a time. kLater:
// nothing is, for a caller who evaluates more with it.
enum class Evaluation : std::uint8_t { kAtOnce, kLater };

// Collective: the sum of each array over the ranks, in float32 on the way and of its own type and
// shape at the end. Buckets follow each other, so that all ranks' messages have the same order.
// `arrays` are of equal shapes on all ranks.
std::vector<mx::array> all_sum(
    const ProcessGroup& group,
    std::vector<mx::array> arrays,
    Evaluation evaluation,
    std::size_t bucket_bytes = kBucketBytes);

}  // namespace hub::train
