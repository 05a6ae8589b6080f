#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <mutex>
#include <string>
#include <string_view>
#include <vector>

#include "core/artifacts/stored_file.h"
#include "core/base/clock.h"

namespace hub::hub {

// What an import is at: which stages come depends on what is imported; none comes twice.
enum class ImportStage : std::uint8_t {
  kChecking,    // headers and configuration are looked at; no bytes are counted
  kConverting,  // a GGUF file or a PEFT adapter: bytes of its weights
  kCopying,     // a folder's or an archive's files into the store, their SHA-256 taken on the way
  kHashing,     // what was converted, and what it was made of
  kStoring,     // what was converted, into the store
  kVerifying,   // what the store holds, or a folder that stays where it is: contents and headers
};
// "checking", "converting", …
std::string_view to_string(ImportStage stage);

// Hears how far an import is: bytes of the stage done and in all. Within a stage the bytes done
// only grow, to as many as there are. Returns false to end the import with kCancelled.
using ImportWatch =
    std::function<bool(ImportStage stage, std::int64_t done_bytes, std::int64_t total_bytes)>;
// `watch` for what knows no stages; empty when `watch` is.
artifacts::BytesProgress watch_stage(const ImportWatch& watch, ImportStage stage);
// Tells `watch`, if it is one. Throws kCancelled when it says so.
void tell(
    const ImportWatch& watch, ImportStage stage, std::int64_t done_bytes, std::int64_t total_bytes);

struct ImportState {
  std::string request_id;  // of the call that imports
  std::string name;        // of the model; "" when an archive's own is not known yet
  std::string source;      // the last part of where it comes from; "" for a nameless upload
  ImportStage stage = ImportStage::kChecking;
  std::int64_t done_bytes = 0;   // of the stage
  std::int64_t total_bytes = 0;  // 0: not known, nothing is counted
  std::int64_t started_at_ms = 0;
};

// The imports that run now, in memory only. Thread-safe; outlives its entries.
class ImportTable {
 public:
  explicit ImportTable(const base::Clock& clock) : clock_(clock) {}

  // An import, from its construction to its end. For one thread.
  class Entry {
   public:
    // `source`: a path or name, of which the last part is shown.
    Entry(ImportTable& table, std::string request_id, std::string name, std::string_view source);
    ~Entry();
    Entry(const Entry&) = delete;
    Entry& operator=(const Entry&) = delete;

    // Locks only when the stage or its total is another one.
    void report(ImportStage stage, std::int64_t done_bytes, std::int64_t total_bytes);
    void set_name(const std::string& name);
    // Reports here; says to stop once `cancelled` is true. Both outlive it.
    [[nodiscard]] ImportWatch watch(const std::atomic<bool>& cancelled);

   private:
    friend class ImportTable;
    ImportTable& table_;
    ImportState state_;  // written by the import's thread under the table's mutex, but for
    std::atomic<std::int64_t> done_bytes_{0};  // this instead of its done_bytes
  };

  // Oldest first.
  [[nodiscard]] std::vector<ImportState> list() const;

 private:
  const base::Clock& clock_;
  mutable std::mutex mutex_;
  std::vector<const Entry*> entries_;  // guarded by mutex_
};

}  // namespace hub::hub
