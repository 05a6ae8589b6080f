// A model folder from a stranger: config.json, generation_config.json, the shard index and a
// safetensors header, and what they say of each other. Parts in that order.
#include <cstdint>
#include <cstring>

#include "core/base/json_reader.h"
#include "core/model_config/memory_estimate.h"
#include "core/model_config/model_config.h"
#include "core/model_config/tensor_check.h"
#include "tests/fuzz/fuzz_target.h"
#include "tests/fuzz/scratch_folder.h"

namespace hub::fuzz {
namespace {

using model_config::ModelConfig;

void check(const ModelConfig& config) {
  require(config.hidden_size > 0 && config.num_attention_heads > 0, "there are heads");
  require(config.num_key_value_heads > 0, "there are heads of keys");
  require(config.num_attention_heads % config.num_key_value_heads == 0, "heads share keys evenly");
  require(config.head_dim > 0 && config.head_dim % 2 == 0, "a head has pairs to rotate");
  for (const int id : config.eos_token_ids) {
    require(id >= 0 && id < config.vocab_size, "an end of text is a token");
  }
  static_cast<void>(model_config::kv_bytes_per_token(config));
  static_cast<void>(model_config::serving_bytes(config, 1U << 30U, 4096));
  static_cast<void>(model_config::finetune_bytes(config, 1U << 30U, {}, 8, 2048));
}

}  // namespace

void run(std::string_view input) {
  Parts parts(input);
  const ScratchFolder& folder = ScratchFolder::emptied();
  folder.put("config.json", parts.next());
  for (const char* name : {"generation_config.json", "model.safetensors.index.json"}) {
    if (const std::string_view text = parts.next(); !text.empty()) {
      folder.put(name, text);
    }
  }
  const std::string_view header = parts.next();
  const std::uint64_t length = header.size();
  std::string prefix(sizeof(length), '\0');
  std::memcpy(prefix.data(), &length, sizeof(length));
  folder.put("model.safetensors", prefix.append(header).append(parts.rest()));

  accepts([&] { check(ModelConfig::load(folder.path())); });
  if (accepts([&] { model_config::check_model_folder(folder.path()); })) {
    const auto files = model_config::read_weight_files(folder.path());
    require(
        model_config::tensor_problems(ModelConfig::load(folder.path()), files).empty(),
        "a folder that passed has no problems");
    require(
        model_config::loaded_bytes(files) >= model_config::tensor_bytes(files),
        "loading makes nothing smaller");
  }
}

}  // namespace hub::fuzz
