#pragma once

#include <cstddef>
#include <deque>
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
  // Those whose text ends within what was told so far and that no earlier delta had. A found stop
  // string's are in none.
  std::vector<TextToken> tokens = {};
  std::optional<FinishReason> finish = std::nullopt;  // set on the last delta only
  std::string error = {};                             // message when finish is kError
  std::optional<TextToken> stop = std::nullopt;       // the stop id that ended the answer
};

// A request's answer as text: detokenizes and looks for stop strings on the reader's thread. The
// only primitive of generation; a whole answer is a collected stream. Belongs to one thread.
// Destroying it cancels the request.
class TextStream {
 public:
  // `stops`: strings that end the answer and are not part of it. `shown`: special tokens that are
  // part of the text all the same, under their own names.
  TextStream(
      TokenStream tokens,
      std::shared_ptr<const text::Tokenizer> tokenizer,
      std::vector<std::string> stops,
      std::vector<int> shown = {});

  // Waits for more text; nullopt after the last delta. With a stop string found the last delta has
  // kStop, and generation is cancelled.
  std::optional<TextDelta> next();
  // As next(), but returns nullopt and sets `*timed_out` when the request said nothing at all for
  // `timeout_ms`.
  std::optional<TextDelta> next_for(int timeout_ms, bool* timed_out);

  // Cancels the request: nothing more is wanted, and next() gives nothing more.
  void end();

  // Tokens read so far, those of a found stop string included.
  [[nodiscard]] int completion_tokens() const { return completion_tokens_; }

  // Of the prompt's tokens those that were cached already; known with the first delta.
  [[nodiscard]] int cached_tokens() const { return cached_tokens_; }
  // With GenerateRequest::prompt_logprobs, known with the first delta: of the prompt's tokens but
  // the first.
  [[nodiscard]] const std::vector<TextToken>& prompt() const { return prompt_; }
  // As TokenStream's, when the last delta was read.
  [[nodiscard]] int drafted_tokens() const { return drafted_tokens_; }
  [[nodiscard]] int accepted_tokens() const { return accepted_tokens_; }

  // The stop string that ended the answer; "" where none did.
  [[nodiscard]] const std::string& stop() const { return stops_.found(); }

  // Of the tokens read so far.
  [[nodiscard]] TokenTimes times() const;

  // See TokenStream::canceller().
  [[nodiscard]] std::function<void()> canceller() const { return canceller_; }

 private:
  // A token whose text was not told yet.
  struct HeldToken {
    TextToken token;
    std::size_t end = 0;  // of its text, in bytes from the answer's begin
  };

  std::optional<TextDelta> take(TokenEvent event);
  std::string text_of(int token);
  void release_tokens(std::vector<TextToken>& tokens, bool all);

  std::optional<TokenStream> tokens_;  // absent after the last delta
  std::function<void()> canceller_;
  std::shared_ptr<const text::Tokenizer> tokenizer_;
  std::vector<int> shown_;
  std::unique_ptr<text::Detokenizer> detokenizer_;
  text::StopMatcher stops_;
  std::vector<TextToken> prompt_;
  int completion_tokens_ = 0;
  int cached_tokens_ = 0;
  int drafted_tokens_ = 0;
  int accepted_tokens_ = 0;
  std::deque<HeldToken> held_;
  std::size_t detokenized_ = 0;  // bytes
  std::size_t told_ = 0;         // bytes
  TokenTimes times_;
};

}  // namespace hub::engine
