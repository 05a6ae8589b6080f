#pragma once

#include <cstdint>
#include <filesystem>
#include <set>
#include <string>

#include "core/base/json.h"

namespace hub::peft {

// What a PEFT adapter became.
struct ImportReport {
  int rank = 0;
  double scale = 0.0;
  std::set<std::string> targets;  // names relative to a layer
  int num_layers = 0;             // the last so many
  std::string base_model;         // as its configuration names it; may be empty
  std::uint64_t folded = 0;       // modules whose own scale went into their second factor
  std::uint64_t padded = 0;       // modules whose smaller rank was filled with zeros
  std::uint64_t filled = 0;       // modules without factors, which got zeros

  [[nodiscard]] base::Json to_json() const;
  // One sentence on what is stored otherwise than it came; empty when nothing is.
  [[nodiscard]] std::string note() const;
};

// True when `folder` holds a PEFT adapter (adapter_config.json with 'peft_type').
bool is_peft_folder(const std::filesystem::path& folder);

// Writes mlx-lm's adapters.safetensors and adapter_config.json into `target`, which is there, for
// the PEFT adapter (adapter_config.json, adapter_model.safetensors) of a base with `layers` layers:
// `base_model.model.<path>.lora_A.weight` [r, in] becomes `<path>.lora_a` [in, r], lora_B [out, r]
// becomes `.lora_b` [r, out], all in float32. mlx-lm has one rank, one scale and the same modules
// in each of the last layers; what differs is expressed by zeros and by scaling lora_b, so that the
// product stays. Throws kUnprocessable naming what cannot be expressed: see PeftConfig, and tensors
// that are no factors of a linear in a layer.
ImportReport import_adapter(
    const std::filesystem::path& folder, int layers, const std::filesystem::path& target);

}  // namespace hub::peft
