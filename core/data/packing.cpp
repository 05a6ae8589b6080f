#include "core/data/packing.h"

#include <algorithm>
#include <map>
#include <numeric>

namespace hub::data {
namespace {

void append(Example& packed, const Example& row) {
  const std::size_t begin = packed.tokens.size();
  packed.tokens.insert(packed.tokens.end(), row.tokens.begin(), row.tokens.end());
  packed.trained.insert(packed.trained.end(), row.trained.begin(), row.trained.end());
  if (begin > 0 && !row.tokens.empty()) {
    packed.packed.push_back(begin);
    packed.trained[begin] = 0;  // nothing of its own row precedes it
  }
}

}  // namespace

std::vector<Example> pack_rows(const std::vector<Example>& rows, int max_tokens) {
  std::vector<std::size_t> order(rows.size());
  std::iota(order.begin(), order.end(), std::size_t{0});
  std::stable_sort(order.begin(), order.end(), [&](std::size_t left, std::size_t right) {
    return rows[left].tokens.size() > rows[right].tokens.size();
  });
  const auto limit = static_cast<std::size_t>(std::max(1, max_tokens));
  std::vector<Example> packed;
  std::multimap<std::size_t, std::size_t> room;  // tokens that still fit -> index into `packed`
  for (const std::size_t index : order) {
    const std::size_t length = rows[index].tokens.size();
    std::size_t place = packed.size();
    std::size_t left = limit > length ? limit - length : 0;
    if (const auto best = room.lower_bound(std::max<std::size_t>(1, length)); best != room.end()) {
      place = best->second;
      left = best->first - length;
      room.erase(best);
    } else {
      packed.emplace_back();
    }
    append(packed[place], rows[index]);
    if (left > 0) {
      room.emplace(left, place);
    }
  }
  return packed;
}

}  // namespace hub::data
