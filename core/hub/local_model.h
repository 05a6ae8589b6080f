#pragma once

#include <filesystem>
#include <vector>

#include "core/artifacts/artifact_store.h"
#include "core/registry/model_registry.h"

namespace hub::hub {

// A model folder as mlx-lm reads it, looked at without MLX: config.json checked, every safetensors
// header checked, both against each other, files with their SHA-256, content digest, and
// `config_json` for lists:
//   {"architecture","quantization":{"bits","group_size","mode"}|null,"context_length","chat_template","vocabulary_size","layers",
//    "memory_required_bytes"}
// The version is of kind base, ready, by reference. Reads every byte of the weights; `known`
// (the store's list of the folder's files) saves reading them once more. `progress` counts the
// bytes of the files, each as often as it is read. Throws kUnprocessable or kNotFound naming what
// is wrong, kCancelled when `progress` says so.
registry::NewVersion describe_local_model(
    const std::filesystem::path& folder,
    const std::vector<artifacts::StoredFile>& known = {},
    const artifacts::BytesProgress& progress = {});

// The same of an adapter's folder (adapter_config.json, adapters.safetensors) over the version that
// it was trained on.
registry::NewVersion describe_local_adapter(
    const std::filesystem::path& folder,
    const registry::Version& base,
    const std::vector<artifacts::StoredFile>& known = {},
    const artifacts::BytesProgress& progress = {});

}  // namespace hub::hub
