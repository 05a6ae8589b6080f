#pragma once

#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <fmt/format.h>

#include "core/base/error.h"
#include "core/base/json_reader.h"
#include "core/model_config/model_config.h"

namespace hub::model_config {

// Far above any real model, and low enough that products of two fit into 64 bits.
inline constexpr int kMaxWidth = 1 << 20;
inline constexpr int kMaxLayers = 1 << 12;
inline constexpr int kMaxVocabulary = 1 << 24;
inline constexpr int kMaxContext = 1 << 28;

// Reads fields of config.json and keeps every complaint instead of stopping at the first.
class Fields {
 public:
  explicit Fields(const base::Json& object) : reader_(object) {}

  int required_int(std::string_view key, int low, int high) {
    const auto value = optional_int(key, low, high);
    if (!value && !reader_.has(key)) {
      complain(fmt::format("'{}' is required", key));
    }
    return value.value_or(low);
  }
  std::optional<int> optional_int(std::string_view key, int low, int high) {
    std::optional<int> result;
    attempt([&] {
      const auto value = reader_.optional_int(key, low, high);
      result = value ? std::optional(static_cast<int>(*value)) : std::nullopt;
    });
    return result;
  }
  float number(std::string_view key, double low, double high, float otherwise) {
    float result = otherwise;
    attempt([&] {
      result = static_cast<float>(reader_.optional_number(key, low, high).value_or(otherwise));
    });
    return result;
  }
  bool flag(std::string_view key, bool otherwise) {
    bool result = otherwise;
    attempt([&] { result = reader_.optional_bool(key).value_or(otherwise); });
    return result;
  }
  std::optional<std::string> text(std::string_view key) {
    std::optional<std::string> result;
    attempt([&] { result = reader_.optional_string(key); });
    return result;
  }

  void attempt(const std::function<void()>& read) {
    try {
      read();
    } catch (const base::Error& error) {
      complain(error.what());
    }
  }
  void complain(std::string problem) { problems_.push_back(std::move(problem)); }

  [[nodiscard]] const base::JsonReader& reader() const { return reader_; }
  [[nodiscard]] const std::vector<std::string>& problems() const { return problems_; }

 private:
  base::JsonReader reader_;
  std::vector<std::string> problems_;
};

// `rope_theta` and `rope_scaling`, or transformers 5's `rope_parameters` with both inside. Types
// and defaults as in mlx_lm/models/rope_utils.py › initialize_rope.
void read_rope(ModelConfig& config, Fields& fields);
// One such object: sets rope_theta, where it is inside, and rope_scaling.
void read_rope_scaling(ModelConfig& config, const base::JsonReader& scaling, Fields& fields);

// mlx-lm's form: {"group_size", "bits", "mode"?, "<module path>": {…} | false, …}.
void read_quantization(ModelConfig& config, Fields& fields);

}  // namespace hub::model_config
