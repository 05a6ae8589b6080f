#include "api/handlers/capabilities.h"

#include <string>

#include <nlohmann/json.hpp>

#include "api/handlers/request_json.h"
#include "core/model_config/encoder_config.h"

namespace hub::api {

namespace {

using base::Json;

std::string architecture_of(const Json& config) {
  const auto found = config.find("architecture");
  return found != config.end() && found->is_string() ? found->get<std::string>() : std::string();
}

}  // namespace

bool makes_text(const registry::Version& version) {
  return !model_config::is_encoder_type(architecture_of(stored_json(version.config_json)));
}

Json capabilities_json(const Json& config) {
  const std::string architecture = architecture_of(config);
  if (architecture.empty()) {
    return nullptr;
  }
  const bool text = !model_config::is_encoder_type(architecture);
  const auto found = config.find("chat_template");
  const bool has_template = found != config.end() && found->is_boolean() && found->get<bool>();
  return {
      {"chat", text && has_template},
      {"completions", text},
      {"embeddings", true},
      {"finetune", text}};
}

}  // namespace hub::api
