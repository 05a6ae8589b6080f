#include "core/hf/snapshot.h"

#include <algorithm>
#include <array>

namespace hub::hf {
namespace {

constexpr std::array<std::string_view, 15> kNames{
    "config.json",
    "generation_config.json",
    "modules.json",
    "sentence_bert_config.json",
    "adapter_config.json",
    "model.safetensors.index.json",
    "special_tokens_map.json",
    "added_tokens.json",
    "vocab.json",
    "vocab.txt",
    "merges.txt",
    "chat_template.json",
    "README.md",
    "USE_POLICY.md",
    "mlx_hub.json"};

bool is_plain(std::string_view name) {
  return !name.empty() && name.front() != '.' && name.size() <= 255 &&
         name.find_first_of(std::string_view("/\\\0", 3)) == std::string_view::npos;
}

}  // namespace

const RemoteFile* Snapshot::find(std::string_view name) const {
  const auto found = std::find_if(
      files.begin(), files.end(), [name](const RemoteFile& file) { return file.name == name; });
  return found == files.end() ? nullptr : &*found;
}

bool is_description(std::string_view name) {
  if (name == kPoolingFile) {
    return true;
  }
  if (!is_plain(name)) {
    return false;
  }
  if (std::find(kNames.begin(), kNames.end(), name) != kNames.end() || name.ends_with(".jinja")) {
    return true;
  }
  if (name.starts_with("LICENSE") || name.starts_with("NOTICE") || name.starts_with("COPYING")) {
    return !name.ends_with(".py") && !name.ends_with(".bin");
  }
  return name.starts_with("tokenizer") &&
         (name.ends_with(".json") || name.ends_with(".model") || name.ends_with(".txt"));
}

bool is_weights(std::string_view name) {
  return is_plain(name) && name.ends_with(".safetensors");
}

}  // namespace hub::hf
