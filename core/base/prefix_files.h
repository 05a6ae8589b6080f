#pragma once

#include <string>
#include <string_view>

#include "core/base/file.h"

namespace hub::base {

// How the files of kept prefixes are named (docs/storage-format.md): engines write them, the server
// removes those that nobody can use any more.
//
//   <root>/<model digest>/<adapter digest, or kPrefixesOfBase>/<scope tag>-<tokens>.safetensors

inline constexpr const char* kPrefixesOfBase = "base";

// The beginning of the names of files whose requests had this scope.
inline std::string prefix_scope_tag(std::string_view scope) {
  constexpr std::size_t digits = 16;
  return sha256_hex(scope).substr(0, digits);
}

}  // namespace hub::base
