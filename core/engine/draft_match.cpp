#include "core/engine/draft_match.h"

#include <string>

#include <fmt/format.h>

#include "core/base/error.h"
#include "core/base/file.h"
#include "core/model_config/memory_estimate.h"
#include "core/text/tokenizer.h"

namespace hub::engine {

namespace fs = std::filesystem;
using model_config::ModelConfig;

namespace {

[[noreturn]] void refuse(const fs::path& folder, const std::string& why) {
  throw base::Error(
      base::ErrorCode::kUnprocessable,
      fmt::format("draft_model: {} cannot draft for this model: {}", folder.string(), why),
      "draft_model",
      "draft_model_mismatch");
}

std::string spelled(const text::Tokenizer& tokenizer, int id) {
  const auto token = tokenizer.id_to_token(id);
  return token ? fmt::format("'{}'", *token) : "nothing";
}

void check_same_tokens(const fs::path& folder, const fs::path& target_folder) {
  constexpr const char* file = "tokenizer.json";
  if (fs::exists(folder / file) &&
      base::sha256_file(folder / file) == base::sha256_file(target_folder / file)) {
    return;
  }
  const auto tokenizer = text::Tokenizer::load(folder);
  const auto target = text::Tokenizer::load(target_folder);
  if (tokenizer->vocabulary_size() != target->vocabulary_size()) {
    refuse(
        folder,
        fmt::format(
            "its vocabulary has {} tokens, the model's {}",
            tokenizer->vocabulary_size(),
            target->vocabulary_size()));
  }
  for (int id = 0; id < target->vocabulary_size(); ++id) {
    if (tokenizer->id_to_token(id) != target->id_to_token(id)) {
      refuse(
          folder,
          fmt::format(
              "token {} is {} to it and {} to the model",
              id,
              spelled(*tokenizer, id),
              spelled(*target, id)));
    }
  }
}

}  // namespace

void check_draft_fits(
    const fs::path& folder,
    const ModelConfig& config,
    const fs::path& target_folder,
    const ModelConfig& target_config) {
  if (config.encoder || target_config.encoder) {
    refuse(folder, "a text encoder says nothing");
  }
  if (model_config::state_bytes_per_sequence(config) > 0) {
    refuse(
        folder,
        "it has recurrent layers, whose state cannot go back behind a draft that was wrong");
  }
  if (fs::exists(target_folder / "tokenizer.json")) {
    check_same_tokens(folder, target_folder);
  } else if (config.vocab_size != target_config.vocab_size) {
    refuse(
        folder,
        fmt::format(
            "its vocabulary has {} tokens, the model's {}",
            config.vocab_size,
            target_config.vocab_size));
  }
}

}  // namespace hub::engine
