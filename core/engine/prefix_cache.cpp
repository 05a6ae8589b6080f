#include "core/engine/prefix_cache.h"

#include <algorithm>
#include <iterator>
#include <utility>

#include <mlx/transforms.h>

namespace hub::engine {

namespace mx = mlx::core;

std::size_t common_prefix(std::span<const int> a, std::span<const int> b) {
  return static_cast<std::size_t>(std::ranges::mismatch(a, b).in1 - a.begin());
}

bool PrefixCache::belongs(const Entry& entry, const PrefixOwner& owner) {
  const bool same_adapter = owner.adapter == nullptr
                                ? entry.of_base
                                : !entry.of_base && entry.adapter.lock() == owner.adapter;
  return same_adapter && entry.scope == owner.scope;
}

void PrefixCache::keep(
    const PrefixOwner& owner, std::span<const int> tokens, models::KvCache cache) {
  if (tokens.size() < kShortestPrefix) {
    return;
  }
  for (auto entry = entries_.begin(); entry != entries_.end();) {
    const std::size_t common = belongs(*entry, owner) ? common_prefix(entry->tokens, tokens) : 0;
    if (common == tokens.size() && !whole_only_) {
      entries_.splice(entries_.begin(), entries_, entry);
      return;
    }
    // With recurrent layers a shorter one can do what the new one cannot.
    const bool is_held_by_the_new =
        common == entry->tokens.size() && (!whole_only_ || common == tokens.size());
    entry = is_held_by_the_new ? entries_.erase(entry) : std::next(entry);
  }
  const std::uint64_t bytes = cache.bytes();
  entries_.push_front(
      {.of_base = owner.adapter == nullptr,
       .adapter = owner.adapter,
       .adapter_digest = owner.adapter == nullptr ? std::string() : owner.adapter->digest,
       .scope = owner.scope,
       .tokens = {tokens.begin(), tokens.end()},
       .cache = std::move(cache),
       .bytes = bytes});
}

std::pair<PrefixCache::Entries::const_iterator, std::size_t> PrefixCache::best(
    const PrefixOwner& owner, std::span<const int> tokens) const {
  std::pair<Entries::const_iterator, std::size_t> found{entries_.end(), 0};
  for (auto entry = entries_.begin(); entry != entries_.end(); ++entry) {
    if (!belongs(*entry, owner)) {
      continue;
    }
    const std::size_t common = common_prefix(entry->tokens, tokens);
    const bool is_usable =
        common >= kShortestPrefix && (!whole_only_ || common == entry->tokens.size());
    if (is_usable && common > found.second) {
      found = {entry, common};
    }
  }
  return found;
}

std::size_t PrefixCache::find(const PrefixOwner& owner, std::span<const int> tokens) const {
  return best(owner, tokens).second;
}

std::optional<models::KvCache> PrefixCache::begin(
    const PrefixOwner& owner, std::span<const int> tokens) {
  const auto [found, length] = best(owner, tokens);
  if (length == 0) {
    return std::nullopt;
  }
  if (length == found->tokens.size()) {
    const auto entry = entries_.erase(found, found);  // the same place, not const
    models::KvCache cache = std::move(entry->cache);
    entries_.erase(entry);
    return cache;
  }
  entries_.splice(entries_.begin(), entries_, found);
  models::KvCache copy = found->cache.prefix(static_cast<int>(length));
  // Now: the entry's arrays are written in place only while nothing else refers to them.
  mx::eval(copy.arrays());
  return copy;
}

void PrefixCache::let_go(Entries::iterator entry) {
  KeptPrefix left = std::move(*entry);
  entries_.erase(entry);
  if (on_leave_) {
    on_leave_(std::move(left));
  }
}

void PrefixCache::shrink(std::uint64_t bytes) {
  for (auto entry = entries_.begin(); entry != entries_.end();) {
    const auto next = std::next(entry);
    if (!entry->of_base && entry->adapter.expired()) {
      let_go(entry);
    }
    entry = next;
  }
  std::uint64_t held = this->bytes();
  while (held > bytes) {
    held -= entries_.back().bytes;
    let_go(std::prev(entries_.end()));
  }
}

std::optional<KeptPrefix> PrefixCache::take_newest() {
  if (entries_.empty()) {
    return std::nullopt;
  }
  KeptPrefix newest = std::move(entries_.front());
  entries_.pop_front();
  return newest;
}

std::uint64_t PrefixCache::bytes() const {
  std::uint64_t bytes = 0;
  for (const Entry& entry : entries_) {
    bytes += entry.bytes;
  }
  return bytes;
}

}  // namespace hub::engine
