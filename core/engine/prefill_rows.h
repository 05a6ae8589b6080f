#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "core/engine/scheduler.h"

namespace hub::engine {

// How many of its pending tokens each sequence computes in a step. One that decodes gets its row.
// Prompts share `prefill_chunk` rows, those of a lower priority value before the others: an even
// share for each key, of it an even share for each of the key's prompts, and what is left over to
// those that can use it. So neither a short prompt waits for a long one nor a key for another's
// many. Where the shares would become too small to be worth a step, keys and prompts take turns:
// the key that was served least comes first, a key's own in their order.
std::vector<int> share_prefill_rows(
    std::span<const SequenceView> sequences,
    int prefill_chunk,
    std::span<const std::uint64_t> served);

}  // namespace hub::engine
