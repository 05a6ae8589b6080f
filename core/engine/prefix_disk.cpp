#include "core/engine/prefix_disk.h"

#include <algorithm>
#include <exception>
#include <optional>
#include <utility>

#ifdef __linux__
#include <sys/resource.h>
#endif

#include "core/base/clock.h"
#include "core/base/error.h"
#include "core/engine/prefix_arrays.h"
#include "core/obs/log.h"

namespace hub::engine {

namespace {

constexpr std::size_t kMostWaiting = 1024;  // jobs of either thread
// A file is read whole: no more than so many times the tokens that it saves.
constexpr std::size_t kMostUnused = 8;
// That sequences wait for.
constexpr std::size_t kMostFiles = 8;

// Steps need the processor more than the disk does.
void give_way_to_steps() {
#ifdef __linux__
  constexpr int nice = 10;
  ::setpriority(PRIO_PROCESS, 0, nice);  // of this thread
#endif
}

PrefixStore::Owner owner_of(const PrefixOwner& owner) {
  return {
      .adapter = owner.adapter == nullptr ? std::string() : owner.adapter->digest,
      .scope = owner.scope};
}

}  // namespace

PrefixDisk::PrefixDisk(
    PrefixDiskConfig config,
    const model_config::ModelConfig& model,
    std::uint64_t memory_bytes,
    StepLoop& loop,
    std::function<void()> wake)
    : config_(std::move(config)),
      model_(model),
      memory_bytes_(memory_bytes),
      wake_(std::move(wake)),
      loop_(loop),
      store_(
          {.root = config_.root,
           .model = config_.model_digest,
           .computed_by = config_.computed_by,
           .budget_bytes = config_.budget_bytes,
           .whole_only = model_.linear_attention.has_value()}),
      to_write_(kMostWaiting),
      to_read_(kMostWaiting),
      writer_([this] { write_all(); }),
      reader_([this] { read_all(); }) {
  loop_.prefixes().on_leave([this](KeptPrefix prefix) { offer(std::move(prefix)); });
  loop_.on_admit([this](const Sequence& sequence) { read_now(sequence); });
}

PrefixDisk::~PrefixDisk() {
  loop_.prefixes().on_leave({});
  loop_.on_admit({});
  gives_up_ = true;
  to_write_.close();
  stop_reader();
  for (std::thread* thread : {&writer_, &reader_}) {
    if (thread->joinable()) {
      thread->join();
    }
  }
}

bool PrefixDisk::is_wanted(const KeptPrefix& prefix) const {
  const bool is_known = prefix.of_base || !prefix.adapter_digest.empty();
  return is_known && prefix.tokens.size() >= config_.least_tokens &&
         !store_.holds({prefix.adapter_digest, prefix.scope}, prefix.tokens);
}

std::shared_ptr<PrefixDisk::Writing> PrefixDisk::prepare(KeptPrefix prefix) {
  auto writing = std::make_shared<Writing>();
  writing->owner = {.adapter = std::move(prefix.adapter_digest), .scope = std::move(prefix.scope)};
  writing->tokens = std::move(prefix.tokens);
  writing->parts = prefix.cache.parts();
  writing->bytes = prefix.bytes;
  try {
    writing->tensors = tensors_of(writing->parts, prefix.cache.length());
  } catch (const std::exception& error) {  // no memory for a copy
    obs::log::warning("prefix_not_saved", {{"error", std::string(error.what())}});
    return nullptr;
  }
  return writing;
}

void PrefixDisk::offer(KeptPrefix prefix) {
  if (!is_wanted(prefix)) {
    return;
  }
  // They are memory beyond the cache's budget as long as they wait.
  const std::uint64_t bytes = prefix.bytes;
  const std::uint64_t unwritten = unwritten_bytes_;
  const bool has_room = unwritten == 0 || unwritten + bytes <= memory_bytes_ / 4;
  const auto writing = has_room ? prepare(std::move(prefix)) : nullptr;
  if (writing == nullptr) {
    ++skipped_;
    return;
  }
  unwritten_bytes_ += bytes;
  if (!to_write_.try_push(writing)) {
    unwritten_bytes_ -= bytes;
    ++skipped_;
  }
}

void PrefixDisk::save(const Writing& writing) {
  try {
    const bool is_saved = store_.save(writing.owner, writing.tokens, writing.tensors);
    ++(is_saved ? saves_ : skipped_);
  } catch (const std::exception& error) {
    ++skipped_;
    obs::log::warning(
        "prefix_not_saved",
        {{"tokens", writing.tokens.size()}, {"error", std::string(error.what())}});
  }
}

void PrefixDisk::write_all() {
  give_way_to_steps();
  while (auto writing = to_write_.pop()) {
    if (gives_up_) {
      ++skipped_;
    } else {
      save(**writing);
    }
    unwritten_bytes_ -= (*writing)->bytes;
    {
      const std::lock_guard lock(mutex_);
      written_.push_back(std::move(*writing));
    }
    wake_();
  }
}

std::optional<PrefixStore::Match> PrefixDisk::find(const Sequence& sequence) const {
  const PrefixOwner& owner = sequence.owner;
  if (owner.adapter != nullptr && owner.adapter->digest.empty()) {
    return std::nullopt;
  }
  const auto match = store_.find(owner_of(owner), sequence.beginning());
  if (!match || match->length < config_.least_saving || match->bytes > memory_bytes_) {
    return std::nullopt;
  }
  const std::size_t known = loop_.known_beginning(sequence);
  const bool is_worth_it = match->length >= known + config_.least_saving &&
                           match->stored <= kMostUnused * (match->length - known);
  return is_worth_it ? match : std::nullopt;
}

void PrefixDisk::add(std::unique_ptr<Sequence> sequence) {
  // Whoever has to wait for a turn in any case waits there: others may come first, and what was
  // read too early is let go again.
  const auto match = loop_.waiting() == 0 ? find(*sequence) : std::nullopt;
  const auto same = match ? waiting_.find(match->file) : waiting_.end();
  const bool is_asked =
      match && (same != waiting_.end() ||
                (waiting_.size() < kMostFiles &&
                 to_read_.try_push({.owner = owner_of(sequence->owner), .file = match->file})));
  if (!is_asked) {
    loop_.add(std::move(sequence));
    return;
  }
  waiting_[match->file].push_back(std::move(sequence));
}

void PrefixDisk::read_all() {
  while (auto reading = to_read_.pop()) {
    Read read{.file = reading->file, .loaded = {}};
    try {
      read.loaded = store_.load(reading->owner, reading->file);
    } catch (const std::exception& error) {  // no memory for it
      obs::log::warning("prefix_not_loaded", {{"error", std::string(error.what())}});
    }
    std::unique_lock lock(mutex_);
    read_ = std::move(read);
    lock.unlock();
    wake_();
    lock.lock();
    taken_.wait(lock, [this] { return !read_ || to_read_.closed(); });
  }
}

void PrefixDisk::read_now(const Sequence& sequence) {
  try {
    if (const auto match = find(sequence)) {
      const Sequence* const one = &sequence;
      use({.file = match->file, .loaded = store_.load(owner_of(sequence.owner), match->file)},
          {&one, 1});
    }
  } catch (const std::exception& error) {  // no memory for it
    obs::log::warning("prefix_not_loaded", {{"error", std::string(error.what())}});
  }
}

void PrefixDisk::use(const Read& read, std::span<const Sequence* const> sequences) {
  if (!read.loaded) {
    return;
  }
  try {
    const std::vector<int>& tokens = read.loaded->head.tokens;
    loop_.prefixes().keep(
        sequences.front()->owner, tokens, cache_of(*read.loaded, model_, loop_.cache_options()));
    ++loads_;
    for (const Sequence* sequence : sequences) {
      loaded_tokens_ += common_prefix(tokens, sequence->beginning());
    }
  } catch (const base::Error& error) {  // not this model's arrays
    store_.remove(read.file, error.what());
  } catch (const std::exception& error) {
    obs::log::warning("prefix_not_loaded", {{"error", std::string(error.what())}});
  }
}

void PrefixDisk::take_ready() {
  std::optional<Read> read;
  std::vector<std::shared_ptr<Writing>> written;  // end here, on the thread that made them
  {
    const std::lock_guard lock(mutex_);
    read = std::exchange(read_, std::nullopt);
    written.swap(written_);
  }
  taken_.notify_one();
  const auto waiting = read ? waiting_.find(read->file) : waiting_.end();
  if (waiting == waiting_.end()) {
    return;
  }
  std::vector<const Sequence*> sequences;
  for (const auto& sequence : waiting->second) {
    sequences.push_back(sequence.get());
  }
  use(*read, sequences);
  give_to_loop(waiting->second);
  waiting_.erase(waiting);
}

void PrefixDisk::count_waiting(std::map<std::string, int>& by_scope) const {
  for (const auto& [file, sequences] : waiting_) {
    for (const auto& sequence : sequences) {
      ++by_scope[sequence->owner.scope];
    }
  }
}

void PrefixDisk::give_to_loop(Sequences& sequences) {
  for (auto& sequence : sequences) {
    loop_.add(std::move(sequence));
  }
  sequences.clear();
}

void PrefixDisk::stop_reader() {
  {
    const std::lock_guard lock(mutex_);
    to_read_.close();
  }
  taken_.notify_one();
}

void PrefixDisk::stop_reading() {
  stop_reader();
  for (auto& [file, sequences] : waiting_) {
    give_to_loop(sequences);
  }
  waiting_.clear();
}

void PrefixDisk::save_all() {
  const double end = base::steady_seconds() + config_.save_seconds;
  to_write_.close();
  // What left the memory before goes first; it is already on its way.
  while (unwritten_bytes_ > 0 && base::steady_seconds() < end) {
    std::this_thread::sleep_for(std::chrono::milliseconds(1));
  }
  gives_up_ = true;
  writer_.join();
  std::uint64_t left = 0;
  while (auto prefix = loop_.prefixes().take_newest()) {
    if (!is_wanted(*prefix)) {
      continue;
    }
    if (base::steady_seconds() >= end) {
      ++left;
    } else if (const auto writing = prepare(std::move(*prefix))) {
      save(*writing);
    }
  }
  if (left > 0) {
    obs::log::info("prefixes_not_saved", {{"prefixes", left}, {"seconds", config_.save_seconds}});
  }
  const std::lock_guard lock(mutex_);
  written_.clear();
}

PrefixDiskStats PrefixDisk::stats() const {
  return {
      .bytes = store_.bytes(),
      .files = store_.files(),
      .saves = saves_,
      .skipped = skipped_,
      .loads = loads_,
      .loaded_tokens = loaded_tokens_};
}

}  // namespace hub::engine
