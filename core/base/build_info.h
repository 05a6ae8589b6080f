#pragma once

#include <string>

#include "core/base/json.h"

namespace hub::base {

// What a program was built from. "" for what is not known.
struct BuildInfo {
  std::string version;
  std::string commit;  // of the sources, "-dirty" behind it where they were changed since
  std::string compiler;
  std::string build_type;
  std::string uv_lock_sha256;  // of the files that pin what it was built with
  std::string cargo_lock_sha256;
  std::string tokenizers;  // the versions of the crates that make tokens of text
  std::string minijinja;

  // Its fields; null for what is not known.
  [[nodiscard]] Json to_json() const;
};

// Of the program that calls it. Linked into programs only, not into tests: what is made anew
// with every commit (cmake/build_info.cmake) makes nothing else anew.
BuildInfo this_build();

}  // namespace hub::base
