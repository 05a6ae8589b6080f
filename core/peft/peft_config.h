#pragma once

#include <optional>
#include <regex>
#include <string>
#include <vector>

#include "core/base/json.h"

namespace hub::peft {

// What adapter_config.json of Hugging Face's PEFT says of a LoRA adapter (peft.LoraConfig).
class PeftConfig {
 public:
  // Throws kUnprocessable naming what the file asks for and this project (or mlx-lm's adapter
  // format) cannot express: other methods than LoRA, DoRA, trained biases, whole modules, …
  static PeftConfig from_json(const base::Json& json);

  // True for the configuration of a PEFT adapter, whatever its method.
  static bool is_peft(const base::Json& json);

  // What multiplies B A of the module at `path`, whose factors have that rank: alpha / r, or
  // alpha / sqrt(r) with use_rslora; alpha by alpha_pattern where one fits
  // (peft.utils.other › get_pattern_key).
  [[nodiscard]] double scale(const std::string& path, int rank) const;
  // The same without a pattern.
  [[nodiscard]] double scale() const { return scaled(alpha_, rank_); }

  // The rank that `r` or rank_pattern give the module.
  [[nodiscard]] int rank(const std::string& path) const;
  [[nodiscard]] double dropout() const { return dropout_; }
  [[nodiscard]] const std::string& base_model() const { return base_model_; }  // "": not stated

 private:
  struct Pattern {
    std::regex path;
    double value;
  };
  static std::vector<Pattern> patterns(const base::Json& json, const char* key);
  [[nodiscard]] double scaled(double alpha, int rank) const;

  int rank_ = 8;
  double alpha_ = 8.0;
  double dropout_ = 0.0;
  bool rank_stabilized_ = false;
  std::string base_model_;
  std::vector<Pattern> rank_patterns_;
  std::vector<Pattern> alpha_patterns_;
};

}  // namespace hub::peft
