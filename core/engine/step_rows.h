#pragma once

#include <cstddef>
#include <span>
#include <vector>

#include <mlx/array.h>

#include "core/engine/batch_runner.h"
#include "core/models/attend.h"

namespace hub::engine {

// Indices of the parts, those of sequences with the same adapter side by side.
std::vector<std::size_t> order_by_adapter(std::span<const RunPart> parts);

// Adds what the step writes of its sequences' caches, to be evaluated with its result.
void add_written(
    std::vector<mlx::core::array>& wanted, std::span<const models::SequenceRows> sequences);

}  // namespace hub::engine
