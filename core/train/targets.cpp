#include "core/train/targets.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "core/base/error.h"

namespace hub::train {
namespace {

bool ends_with_parts(const std::string& name, const std::string& target) {
  return name == target || name.ends_with("." + target);
}

}  // namespace

Targets::Targets(const model_config::FinetuneParams& params, int layers)
    : names_(params.target_modules),
      first_layer_(params.num_layers < 1 ? 0 : layers - params.num_layers) {
  if (params.num_layers > layers) {
    throw base::Error(
        base::ErrorCode::kInvalidArgument,
        fmt::format("num_layers is {}, but the model has {} layers", params.num_layers, layers),
        "params.num_layers");
  }
}

bool Targets::mean(
    const std::string& path, const std::optional<int>& layer, const std::string& relative) {
  available_.insert(relative);
  const bool is_last = layer && *layer >= first_layer_;
  if (!names_) {
    return is_last;
  }
  bool meant = false;
  for (const std::string& name : *names_) {
    const bool whole = path == name;
    if (whole || ends_with_parts(relative, name)) {
      matched_.insert(name);
      meant = meant || whole || !layer || is_last;
    }
  }
  return meant;
}

void Targets::check() const {
  if (!names_) {
    return;
  }
  if (names_->empty()) {
    throw base::Error(
        base::ErrorCode::kInvalidArgument,
        "target_modules is empty: nothing would be trained",
        "params.target_modules");
  }
  for (const std::string& name : *names_) {
    if (!matched_.contains(name)) {
      throw base::Error(
          base::ErrorCode::kInvalidArgument,
          fmt::format(
              "target_modules names \"{}\", which no layer has; there are: {}",
              name,
              fmt::join(available_, ", ")),
          "params.target_modules");
    }
  }
}

}  // namespace hub::train
