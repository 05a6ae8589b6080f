#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <mutex>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "core/engine/prefix_file.h"

namespace hub::engine {

// The kept prefixes of one model on disk, a file each (docs/storage-format.md, "Kept prefixes").
// Several engines may use one folder at once, of one model or of several: the bound is on all
// files below it. What a crash left half-written, what is damaged, what another program computed
// and what is another model's is removed, never used. Thread-safe; functions that touch the disk
// say so.
class PrefixStore {
 public:
  struct Space {
    std::uint64_t free = 0;  // for this user
    std::uint64_t capacity = 0;
  };
  struct Options {
    std::filesystem::path root;  // of all models; made with mode 0700
    std::string model;           // digest: letters and digits
    std::string computed_by;     // PrefixTags
    std::uint64_t budget_bytes = 0;
    // Of a model with recurrent layers a prefix can only be used whole.
    bool whole_only = false;
    // Of the file system; for tests. Without it the system is asked.
    std::function<Space(const std::filesystem::path&)> space{};
  };
  // Reads what each file says of itself. Throws kUnavailable when the folder cannot be used.
  explicit PrefixStore(Options options);

  // Whose prefix: PrefixTags without what all prefixes of this engine have in common.
  struct Owner {
    std::string adapter{};
    std::string scope{};
  };

  struct Match {
    std::filesystem::path file{};
    std::size_t length = 0;  // how many tokens of those asked for it holds
    std::size_t stored = 0;  // how many it holds in all
    std::uint64_t bytes = 0;
  };
  // The file with the longest usable beginning of `tokens`. Does not touch the disk.
  [[nodiscard]] std::optional<Match> find(const Owner& owner, std::span<const int> tokens) const;
  // Whether a file holds all of them, usable for whoever goes on behind them. Does not touch the
  // disk.
  [[nodiscard]] bool holds(const Owner& owner, std::span<const int> tokens) const;

  // Writes a prefix: a temporary file, fsync, rename, fsync of the folder. The files used least
  // recently go for it, and those of which it holds all. False when there is no room for it: it is
  // larger than the budget, or the disk is nearly full. Throws kUnavailable when the disk refuses.
  bool save(const Owner& owner, std::span<const int> tokens, std::span<const PrefixTensor> tensors);

  // Reads and checks a file of `owner`, which then counts as used now. nullopt when it is gone,
  // damaged or somebody else's; such a one is removed and a warning logged.
  std::optional<LoadedPrefix> load(const Owner& owner, const std::filesystem::path& file);
  // Removes a file that is of no use.
  void remove(const std::filesystem::path& file, const std::string& why);

  // Of this model's files that it knows.
  [[nodiscard]] std::uint64_t bytes() const;
  [[nodiscard]] std::size_t files() const;

  // What must stay free on a disk of that size: 5 %, but at least 1 GiB and at most 16 GiB.
  static std::uint64_t reserve_of(std::uint64_t capacity);

 private:
  class Lock;
  struct Item {
    Owner owner;
    std::vector<int> tokens;
    std::filesystem::path file;
    std::uint64_t bytes = 0;
  };

  void remove_half_written() const;
  void read_index();
  void read_item(const std::filesystem::path& file, const std::string& adapter);
  [[nodiscard]] std::size_t usable(
      const Item& item, const Owner& owner, std::span<const int> tokens) const;
  [[nodiscard]] std::filesystem::path path_of(
      const Owner& owner, std::span<const int> tokens) const;
  [[nodiscard]] PrefixTags tags_of(const Owner& owner) const;
  bool make_room(std::uint64_t bytes);
  void forget(const std::filesystem::path& file);
  void add(Item item);

  const Options options_;
  const std::filesystem::path folder_;  // of this model
  mutable std::mutex mutex_;
  std::vector<Item> items_;  // guarded by mutex_
};

}  // namespace hub::engine
