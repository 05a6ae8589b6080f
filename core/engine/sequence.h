#pragma once

#include <algorithm>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "core/engine/generation.h"
#include "core/engine/hidden_rows.h"
#include "core/engine/prefix_cache.h"
#include "core/engine/scheduler.h"
#include "core/engine/speculation.h"
#include "core/engine/stream_state.h"
#include "core/models/attend.h"
#include "core/text/grammar.h"

namespace hub::engine {

// One request while it lives in the engine. Made by submit(), then belongs to the engine's thread.
struct Sequence {
  std::string request_id;
  std::vector<int> tokens;  // the prompt's, then those generated
  int prompt_length = 0;
  int max_length = 0;  // tokens.size() at which it ends with kLength
  SamplingParams sampling;
  std::uint64_t seed = 0;
  std::vector<int> stop_ids;
  std::optional<text::GrammarState> grammar{};  // how far the answer has come in it
  // Bit i: the grammar lets token i come next; then the same after each token of the draft.
  std::vector<std::uint32_t> mask{};
  std::string mask_error{};  // why it lets nothing come
  int min_length = 0;        // tokens.size() before which no stop id is drawn
  std::vector<int> hint{};   // what the answer may resemble
  // How good drafts from the text, from the grammar and from the draft maker were (absent: it made
  // none yet), and where the last one came from.
  DraftRecord looked_up{0.5};
  DraftRecord forced{0.95};
  std::optional<DraftRecord> modelled{};
  DraftSource draft_source = DraftSource::kText;
  // Its adapter is shared, so that one that is detached meanwhile lives until its last sequence
  // ends.
  PrefixOwner owner;
  int key = 0;       // of owner.scope: whose share it is served from (fair_shares.h)
  int priority = 0;  // GenerateRequest's
  int charged = 0;   // tokens of its beginning that the key was charged for, or that were cached
  std::shared_ptr<StreamState> stream;   // shared with the reader
  std::optional<models::KvCache> cache;  // absent while it waits
  int capacity = 0;                      // tokens that the cache has room for
  // The draft maker's (draft_maker.h): of a draft model of a beginning of `tokens`, of the model's
  // own head of `draft_read` rows of it (mtp_drafter.h). Absent until that drafts for it, and while
  // it waits.
  std::optional<models::KvCache> draft_cache{};
  HiddenRows draft_hidden{};  // what the head has yet to read, up to the last token in `cache`
  int draft_read = 0;
  int awaited = 0;  // tokens of steps that were begun and not taken (decode_ahead.h)
  // GenerateRequest::prompt_logprobs, until they were told, and those that are computed: of the
  // prompt's tokens but the first (prompt_scores.h).
  bool tells_prompt = false;
  std::vector<TextToken> prompt_scores{};
  bool ended = false;  // its last event was sent
  // While it waits: whose cache it starts from once that holds so many tokens (prefix_leader.h).
  std::shared_ptr<StreamState> leader{};
  std::size_t shared_tokens = 0;

  // Whether the likelihood of tokens of its prompt is still to be computed.
  [[nodiscard]] bool scores_prompt() const {
    return tells_prompt && prompt_scores.size() + 1 < static_cast<std::size_t>(prompt_length);
  }

  // The known tokens whose keys and values are in the cache.
  [[nodiscard]] std::span<const int> cached_tokens() const {
    const auto cached = cache ? static_cast<std::size_t>(cache->length()) : 0;
    return std::span(tokens).first(std::min(cached, tokens.size()));
  }

  // Bytes of its caches.
  [[nodiscard]] std::uint64_t kv_bytes() const {
    return (cache ? cache->bytes() : 0) + (draft_cache ? draft_cache->bytes() : 0);
  }

  // What a draft maker knows of it.
  void forget_drafts() {
    draft_cache.reset();
    draft_hidden = {};
    draft_read = 0;
  }

  // What a cache can save of it: all but the last token, which is computed for its logits.
  [[nodiscard]] std::span<const int> beginning() const {
    return std::span(tokens).first(tokens.size() - 1);
  }

  [[nodiscard]] SequenceView view() const {
    const int cached = cache ? cache->length() : 0;
    return {
        .cached = cached,
        .pending = static_cast<int>(tokens.size()) + awaited - cached,
        .capacity = capacity,
        .key = key,
        .priority = priority,
        .began = stream->began.load(std::memory_order_relaxed) != 0.0,
        .held = leader != nullptr};
  }
};

}  // namespace hub::engine
