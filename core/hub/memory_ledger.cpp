#include "core/hub/memory_ledger.h"

#include <algorithm>

#include <fmt/format.h>

namespace hub::hub {
namespace {

std::uint64_t less(std::uint64_t a, std::uint64_t b) {
  return a > b ? a - b : 0;
}

}  // namespace

std::uint64_t MemoryLedger::Snapshot::free_bytes() const {
  return std::min(less(budget_bytes, reserved_bytes), less(available_bytes, promised_bytes));
}

MemoryLedger::MemoryLedger(
    std::uint64_t budget_bytes, std::function<std::uint64_t()> available_bytes)
    : available_bytes_(std::move(available_bytes)), budget_bytes_(budget_bytes) {}

std::unique_ptr<MemoryLedger::Reservation> MemoryLedger::reserve(
    const std::string& owner, std::uint64_t bytes) {
  const std::lock_guard lock(mutex_);
  if (bytes > look().free_bytes()) {
    return nullptr;
  }
  const std::uint64_t key = next_key_++;
  entries_.push_back(
      {key,
       {.owner = owner,
        .estimated_bytes = bytes,
        .reserved_bytes = bytes,
        .measured_bytes = 0,
        .peak_bytes = 0}});
  return std::make_unique<Reservation>(*this, key);
}

void MemoryLedger::limit_budget(std::uint64_t bytes) {
  const std::lock_guard lock(mutex_);
  budget_bytes_ = std::min(budget_bytes_, bytes);
}

void MemoryLedger::Reservation::measured(const base::JsonReader& event) {
  measured(
      static_cast<std::uint64_t>(event.optional_int("resident_bytes", 0, INT64_MAX).value_or(0)));
  if (const auto limit = event.optional_int("device_limit_bytes", 1, INT64_MAX)) {
    ledger_.limit_budget(static_cast<std::uint64_t>(*limit));
  }
}

std::uint64_t MemoryLedger::budget_bytes() const {
  const std::lock_guard lock(mutex_);
  return budget_bytes_;
}

std::uint64_t MemoryLedger::reserved_bytes() const {
  return snapshot().reserved_bytes;
}

MemoryLedger::Snapshot MemoryLedger::snapshot() const {
  const std::lock_guard lock(mutex_);
  return look();
}

MemoryLedger::Snapshot MemoryLedger::look() const {
  Snapshot now;
  now.budget_bytes = budget_bytes_;
  now.available_bytes = available_bytes_ ? available_bytes_() : UINT64_MAX;
  now.lines.reserve(entries_.size());
  for (const Entry& entry : entries_) {
    now.lines.push_back(entry.line);
    now.reserved_bytes += entry.line.reserved_bytes;
    now.promised_bytes += less(entry.line.reserved_bytes, entry.line.measured_bytes);
  }
  return now;
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
      entry.line.peak_bytes = std::max(entry.line.peak_bytes, bytes);
      entry.line.reserved_bytes = std::max(entry.line.reserved_bytes, bytes);
    }
  }
}

std::uint64_t MemoryLedger::peak(std::uint64_t key) const {
  const std::lock_guard lock(mutex_);
  const auto entry = std::find_if(
      entries_.begin(), entries_.end(), [key](const Entry& each) { return each.key == key; });
  return entry == entries_.end() ? 0 : entry->line.peak_bytes;
}

std::string describe(const MemoryLedger::Snapshot& snapshot) {
  std::string holders;
  for (const MemoryLedger::Line& line : snapshot.lines) {
    holders += fmt::format(
        "{}{}: {} MiB", holders.empty() ? "" : ", ", line.owner, line.reserved_bytes >> 20U);
  }
  std::string text = fmt::format(
      "{} of {} MiB are reserved{}",
      snapshot.reserved_bytes >> 20U,
      snapshot.budget_bytes >> 20U,
      holders.empty() ? "" : " (" + holders + ")");
  if (snapshot.available_bytes < snapshot.budget_bytes) {
    text += fmt::format(", and the machine has {} MiB free", snapshot.available_bytes >> 20U);
  }
  return text;
}

}  // namespace hub::hub
