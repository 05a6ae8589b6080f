#include "core/chat/json_text.h"

#include <nlohmann/json.hpp>

namespace hub::chat {

std::string json_text(const base::Json& value) {
  return value.dump(-1, ' ', false, base::Json::error_handler_t::replace);
}

std::string json_string(std::string_view text) {
  return json_text(base::Json(text));
}

}  // namespace hub::chat
