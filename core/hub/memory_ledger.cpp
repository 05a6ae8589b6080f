#include "core/hub/memory_ledger.h"

#include <algorithm>

namespace hub::hub {

std::unique_ptr<MemoryLedger::Reservation> MemoryLedger::reserve(
    const std::string& owner, std::uint64_t bytes) {
  const std::lock_guard lock(mutex_);
  const std::uint64_t used = sum();
  if (bytes > budget_bytes_ || used > budget_bytes_ - bytes) {
    return nullptr;
  }
  const std::uint64_t key = next_key_++;
  entries_.push_back({key, {owner, bytes, 0}});
  return std::make_unique<Reservation>(*this, key);
}

std::uint64_t MemoryLedger::reserved_bytes() const {
  const std::lock_guard lock(mutex_);
  return sum();
}

std::vector<MemoryLedger::Line> MemoryLedger::lines() const {
  const std::lock_guard lock(mutex_);
  std::vector<Line> lines;
  lines.reserve(entries_.size());
  for (const Entry& entry : entries_) {
    lines.push_back(entry.line);
  }
  return lines;
}

void MemoryLedger::release(std::uint64_t key) {
  const std::lock_guard lock(mutex_);
  std::erase_if(entries_, [key](const Entry& entry) { return entry.key == key; });
}

void MemoryLedger::record(std::uint64_t key, std::uint64_t bytes) {
  const std::lock_guard lock(mutex_);
  for (Entry& entry : entries_) {
    if (entry.key == key) {
      entry.line.measured_bytes = bytes;
      entry.line.reserved_bytes = std::max(entry.line.reserved_bytes, bytes);
    }
  }
}

std::uint64_t MemoryLedger::sum() const {
  std::uint64_t total = 0;
  for (const Entry& entry : entries_) {
    total += entry.line.reserved_bytes;
  }
  return total;
}

}  // namespace hub::hub
