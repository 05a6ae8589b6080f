#include "core/base/lenient_json.h"

#include <nlohmann/json.hpp>

#include "core/base/error.h"
#include "core/base/json_reader.h"

namespace hub::base {

std::optional<Json> parse_json_if_valid(std::string_view text) {
  try {
    return parse_json(text, "the text");
  } catch (const Error&) {
    return std::nullopt;
  }
}

}  // namespace hub::base
