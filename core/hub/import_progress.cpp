#include "core/hub/import_progress.h"

#include <utility>

#include "core/base/error.h"

namespace hub::hub {
namespace {

std::string last_part(std::string_view source) {
  while (source.size() > 1 && source.ends_with('/')) {
    source.remove_suffix(1);
  }
  return std::string(source.substr(source.size() > 1 ? source.rfind('/') + 1 : 0));
}

}  // namespace

std::string_view to_string(ImportStage stage) {
  switch (stage) {
    case ImportStage::kChecking:
      return "checking";
    case ImportStage::kConverting:
      return "converting";
    case ImportStage::kCopying:
      return "copying";
    case ImportStage::kHashing:
      return "hashing";
    case ImportStage::kStoring:
      return "storing";
    case ImportStage::kVerifying:
      return "verifying";
  }
  return "";
}

artifacts::BytesProgress watch_stage(const ImportWatch& watch, ImportStage stage) {
  if (!watch) {
    return {};
  }
  return [watch, stage](std::int64_t done_bytes, std::int64_t total_bytes) {
    return watch(stage, done_bytes, total_bytes);
  };
}

void tell(
    const ImportWatch& watch,
    ImportStage stage,
    std::int64_t done_bytes,
    std::int64_t total_bytes) {
  if (watch && !watch(stage, done_bytes, total_bytes)) {
    throw base::Error(base::ErrorCode::kCancelled, "the import was stopped", {}, "cancelled");
  }
}

ImportTable::Entry::Entry(
    ImportTable& table, std::string request_id, std::string name, std::string_view source)
    : table_(table) {
  state_.request_id = std::move(request_id);
  state_.name = std::move(name);
  state_.source = last_part(source);
  state_.started_at_ms = table.clock_.now_ms();
  const std::lock_guard lock(table_.mutex_);
  table_.entries_.push_back(this);
}

ImportTable::Entry::~Entry() {
  const std::lock_guard lock(table_.mutex_);
  std::erase(table_.entries_, this);
}

void ImportTable::Entry::report(
    ImportStage stage, std::int64_t done_bytes, std::int64_t total_bytes) {
  // No other thread writes these two: this one may read them without the lock.
  if (stage == state_.stage && total_bytes == state_.total_bytes) {
    done_bytes_.store(done_bytes, std::memory_order_relaxed);
    return;
  }
  const std::lock_guard lock(table_.mutex_);
  state_.stage = stage;
  state_.total_bytes = total_bytes;
  done_bytes_.store(done_bytes, std::memory_order_relaxed);
}

void ImportTable::Entry::set_name(const std::string& name) {
  const std::lock_guard lock(table_.mutex_);
  state_.name = name;
}

ImportWatch ImportTable::Entry::watch(const std::atomic<bool>& cancelled) {
  return [this, &cancelled](ImportStage stage, std::int64_t done_bytes, std::int64_t total_bytes) {
    report(stage, done_bytes, total_bytes);
    return !cancelled;
  };
}

std::vector<ImportState> ImportTable::list() const {
  const std::lock_guard lock(mutex_);
  std::vector<ImportState> states;
  states.reserve(entries_.size());
  for (const Entry* entry : entries_) {
    states.push_back(entry->state_);
    states.back().done_bytes = entry->done_bytes_.load(std::memory_order_relaxed);
  }
  return states;
}

}  // namespace hub::hub
