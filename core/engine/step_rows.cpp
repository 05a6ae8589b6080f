#include "core/engine/step_rows.h"

#include <algorithm>
#include <functional>
#include <iterator>
#include <numeric>
#include <utility>

namespace hub::engine {

std::vector<std::size_t> order_by_adapter(std::span<const RunPart> parts) {
  std::vector<std::size_t> order(parts.size());
  std::iota(order.begin(), order.end(), std::size_t{0});
  std::ranges::sort(order, std::less<>(), [&](std::size_t i) {
    return std::pair(parts[i].sequence->owner.adapter.get(), i);
  });
  return order;
}

void add_written(
    std::vector<mlx::core::array>& wanted, std::span<const models::SequenceRows> sequences) {
  for (const models::SequenceRows& sequence : sequences) {
    std::ranges::copy_if(
        sequence.cache->arrays(), std::back_inserter(wanted), [](const mlx::core::array& x) {
          return !x.is_available();  // of a large batch on a GPU thousands are, written in place
        });
  }
}

}  // namespace hub::engine
