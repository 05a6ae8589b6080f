#include "core/model_config/pooling.h"

#include <array>
#include <utility>

namespace hub::model_config {
namespace {

constexpr std::array kNames{
    std::pair{Pooling::kMean, std::string_view("mean")},
    std::pair{Pooling::kLast, std::string_view("last")},
    std::pair{Pooling::kCls, std::string_view("cls")}};

}  // namespace

std::string_view to_string(Pooling pooling) {
  for (const auto& [value, name] : kNames) {
    if (value == pooling) {
      return name;
    }
  }
  return "";
}

std::optional<Pooling> pooling_from(std::string_view name) {
  for (const auto& [value, known] : kNames) {
    if (known == name) {
      return value;
    }
  }
  return std::nullopt;
}

}  // namespace hub::model_config
