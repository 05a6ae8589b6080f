#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "core/base/json_reader.h"

namespace hub::api {

// What the chat and the text route have in common, read from a request's body.
struct GenerationOptions {
  std::string model;  // "" when absent
  bool stream = false;
  bool include_usage = false;  // stream_options.include_usage
  float temperature = 1.0F;    // [0, 2]; 0: the most likely token
  float top_p = 1.0F;          // [0, 1]
  int top_k = 0;               // 0: off (-1 is accepted for it, as some clients send)
  float min_p = 0.0F;          // [0, 1]
  std::optional<std::uint64_t> seed;
  std::optional<int> max_tokens;  // max_completion_tokens, else max_tokens; absent: no limit but
                                  // the context
  std::vector<std::string> stop;  // at most 16

  // Unknown fields are ignored; known ones of a wrong type or range, and those that would change
  // the answer but are not supported, throw kInvalidArgument with the field's path (reason
  // "unsupported_parameter" for the latter).
  static GenerationOptions from_json(const base::JsonReader& body);
};

// Throws the error for a field that would change the answer but is not supported.
[[noreturn]] void refuse_unsupported(const std::string& path, const std::string& advice);

}  // namespace hub::api
