#pragma once

#include <string>

#include "core/base/json.h"

namespace hub::model_config {

// The settings of a merge job: what POST /jobs accepts under "params" and what the worker gets.
struct MergeParams {
  bool dequantize = false;  // true: float weights; false: packed as the base is
  bool check = true;        // measure what it did to the logits

  // Throws kInvalidArgument naming the field; refuses unknown fields.
  static MergeParams from_json(const base::Json& json, const std::string& path);
  [[nodiscard]] base::Json to_json() const;
};

}  // namespace hub::model_config
