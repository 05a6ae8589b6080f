#pragma once

#include <string>
#include <vector>

#include "core/base/json.h"

namespace hub::api {

// The body of llama.cpp's POST /tokenize. Throws kInvalidArgument naming the field.
struct TokenizeBody {
  std::string model;  // "" when absent
  std::string content;
  bool add_special = false;
  bool with_pieces = false;  // each token with its text
  static TokenizeBody from_json(const base::Json& body);
};

// The body of POST /detokenize. Throws kInvalidArgument naming the field.
struct DetokenizeBody {
  std::string model;
  std::vector<int> tokens;
  static DetokenizeBody from_json(const base::Json& body);
};

}  // namespace hub::api
