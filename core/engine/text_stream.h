#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "core/engine/generation.h"
#include "core/engine/token_stream.h"
#include "core/engine/token_times.h"
#include "core/text/detokenizer.h"
#include "core/text/stop_matcher.h"
#include "core/text/tokenizer.h"

namespace hub::engine {

struct TextDelta {
  std::string text;  // whole UTF-8 characters; may be empty in the last delta only
  std::optional<FinishReason> finish = std::nullopt;  // set on the last delta only
  std::string error = {};                             // message when finish is kError
};

// A request's answer as text: detokenizes and looks for stop strings on the reader's thread. The
// only primitive of generation; a whole answer is a collected stream. Belongs to one thread.
// Destroying it cancels the request.
class TextStream {
 public:
  // `stops`: strings that end the answer and are not part of it.
  TextStream(
      TokenStream tokens,
      std::shared_ptr<const text::Tokenizer> tokenizer,
      std::vector<std::string> stops);

  // Waits for more text; nullopt after the last delta. With a stop string found the last delta has
  // kStop, and generation is cancelled.
  std::optional<TextDelta> next();
  // As next(), but returns nullopt and sets `*timed_out` when the request said nothing at all for
  // `timeout_ms`.
  std::optional<TextDelta> next_for(int timeout_ms, bool* timed_out);

  // Tokens read so far, those of a found stop string included.
  [[nodiscard]] int completion_tokens() const { return completion_tokens_; }

  // Of the tokens read so far.
  [[nodiscard]] TokenTimes times() const;

  // See TokenStream::canceller().
  [[nodiscard]] std::function<void()> canceller() const { return canceller_; }

 private:
  std::optional<TextDelta> take(const TokenEvent& event);

  std::optional<TokenStream> tokens_;  // absent after the last delta
  std::function<void()> canceller_;
  std::unique_ptr<text::Detokenizer> detokenizer_;
  text::StopMatcher stops_;
  int completion_tokens_ = 0;
  TokenTimes times_;
};

}  // namespace hub::engine
