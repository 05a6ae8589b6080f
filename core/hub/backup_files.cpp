#include "core/hub/backup_files.h"

#include <cerrno>
#include <fstream>

#include <fmt/format.h>

#include "core/base/error.h"
#include "core/base/file.h"
#include "core/base/system_error.h"

namespace hub::hub {
namespace {

using base::Error;
using base::ErrorCode;

constexpr std::size_t kPiece = 1U << 20U;

}  // namespace

std::string blob_path(const std::string& sha256) {
  return fmt::format("blobs/{}/{}", sha256.substr(0, 2), sha256);
}

std::optional<std::string> copy_checked(
    const std::filesystem::path& source,
    const std::filesystem::path& target,
    const artifacts::StoredFile& recorded,
    std::string& sha256,
    const artifacts::ReadProgress& progress) {
  if (auto look = artifacts::glance_at(source, recorded);
      look.glance == artifacts::Glance::kWrong) {
    return std::move(look.problem);
  }
  std::error_code ignored;
  try {
    std::ifstream in(source, std::ios::binary);
    std::ofstream out(target, std::ios::binary | std::ios::trunc);
    base::Sha256 digest;
    std::string piece(kPiece, '\0');
    std::int64_t bytes = 0;
    errno = 0;
    while (in && out) {
      in.read(piece.data(), static_cast<std::streamsize>(piece.size()));
      digest.update(piece.data(), static_cast<std::size_t>(in.gcount()));
      out.write(piece.data(), in.gcount());
      bytes += in.gcount();
      if (progress && !progress(bytes)) {
        throw Error(ErrorCode::kCancelled, "stopped");
      }
    }
    out.close();
    if (!out) {
      base::throw_system_error("write", target, errno == 0 ? ENOSPC : errno);
    }
    sha256 = digest.hex();
    if (bytes != recorded.size_bytes || (!recorded.sha256.empty() && sha256 != recorded.sha256)) {
      std::filesystem::remove(target, ignored);
      return fmt::format("{} is damaged: its SHA-256 is {}", recorded.name, sha256);
    }
    base::sync_path(target);
    return std::nullopt;
  } catch (...) {
    std::filesystem::remove(target, ignored);
    throw;
  }
}

}  // namespace hub::hub
