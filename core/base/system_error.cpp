#include "core/base/system_error.h"

#include <cerrno>
#include <cstring>

#include <fmt/format.h>

#include "core/base/error.h"

namespace hub::base {

void throw_system_error(
    std::string_view operation, const std::filesystem::path& path, int error_number) {
  throw Error(
      ErrorCode::kUnavailable,
      fmt::format("cannot {} {}: {}", operation, path.string(), std::strerror(error_number)),
      {},
      error_number == ENOSPC ? "disk_full" : "");
}

}  // namespace hub::base
