#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <list>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "core/models/attend.h"
#include "core/nn/lora.h"

namespace hub::engine {

// Fewer common tokens than this are computed again sooner than their keys and values are copied.
inline constexpr std::size_t kShortestPrefix = 16;

// What keys and values depend on beside the tokens, and who may know that they are there.
struct PrefixOwner {
  std::shared_ptr<const nn::LoraAdapter> adapter;  // null: the base
  std::string scope;                               // requests of different scopes share nothing

  bool operator==(const PrefixOwner&) const = default;
};

// The keys and values of a sequence that ended.
struct KeptPrefix {
  bool of_base = true;
  std::weak_ptr<const nn::LoraAdapter> adapter{};  // unless of_base
  std::string adapter_digest{};                    // LoraAdapter::digest
  std::string scope{};
  std::vector<int> tokens{};
  models::KvCache cache;  // of exactly these tokens
  std::uint64_t bytes = 0;
};

// How many tokens both begin with.
std::size_t common_prefix(std::span<const int> a, std::span<const int> b);

// The keys and values of sequences that ended, for those that begin as they did: the next turn of a
// chat computes only what is new in it. Those unused for longest go first. Belongs to the thread
// that owns MLX.
class PrefixCache {
 public:
  // Of a model with recurrent layers a prefix can only be used whole.
  explicit PrefixCache(bool has_recurrent_layers) : whole_only_(has_recurrent_layers) {}

  // Keeps `cache`, which holds exactly `tokens`. What others of the same owner held of the same
  // beginning goes with it; nothing happens when one of them holds all of it, or when it is shorter
  // than kShortestPrefix.
  void keep(const PrefixOwner& owner, std::span<const int> tokens, models::KvCache cache);

  // How many tokens of `tokens` the best entry holds; 0: too few to be of use.
  [[nodiscard]] std::size_t find(const PrefixOwner& owner, std::span<const int> tokens) const;

  // A cache that holds the first find() tokens: the entry itself where it holds no more, else a
  // copy. nullopt when find() is 0.
  std::optional<models::KvCache> begin(const PrefixOwner& owner, std::span<const int> tokens);

  // Lets entries go until at most so many bytes are held, and those of adapters that are gone.
  void shrink(std::uint64_t bytes);
  // Gets what shrink() lets go.
  void on_leave(std::function<void(KeptPrefix)> take) { on_leave_ = std::move(take); }

  // The entry used last, which it then no longer holds; nullopt when empty.
  std::optional<KeptPrefix> take_newest();

  [[nodiscard]] std::uint64_t bytes() const;
  [[nodiscard]] std::size_t entries() const { return entries_.size(); }

 private:
  using Entry = KeptPrefix;
  using Entries = std::list<Entry>;  // the one used last comes first

  [[nodiscard]] static bool belongs(const Entry& entry, const PrefixOwner& owner);
  // The best entry and how many tokens of it are of use.
  [[nodiscard]] std::pair<Entries::const_iterator, std::size_t> best(
      const PrefixOwner& owner, std::span<const int> tokens) const;

  void let_go(Entries::iterator entry);

  const bool whole_only_;
  std::function<void(KeptPrefix)> on_leave_;
  Entries entries_;
};

}  // namespace hub::engine
