#pragma once

#include <cstdint>
#include <limits>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace hub::text {
class Grammar;
}

namespace hub::engine {

// What is done to a sequence's logits before anything is drawn, in this order. A token counts as
// said when it is among the last `…_context` tokens of prompt and answer; absent: anywhere in the
// answer, as OpenAI counts it.
struct LogitRules {
  std::vector<std::pair<int, float>> bias = {};  // added to the token's logit

  // mlx_lm/sample_utils.py: make_repetition_penalty (arXiv:1909.05858). Logits of said tokens are
  // divided by it, negative ones multiplied. 1: off.
  float repetition_penalty = 1.0F;
  std::optional<int> repetition_context = 20;
  // make_presence_penalty: taken once from the logit of each said token. 0: off.
  float presence_penalty = 0.0F;
  std::optional<int> presence_context = std::nullopt;
  // make_frequency_penalty: taken as often as the token was said. 0: off.
  float frequency_penalty = 0.0F;
  std::optional<int> frequency_context = std::nullopt;

  // DRY (text-generation-webui pull request 5677): where the last n >= allowed_length tokens stand
  // earlier in the text, multiplier * base^(n - allowed_length) is taken from the logit of the
  // token that followed there.
  struct Dry {
    float multiplier = 0.0F;  // 0: off
    float base = 1.75F;
    int allowed_length = 2;
    std::optional<int> context = std::nullopt;  // tokens that are looked at; absent: all
    std::vector<int> breakers = {};             // no repetition reaches across these tokens
  } dry = {};
};

// How a token is drawn. Order of filters as in mlx_lm/sample_utils.py: top_p, min_p, (typical,)
// XTC, top_k, then categorical at `temperature`.
struct SamplingParams {
  float temperature = 1.0F;  // 0: the most likely token
  float top_p = 1.0F;        // [0, 1]; 0 keeps the most likely token only
  int top_k = 0;             // 0: off
  float min_p = 0.0F;        // [0, 1)
  // Locally typical sampling (arXiv:2202.00666): the tokens whose surprise is nearest to the
  // expected one, until they weigh this much together. (0, 1]; 1: off
  float typical_p = 1.0F;
  // XTC (text-generation-webui pull request 6335): with this probability all tokens likelier than
  // the threshold are left out but the least likely of them.
  float xtc_probability = 0.0F;                      // [0, 1]
  float xtc_threshold = 0.1F;                        // [0, 0.5]
  std::vector<int> xtc_exempt = {};                  // tokens that XTC never leaves out
  std::optional<std::uint64_t> seed = std::nullopt;  // absent: drawn anew
  LogitRules rules = {};
  int top_logprobs = 0;  // how many of the most likely tokens are told with each drawn one
};

enum class FinishReason : std::uint8_t { kStop, kLength, kCancelled, kError };

// "stop", "length", "cancelled", "error"
std::string_view to_string(FinishReason reason);

// GenerateRequest::max_tokens of a request that names none.
inline constexpr int kToTheContextsEnd = std::numeric_limits<int>::max();

struct GenerateRequest {
  std::string request_id;
  std::vector<int> prompt;  // not empty
  // >= 0; prompt + max_tokens is cut to the context length, but where caches roll (RequestLimits).
  // 0: the prompt is computed and nothing said.
  int max_tokens = 0;
  SamplingParams sampling = {};
  std::vector<int> stop_ids = {};  // end the answer and are not part of it
  int min_tokens = 0;              // no stop id is drawn before the answer has as many
  // Id of an attached adapter (Engine::attach); absent: the base.
  std::optional<std::string> adapter = std::nullopt;
  // What the answer must look like; it has the model's end tokens among its own. Absent: anything.
  std::shared_ptr<const text::Grammar> grammar = nullptr;
  // A text that the answer may resemble: its tokens are guessed from it, which changes nothing but
  // the time.
  std::vector<int> hint = {};
  // The first event tells how likely the prompt's tokens are, and sampling.top_logprobs others at
  // their places: the whole prompt is computed then, whatever of it is cached.
  bool prompt_logprobs = false;
  // Whose it is: cached prefixes are shared among requests of one scope only.
  std::string cache_scope = {};
  // Those with a lower one start first and give way last; among equals scopes are served fair.
  int priority = 0;
};

// natural log, of the distribution that it was drawn from, before temperature and filters
struct TokenLogprob {
  int token = -1;
  float logprob = 0.0F;
};

// A token and how likely it and others were at its place.
struct TextToken {
  TokenLogprob drawn;
  std::vector<TokenLogprob> top;  // SamplingParams::top_logprobs, the likeliest first
};

// One generated token. The last event has `finish` set and, unless it is kLength, no token of its
// own (token < 0); nor has the only one of a request for no tokens.
struct TokenEvent {
  int token = -1;
  float logprob = 0.0F;                // as TokenLogprob's
  std::vector<TokenLogprob> top = {};  // SamplingParams::top_logprobs, the likeliest first
  std::optional<FinishReason> finish = std::nullopt;
  std::string error = {};  // message when finish is kError
  double seconds = 0.0;    // base::steady_seconds() when the token was drawn; 0 without one
  // With GenerateRequest::prompt_logprobs, in the first event unless that is an error's or a
  // cancellation's: the prompt's tokens but the first, which nothing precedes.
  std::vector<TextToken> prompt = {};
  std::optional<TextToken> stop = std::nullopt;  // with kStop: the stop id that was drawn
};

}  // namespace hub::engine
