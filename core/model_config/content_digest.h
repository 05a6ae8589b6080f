#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <string>

#include "core/base/json.h"
#include "core/model_config/model_config.h"

namespace hub::model_config {

// Bytes of the weights read so far; returns false to stop.
using DigestProgress = std::function<bool(std::int64_t bytes)>;

// What a model version is: equal digests give equal answers, wherever and in however many files the
// bytes lie. Lower-case hexadecimal SHA-256 over this byte string, where u64 is eight bytes
// little-endian and text is a u64 count of bytes followed by the bytes (UTF-8):
//
//   text "mlx-hub model 1"
//   for each tensor of the weight files, in byte order of the names:
//     text "tensor", text name, text dtype ("F32", "U32", …: safetensors' spelling),
//     u64 number of dimensions, u64 each dimension, u64 count of bytes, the bytes
//   text "config",         text canonical_config()
//   text "tokenizer",      text SHA-256 of tokenizer.json in hexadecimal, empty without the file
//   text "special_tokens", text canonical JSON of the fields of tokenizer_config.json that are
//                          variables of chat templates (bos_token, eos_token, …), "{}" without
//   text "chat_template",  text SHA-256 of the template's text in hexadecimal, empty without one
//
// Reads every byte of the weights. Throws kUnprocessable for a folder that is no complete model,
// kCancelled when `progress` says so.
std::string content_digest(
    const std::filesystem::path& folder, const DigestProgress& progress = {});

// The fields of config.json that change results, as JSON with sorted keys and no spaces; numbers
// as the model uses them. Fields added after version 1 are left out at their default, so that old
// digests stay.
std::string canonical_config(const ModelConfig& config);

// The text of the chat template: chat_template.jinja, else `chat_template` of
// tokenizer_config.json (of a list, the one named "default"); empty when there is none.
std::string chat_template_text(const std::filesystem::path& folder);

// What an adapter version is, over the base it was trained on:
//
//   text "mlx-hub adapter 1"
//   the tensors of adapters.safetensors as above
//   text "adapter", text canonical JSON {"fine_tune_type", "rank", "scale", "targets"} where
//                   targets are the adapted modules' paths, sorted
//   text "base",    text base_digest
//
// Throws kUnprocessable for a folder that is no complete adapter, kCancelled as above.
std::string adapter_digest(
    const std::filesystem::path& folder,
    const std::string& base_digest,
    const DigestProgress& progress = {});

}  // namespace hub::model_config
