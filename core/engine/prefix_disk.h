#pragma once

#include <atomic>
#include <condition_variable>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <span>
#include <string>
#include <thread>
#include <vector>

#include "core/base/channel.h"
#include "core/engine/prefix_cache.h"
#include "core/engine/prefix_disk_config.h"
#include "core/engine/prefix_store.h"
#include "core/engine/sequence.h"
#include "core/engine/step_loop.h"

namespace hub::engine {

// The disk tier of a loop's PrefixCache. What leaves the cache is written by a thread of its own. A
// request whose beginning the disk holds longer than memory waits beside the steps until another
// thread has read it; where many wait, and for what memory had to let go meanwhile, it is read when
// the request gets its turn. The engine's thread hands over evaluated arrays, and lets them go.
// Public functions belong to that thread, but for stats().
class PrefixDisk {
 public:
  // Opens the store. Throws what PrefixStore() throws. `wake` is called on other threads when there
  // is something for take_ready(). `memory_bytes`: the budget of the cache in memory; a larger file
  // is not read, and at most a quarter of it, or one prefix, waits to be written. The loop
  // outlives it, and steps no more once save_all() was called.
  PrefixDisk(
      PrefixDiskConfig config,
      const model_config::ModelConfig& model,
      std::uint64_t memory_bytes,
      StepLoop& loop,
      std::function<void()> wake);
  ~PrefixDisk();

  // Gives a sequence that has just come to the loop, at once or when its file was read.
  void add(std::unique_ptr<Sequence> sequence);

  // Puts what was read into the loop's cache and adds the sequences that waited for it; lets go
  // what was written.
  void take_ready();

  // Adds how many wait of each scope for what is read.
  void count_waiting(std::map<std::string, int>& by_scope) const;

  // No more reading: adds every sequence that waits to the loop.
  void stop_reading();
  // Writes what the loop's cache holds, the newest first, for at most
  // PrefixDiskConfig::save_seconds (and the time of one file), and ends. Call once, last.
  void save_all();

  [[nodiscard]] PrefixDiskStats stats() const;

 private:
  // A prefix on its way to the disk.
  struct Writing {
    PrefixStore::Owner owner;
    std::vector<int> tokens;
    std::vector<models::KvCache::Part> parts;  // evaluated
    std::vector<PrefixTensor> tensors;         // their bytes
    std::uint64_t bytes = 0;
  };
  struct Reading {
    PrefixStore::Owner owner;
    std::filesystem::path file;
  };
  struct Read {
    std::filesystem::path file;
    std::optional<LoadedPrefix> loaded;
  };
  using Sequences = std::vector<std::unique_ptr<Sequence>>;

  void offer(KeptPrefix prefix);
  [[nodiscard]] bool is_wanted(const KeptPrefix& prefix) const;
  // nullptr when that needs memory that is not there.
  static std::shared_ptr<Writing> prepare(KeptPrefix prefix);
  void write_all();
  void read_all();
  void save(const Writing& writing);
  // The file that holds enough of the sequence's beginning that memory does not.
  [[nodiscard]] std::optional<PrefixStore::Match> find(const Sequence& sequence) const;
  void read_now(const Sequence& sequence);
  void give_to_loop(Sequences& sequences);
  void stop_reader();
  // Into the loop's cache, for the first and whoever begins as it does.
  void use(const Read& read, std::span<const Sequence* const> sequences);

  const PrefixDiskConfig config_;
  const model_config::ModelConfig model_;
  const std::uint64_t memory_bytes_;
  const std::function<void()> wake_;
  StepLoop& loop_;
  PrefixStore store_;
  std::map<std::filesystem::path, Sequences> waiting_;  // for a file; the engine's thread alone

  base::Channel<std::shared_ptr<Writing>> to_write_;
  base::Channel<Reading> to_read_;
  std::atomic<std::uint64_t> unwritten_bytes_{0};
  std::atomic<std::uint64_t> saves_{0};
  std::atomic<std::uint64_t> skipped_{0};
  std::atomic<std::uint64_t> loads_{0};
  std::atomic<std::uint64_t> loaded_tokens_{0};
  std::atomic<bool> gives_up_{false};  // what waits to be written is not, any more

  std::mutex mutex_;
  std::condition_variable taken_;  // the reader waits on it: one file at a time is in memory
  std::optional<Read> read_;       // guarded by mutex_
  std::vector<std::shared_ptr<Writing>> written_;  // guarded by mutex_: to be let go
  std::thread writer_;
  std::thread reader_;
};

}  // namespace hub::engine
