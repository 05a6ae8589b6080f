// An adapter from a stranger over a small model: adapter_config.json, then the header of its
// tensors.
#include <cstdint>
#include <cstring>

#include <nlohmann/json.hpp>

#include "core/model_config/adapter_check.h"
#include "core/model_config/adapter_config.h"
#include "tests/fuzz/fuzz_target.h"
#include "tests/fuzz/scratch_folder.h"

namespace hub::fuzz {
namespace {

model_config::ModelConfig small_model() {
  return model_config::ModelConfig::from_json(
      {{"model_type", "llama"},
       {"hidden_size", 4},
       {"intermediate_size", 8},
       {"num_hidden_layers", 2},
       {"num_attention_heads", 2},
       {"vocab_size", 16}});
}

}  // namespace

void run(std::string_view input) {
  static const model_config::ModelConfig base = small_model();
  Parts parts(input);
  const ScratchFolder& folder = ScratchFolder::emptied();
  folder.put("adapter_config.json", parts.next());
  const std::string_view header = parts.next();
  const std::uint64_t length = header.size();
  std::string bytes(sizeof(length), '\0');
  std::memcpy(bytes.data(), &length, sizeof(length));
  folder.put("adapters.safetensors", bytes.append(header).append(parts.rest()));
  if (accepts([&] { model_config::check_adapter_folder(folder.path(), base, "digest"); })) {
    const auto config = model_config::AdapterConfig::load(folder.path());
    require(config.rank >= 1, "an adapter has a rank");
    require(config.num_layers <= base.num_hidden_layers, "and no more layers than its base");
  }
}

}  // namespace hub::fuzz
