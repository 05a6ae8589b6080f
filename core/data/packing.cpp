#include "core/data/packing.h"

#include <algorithm>
#include <map>
#include <numeric>

namespace hub::data {

std::vector<std::vector<std::size_t>> pack_rows(
    std::span<const std::size_t> lengths, int max_tokens) {
  std::vector<std::size_t> order(lengths.size());
  std::iota(order.begin(), order.end(), std::size_t{0});
  std::stable_sort(order.begin(), order.end(), [&](std::size_t left, std::size_t right) {
    return lengths[left] > lengths[right];
  });
  const auto limit = static_cast<std::size_t>(std::max(1, max_tokens));
  std::vector<std::vector<std::size_t>> packed;
  std::multimap<std::size_t, std::size_t> room;  // tokens that still fit -> index into `packed`
  for (const std::size_t row : order) {
    const std::size_t length = lengths[row];
    std::size_t place = packed.size();
    std::size_t left = limit > length ? limit - length : 0;
    if (const auto best = room.lower_bound(std::max<std::size_t>(1, length)); best != room.end()) {
      place = best->second;
      left = best->first - length;
      room.erase(best);
    } else {
      packed.emplace_back();
    }
    packed[place].push_back(row);
    if (left > 0) {
      room.emplace(left, place);
    }
  }
  return packed;
}

std::vector<RowCounts> packed_counts(std::span<const RowCounts> rows, int max_tokens) {
  std::vector<std::size_t> lengths;
  lengths.reserve(rows.size());
  for (const RowCounts& row : rows) {
    lengths.push_back(row.tokens);
  }
  std::vector<RowCounts> result;
  for (const auto& list : pack_rows(lengths, max_tokens)) {
    RowCounts& sum = result.emplace_back();
    for (const std::size_t row : list) {
      sum.tokens += rows[row].tokens;
      sum.trained += rows[row].trained;
    }
  }
  return result;
}

}  // namespace hub::data
