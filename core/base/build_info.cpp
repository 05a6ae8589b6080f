#include "core/base/build_info.h"

#include <nlohmann/json.hpp>

namespace hub::base {

Json BuildInfo::to_json() const {
  const auto known = [](const std::string& text) {
    return text.empty() ? Json(nullptr) : Json(text);
  };
  return {
      {"version", known(version)},
      {"commit", known(commit)},
      {"compiler", known(compiler)},
      {"build_type", known(build_type)},
      {"uv_lock_sha256", known(uv_lock_sha256)},
      {"cargo_lock_sha256", known(cargo_lock_sha256)},
      {"tokenizers", known(tokenizers)},
      {"minijinja", known(minijinja)}};
}

}  // namespace hub::base
