#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

namespace hub::model_config {

// How the hidden states of a text's tokens become one vector (sentence-transformers' Pooling):
// their mean, that of the last token, or that of the first, where BERT has [CLS].
enum class Pooling : std::uint8_t { kMean, kLast, kCls };

// "mean", "last", "cls"
std::string_view to_string(Pooling pooling);
// nullopt for another name.
std::optional<Pooling> pooling_from(std::string_view name);

}  // namespace hub::model_config
