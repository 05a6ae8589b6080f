#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace hub::engine {

// How a token is drawn. Order of filters as in mlx_lm/sample_utils.py: top_p, min_p, top_k, then
// categorical at `temperature`.
struct SamplingParams {
  float temperature = 1.0F;                          // 0: the most likely token
  float top_p = 1.0F;                                // [0, 1]; 0 keeps the most likely token only
  int top_k = 0;                                     // 0: off
  float min_p = 0.0F;                                // [0, 1)
  std::optional<std::uint64_t> seed = std::nullopt;  // absent: drawn anew
};

enum class FinishReason : std::uint8_t { kStop, kLength, kCancelled, kError };

// "stop", "length", "cancelled", "error"
std::string_view to_string(FinishReason reason);

struct GenerateRequest {
  std::string request_id;
  std::vector<int> prompt;  // not empty
  int max_tokens = 0;       // >= 1; prompt + max_tokens is cut to the context length
  SamplingParams sampling = {};
  std::vector<int> stop_ids = {};  // end the answer and are not part of it
  // Id of an attached adapter (Engine::attach); absent: the base.
  std::optional<std::string> adapter = std::nullopt;
};

// One generated token. The last event has `finish` set and, unless it is kLength, no token of its
// own (token < 0).
struct TokenEvent {
  int token = -1;
  float logprob =
      0.0F;  // natural log, under the model's distribution before temperature and filters
  std::optional<FinishReason> finish = std::nullopt;
  std::string error = {};  // message when finish is kError
  double seconds = 0.0;    // base::steady_seconds() when the token was drawn; 0 without one
};

}  // namespace hub::engine
