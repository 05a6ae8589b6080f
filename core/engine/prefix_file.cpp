#include "core/engine/prefix_file.h"

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <utility>

#include <fcntl.h>
#include <fmt/format.h>
#include <nlohmann/json.hpp>
#include <unistd.h>

#include "core/base/error.h"
#include "core/base/file.h"
#include "core/base/json.h"
#include "core/model_config/safetensors_header.h"

namespace hub::engine {

namespace {

using base::Error;
using base::ErrorCode;
using model_config::SafetensorsHeader;
using model_config::TensorInfo;

constexpr const char* kFormat = "mlx-hub-prefix 1";
constexpr const char* kTokens = "tokens";
constexpr const char* kDigest = "sha256";
constexpr std::size_t kDigestBytes = 64;
// Read and hashed in turn, so that the bytes are still in the processor's cache.
constexpr std::size_t kReadBytes = 1U << 20U;

std::span<const char> bytes_of(std::span<const int> tokens) {
  return {reinterpret_cast<const char*>(tokens.data()), tokens.size_bytes()};
}

std::uint64_t size_of(const PrefixTensor& tensor) {
  std::uint64_t bytes = 0;
  for (const auto& piece : tensor.pieces) {
    bytes += piece.size();
  }
  return bytes;
}

// The length field and the JSON, padded so that the data begins aligned.
std::string header_of(
    const PrefixTags& tags, std::span<const int> tokens, std::span<const PrefixTensor> tensors) {
  base::Json header = {
      {"__metadata__",
       {{"format", kFormat},
        {"model", tags.model},
        {"adapter", tags.adapter},
        {"scope", tags.scope},
        {"computed_by", tags.computed_by}}}};
  std::uint64_t end = 0;
  const auto add = [&](const std::string& name,
                       const std::string& dtype,
                       const std::vector<std::int64_t>& shape,
                       std::uint64_t bytes) {
    header[name] = {{"dtype", dtype}, {"shape", shape}, {"data_offsets", {end, end + bytes}}};
    end += bytes;
  };
  add(kTokens, "I32", {static_cast<std::int64_t>(tokens.size())}, tokens.size_bytes());
  for (const PrefixTensor& tensor : tensors) {
    add(tensor.name, tensor.dtype, tensor.shape, size_of(tensor));
  }
  add(kDigest, "U8", {kDigestBytes}, kDigestBytes);
  std::string text = header.dump();
  text.append((8 - text.size() % 8) % 8, ' ');
  const std::uint64_t length = text.size();
  std::string prefix(sizeof(length), '\0');
  std::memcpy(prefix.data(), &length, sizeof(length));
  return prefix + text;
}

// Writes one thing after the other and hashes what it writes.
class Output {
 public:
  explicit Output(int descriptor) : descriptor_(descriptor) {}

  void put(std::span<const char> bytes) {
    digest_.update(bytes.data(), bytes.size());
    write(bytes);
  }
  void put_digest() { write(digest_.hex()); }

 private:
  void write(std::span<const char> bytes) {
    while (!bytes.empty()) {
      const ssize_t done = ::pwrite(descriptor_, bytes.data(), bytes.size(), offset_);
      if (done < 0 && errno == EINTR) {
        continue;
      }
      if (done <= 0) {
        const int number = done == 0 ? ENOSPC : errno;
        throw Error(
            ErrorCode::kUnavailable,
            fmt::format("cannot write a kept prefix: {}", std::strerror(number)),
            {},
            number == ENOSPC ? "disk_full" : "");
      }
      offset_ += done;
      bytes = bytes.subspan(static_cast<std::size_t>(done));
    }
  }

  const int descriptor_;
  off_t offset_ = 0;
  base::Sha256 digest_;
};

[[noreturn]] void corrupt(const std::filesystem::path& file, const std::string& what) {
  throw Error(ErrorCode::kUnprocessable, fmt::format("{}: {}", file.string(), what));
}

class Input {
 public:
  explicit Input(std::filesystem::path file)
      : file_(std::move(file)), descriptor_(::open(file_.c_str(), O_RDONLY | O_CLOEXEC)) {
    if (descriptor_ < 0) {
      throw Error(
          ErrorCode::kNotFound,
          fmt::format("cannot read {}: {}", file_.string(), std::strerror(errno)));
    }
  }
  ~Input() { ::close(descriptor_); }
  Input(const Input&) = delete;
  Input& operator=(const Input&) = delete;

  void read(std::uint64_t offset, char* to, std::size_t count) const {
    while (count > 0) {
      const ssize_t done = ::pread(descriptor_, to, count, static_cast<off_t>(offset));
      if (done < 0 && errno == EINTR) {
        continue;
      }
      if (done <= 0) {
        corrupt(file_, done == 0 ? "ends too early" : std::strerror(errno));
      }
      to += done;
      offset += static_cast<std::uint64_t>(done);
      count -= static_cast<std::size_t>(done);
    }
  }

 private:
  const std::filesystem::path file_;
  const int descriptor_;
};

const std::string& tag(
    const SafetensorsHeader& header, const char* name, const std::filesystem::path& file) {
  const auto found = header.metadata.find(name);
  if (found == header.metadata.end()) {
    corrupt(file, fmt::format("is no kept prefix: its metadata has no \"{}\"", name));
  }
  return found->second;
}

// The header, checked as far as it goes without the data.
SafetensorsHeader read_header(const std::filesystem::path& file) {
  SafetensorsHeader header = SafetensorsHeader::read(file);
  if (tag(header, "format", file) != kFormat) {
    corrupt(
        file, fmt::format("has format \"{}\", not \"{}\"", tag(header, "format", file), kFormat));
  }
  const TensorInfo* tokens = header.find(kTokens);
  const TensorInfo* digest = header.find(kDigest);
  if (tokens == nullptr || tokens->dtype != "I32" || tokens->shape.size() != 1 ||
      tokens->begin != header.header_bytes || digest == nullptr || digest->dtype != "U8" ||
      digest->bytes() != kDigestBytes) {
    corrupt(file, "is no kept prefix: tokens and sha256 are not where they should be");
  }
  for (const TensorInfo& tensor : header.tensors) {
    if (tensor.end > digest->end) {
      corrupt(file, "is no kept prefix: sha256 is not its last tensor");
    }
  }
  return header;
}

PrefixHead head_of(const SafetensorsHeader& header, const std::filesystem::path& file) {
  PrefixHead head;
  head.tags = {
      .model = tag(header, "model", file),
      .adapter = tag(header, "adapter", file),
      .scope = tag(header, "scope", file),
      .computed_by = tag(header, "computed_by", file)};
  head.tokens.resize(header.find(kTokens)->bytes() / sizeof(int));
  head.file_bytes = header.find(kDigest)->end;
  return head;
}

// Reads [0, end) and keeps what follows `from` at `to`; the digest of all of it.
std::string read_hashed(const Input& input, std::uint64_t from, std::uint64_t end, char* to) {
  base::Sha256 digest;
  std::string start(from, '\0');
  input.read(0, start.data(), start.size());
  digest.update(start);
  for (std::uint64_t at = from; at < end;) {
    const auto count = static_cast<std::size_t>(std::min<std::uint64_t>(kReadBytes, end - at));
    input.read(at, to, count);
    digest.update(to, count);
    at += count;
    to += count;
  }
  return digest.hex();
}

}  // namespace

std::uint64_t prefix_file_bytes(
    const PrefixTags& tags, std::span<const int> tokens, std::span<const PrefixTensor> tensors) {
  std::uint64_t bytes = header_of(tags, tokens, tensors).size() + tokens.size_bytes();
  for (const PrefixTensor& tensor : tensors) {
    bytes += size_of(tensor);
  }
  return bytes + kDigestBytes;
}

void write_prefix(
    int descriptor,
    const PrefixTags& tags,
    std::span<const int> tokens,
    std::span<const PrefixTensor> tensors) {
  Output output(descriptor);
  output.put(header_of(tags, tokens, tensors));
  output.put(bytes_of(tokens));
  for (const PrefixTensor& tensor : tensors) {
    for (const auto& piece : tensor.pieces) {
      output.put(piece);
    }
  }
  output.put_digest();
  if (::fsync(descriptor) != 0) {
    throw Error(
        ErrorCode::kUnavailable,
        fmt::format("cannot sync a kept prefix: {}", std::strerror(errno)));
  }
}

PrefixHead read_prefix_head(const std::filesystem::path& file) {
  const SafetensorsHeader header = read_header(file);
  PrefixHead head = head_of(header, file);
  Input(file).read(
      header.header_bytes,
      reinterpret_cast<char*>(head.tokens.data()),
      head.tokens.size() * sizeof(int));
  return head;
}

LoadedPrefix read_prefix(const std::filesystem::path& file) {
  const SafetensorsHeader header = read_header(file);
  const TensorInfo& digest = *header.find(kDigest);
  LoadedPrefix loaded{.head = head_of(header, file)};
  const Input input(file);
  loaded.memory.reset(new char[digest.begin - header.header_bytes]);
  const std::string computed =
      read_hashed(input, header.header_bytes, digest.begin, loaded.memory.get());
  std::string recorded(kDigestBytes, '\0');
  input.read(digest.begin, recorded.data(), recorded.size());
  if (computed != recorded) {
    corrupt(file, fmt::format("has SHA-256 {}, recorded was {}", computed, recorded));
  }
  std::memcpy(
      loaded.head.tokens.data(), loaded.memory.get(), loaded.head.tokens.size() * sizeof(int));
  for (const TensorInfo& tensor : header.tensors) {
    if (tensor.name == kTokens || tensor.name == kDigest) {
      continue;
    }
    loaded.tensors.push_back(
        {.name = tensor.name,
         .dtype = tensor.dtype,
         .shape = {tensor.shape.begin(), tensor.shape.end()},
         .bytes = loaded.memory.get() + (tensor.begin - header.header_bytes)});
  }
  return loaded;
}

}  // namespace hub::engine
