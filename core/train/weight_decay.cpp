#include "core/train/weight_decay.h"

#include <algorithm>

#include "core/base/error.h"

namespace hub::train {
namespace {

bool has_part(const std::string& name, const std::string& part) {
  return ("." + name + ".").find("." + part + ".") != std::string::npos;
}

}  // namespace

std::vector<double> weight_decays(
    const model_config::FinetuneParams& params,
    std::span<const std::string> names,
    std::span<const mx::array> parameters) {
  for (const std::string& part : params.no_decay) {
    if (std::none_of(names.begin(), names.end(), [&](const std::string& name) {
          return has_part(name, part);
        })) {
      throw base::Error(
          base::ErrorCode::kInvalidArgument,
          "no_decay names \"" + part +
              "\", which is no part of a trained parameter's name such as " +
              (names.empty() ? std::string("(none)") : names.front()),
          "params.no_decay");
    }
  }
  const double decay = params.weight_decay.value_or(params.optimizer.default_weight_decay());
  std::vector<double> decays;
  for (std::size_t i = 0; i < names.size(); ++i) {
    const bool named =
        std::any_of(params.no_decay.begin(), params.no_decay.end(), [&](const std::string& part) {
          return has_part(names[i], part);
        });
    const bool is_vector = parameters[i].ndim() < 2 && !params.decay_vectors;
    decays.push_back(named || is_vector ? 0.0 : decay);
  }
  return decays;
}

}  // namespace hub::train
