#include "api/worker/stop_ids.h"

#include <nlohmann/json.hpp>

#include "core/base/file.h"
#include "core/base/json_reader.h"

namespace hub::api {

std::vector<int> stop_ids(
    const model_config::ModelConfig& config,
    const text::Tokenizer& tokenizer,
    const std::filesystem::path& folder) {
  const std::filesystem::path file = folder / "tokenizer_config.json";
  if (!config.eos_token_ids.empty() || !std::filesystem::exists(file)) {
    return config.eos_token_ids;
  }
  const base::Json json = base::parse_json(base::read_file(file), "tokenizer_config.json");
  const auto found = json.find("eos_token");
  if (found == json.end() || found->is_null()) {
    return {};
  }
  // Either the token itself, or an AddedToken object with its "content".
  const std::string token =
      found->is_object() ? found->value("content", "") : found->get<std::string>();
  const auto id = tokenizer.token_to_id(token);
  return id ? std::vector{*id} : std::vector<int>{};
}

}  // namespace hub::api
