#pragma once

#include <cstddef>
#include <span>
#include <vector>

#include "core/data/examples.h"

namespace hub::data {

// Which rows are joined to one (Examples::join), so that batches need little padding: lists of
// numbers of rows, whose `lengths` are together at most `max_tokens`. Best fit decreasing (Johnson
// 1973): longest first, each where the least room is left; a longer row stays alone. The training
// keeps them apart: own positions, no attention and no target across a border, so the loss over all
// of them is the same. Equal lengths give an equal result everywhere.
std::vector<std::vector<std::size_t>> pack_rows(
    std::span<const std::size_t> lengths, int max_tokens);

// What rows so joined come to.
std::vector<RowCounts> packed_counts(std::span<const RowCounts> rows, int max_tokens);

}  // namespace hub::data
