#pragma once

#include <filesystem>
#include <string>

#include "core/model_config/model_config.h"

namespace hub::model_config {

// An adapter folder over `base` looked at as a whole: adapter_config.json and every factor that is
// missing, belongs to no module that it names, or has another shape; reads no tensor.
// `base_digest` is what the base's contents are: an adapter that says it was trained on others is
// refused, reason "adapter_mismatch"; everything else that is wrong is named in one kUnprocessable,
// reason "adapter_does_not_fit". Whole weights of a full fine-tuning show whether they fit where
// they replace the base's.
void check_adapter_folder(
    const std::filesystem::path& folder, const ModelConfig& base, const std::string& base_digest);

}  // namespace hub::model_config
