#include "core/base/file.h"

#include <array>
#include <cerrno>
#include <fstream>

#include <fcntl.h>
#include <fmt/format.h>
#include <openssl/evp.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/base/error.h"
#include "core/base/ids.h"
#include "core/base/system_error.h"

namespace hub::base {
namespace {

// A file descriptor that closes itself.
class Descriptor {
 public:
  explicit Descriptor(int number) : number_(number) {}
  ~Descriptor() {
    if (number_ >= 0) {
      ::close(number_);
    }
  }
  Descriptor(const Descriptor&) = delete;
  Descriptor& operator=(const Descriptor&) = delete;
  [[nodiscard]] int number() const { return number_; }

 private:
  int number_;
};

void write_all(int descriptor, std::string_view bytes, const std::filesystem::path& path) {
  while (!bytes.empty()) {
    const ssize_t written = ::write(descriptor, bytes.data(), bytes.size());
    if (written < 0 && errno == EINTR) {
      continue;
    }
    if (written < 0) {
      throw_system_error("write", path, errno);
    }
    bytes.remove_prefix(static_cast<std::size_t>(written));
  }
}

}  // namespace

std::string read_file(const std::filesystem::path& path, std::uint64_t limit_bytes) {
  std::ifstream stream(path, std::ios::binary);
  std::error_code error;
  const auto size = std::filesystem::file_size(path, error);
  if (!stream || error) {
    throw Error(
        ErrorCode::kNotFound, fmt::format("cannot read {}: no such regular file", path.string()));
  }
  if (size > limit_bytes) {
    throw Error(
        ErrorCode::kInvalidArgument,
        fmt::format("{} has {} bytes, at most {} are allowed", path.string(), size, limit_bytes));
  }
  std::string bytes(size, '\0');
  stream.read(bytes.data(), static_cast<std::streamsize>(size));
  bytes.resize(static_cast<std::size_t>(stream.gcount()));
  return bytes;
}

void sync_path(const std::filesystem::path& path) {
  const Descriptor opened(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  if (opened.number() < 0 || ::fsync(opened.number()) != 0) {
    throw_system_error("sync", path, errno);
  }
}

void write_file_atomically(
    const std::filesystem::path& path,
    std::string_view bytes,
    std::optional<std::filesystem::perms> mode) {
  const std::filesystem::path temporary = path.string() + ".tmp-" + new_id();
  try {
    const auto bits = static_cast<mode_t>(mode.value_or(static_cast<std::filesystem::perms>(0644)));
    const Descriptor opened(
        ::open(temporary.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, mode ? 0600 : bits));
    if (opened.number() < 0) {
      throw_system_error("create", temporary, errno);
    }
    if (mode && ::fchmod(opened.number(), bits) != 0) {
      throw_system_error("set the mode of", temporary, errno);
    }
    write_all(opened.number(), bytes, temporary);
    if (::fsync(opened.number()) != 0) {
      throw_system_error("sync", temporary, errno);
    }
    if (::rename(temporary.c_str(), path.c_str()) != 0) {
      throw_system_error("rename to", path, errno);
    }
  } catch (...) {
    ::unlink(temporary.c_str());
    throw;
  }
  sync_path(path.has_parent_path() ? path.parent_path() : std::filesystem::path("."));
}

Sha256::Sha256() : context_(EVP_MD_CTX_new()) {
  if (context_ == nullptr ||
      EVP_DigestInit_ex(static_cast<EVP_MD_CTX*>(context_), EVP_sha256(), nullptr) != 1) {
    throw Error(ErrorCode::kInternal, "OpenSSL offers no SHA-256");
  }
}

Sha256::~Sha256() {
  EVP_MD_CTX_free(static_cast<EVP_MD_CTX*>(context_));
}

void Sha256::update(const void* bytes, std::size_t count) {
  EVP_DigestUpdate(static_cast<EVP_MD_CTX*>(context_), bytes, count);
}

std::string Sha256::hex() {
  std::array<unsigned char, EVP_MAX_MD_SIZE> digest{};
  unsigned int length = 0;
  EVP_DigestFinal_ex(static_cast<EVP_MD_CTX*>(context_), digest.data(), &length);
  std::string text;
  for (unsigned int i = 0; i < length; ++i) {
    text += fmt::format("{:02x}", digest.at(i));
  }
  return text;
}

std::string sha256_hex(std::string_view bytes) {
  Sha256 digest;
  digest.update(bytes);
  return digest.hex();
}

std::string sha256_file(const std::filesystem::path& path) {
  std::ifstream stream(path, std::ios::binary);
  if (!stream) {
    throw Error(
        ErrorCode::kNotFound, fmt::format("cannot read {}: no such regular file", path.string()));
  }
  Sha256 digest;
  std::string piece(1U << 20U, '\0');
  while (stream) {
    stream.read(piece.data(), static_cast<std::streamsize>(piece.size()));
    digest.update(piece.data(), static_cast<std::size_t>(stream.gcount()));
  }
  return digest.hex();
}

}  // namespace hub::base
