// Headers of safetensors files. The input is the JSON text behind a line with the size of the data,
// so that mutations reach the parser; without such a line it is the file itself.
#include <algorithm>
#include <charconv>
#include <cstring>
#include <optional>

#include "core/model_config/safetensors_header.h"
#include "tests/fuzz/memory_file.h"

namespace hub::fuzz {
namespace {

using model_config::SafetensorsHeader;
using model_config::TensorInfo;

std::optional<std::uint64_t> data_bytes(std::string_view line) {
  std::uint64_t bytes = 0;
  const auto [end, error] = std::from_chars(line.data(), line.data() + line.size(), bytes);
  const bool whole = error == std::errc() && end == line.data() + line.size();
  return whole && bytes < (1ULL << 40U) ? std::optional(bytes) : std::nullopt;
}

void check(const SafetensorsHeader& header, std::uint64_t file_bytes) {
  std::uint64_t bytes = header.header_bytes;
  for (const TensorInfo& tensor : header.tensors) {
    require(header.find(tensor.name) == &tensor, "each tensor is found by its name");
    require(tensor.begin >= header.header_bytes, "a tensor begins behind the header");
    require(tensor.begin <= tensor.end && tensor.end <= file_bytes, "a tensor is in the file");
    bytes += tensor.bytes();
    static_cast<void>(tensor.describe());
  }
  require(bytes == file_bytes, "every byte belongs to one tensor");
}

}  // namespace

void run(std::string_view input) {
  const std::size_t line_end = std::min(input.find('\n'), input.size());
  const auto data = data_bytes(input.substr(0, line_end));
  std::string bytes(input);
  std::uint64_t size = bytes.size();
  if (data && line_end < input.size()) {
    const std::string_view text = input.substr(line_end + 1);
    const std::uint64_t length = text.size();
    bytes.assign(sizeof(length), '\0');
    std::memcpy(bytes.data(), &length, sizeof(length));
    bytes += text;
    size = bytes.size() + *data;
  }
  const MemoryFile file(bytes, size);
  accepts([&] { check(SafetensorsHeader::read(file.path()), size); });
}

}  // namespace hub::fuzz
