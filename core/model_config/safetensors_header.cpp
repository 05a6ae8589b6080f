#include "core/model_config/safetensors_header.h"

#include <algorithm>
#include <array>
#include <fstream>
#include <string_view>
#include <utility>

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <nlohmann/json.hpp>

#include "core/base/error.h"
#include "core/base/json_reader.h"

namespace hub::model_config {
namespace {

using base::Json;
using base::JsonReader;

// The reference implementation's limit.
constexpr std::uint64_t kMaxHeaderBytes = 100'000'000;
// MLX's dimensions are 32-bit.
constexpr std::int64_t kMaxDimension = (1LL << 31) - 1;

constexpr std::array<std::pair<std::string_view, std::uint64_t>, 16> kElementBytes{{
    {"BOOL", 1},
    {"U8", 1},
    {"I8", 1},
    {"F8_E4M3", 1},
    {"F8_E5M2", 1},
    {"F8_E8M0", 1},
    {"U16", 2},
    {"I16", 2},
    {"F16", 2},
    {"BF16", 2},
    {"U32", 4},
    {"I32", 4},
    {"F32", 4},
    {"U64", 8},
    {"I64", 8},
    {"F64", 8},
}};

[[noreturn]] void corrupt(const std::string& what) {
  throw base::Error(base::ErrorCode::kUnprocessable, what);
}

std::uint64_t element_bytes(const std::string& dtype) {
  for (const auto& [name, bytes] : kElementBytes) {
    if (name == dtype) {
      return bytes;
    }
  }
  corrupt(fmt::format("has the unknown type '{}'", dtype));
}

std::uint64_t unsigned_of(const Json& value, std::string_view what) {
  if (!value.is_number_unsigned()) {
    corrupt(fmt::format("has {} that is no non-negative integer", what));
  }
  return value.get<std::uint64_t>();
}

// Product of the dimensions times the element's size; refuses what overflows.
std::uint64_t bytes_of(const TensorInfo& tensor) {
  std::uint64_t bytes = element_bytes(tensor.dtype);
  for (const std::int64_t dimension : tensor.shape) {
    if (__builtin_mul_overflow(bytes, static_cast<std::uint64_t>(dimension), &bytes)) {
      corrupt("has a shape beyond 64 bits");
    }
  }
  return bytes;
}

TensorInfo tensor_from(const std::string& name, const Json& entry, std::uint64_t data_bytes) {
  const JsonReader reader(entry, name);
  TensorInfo tensor;
  tensor.name = name;
  tensor.dtype = reader.string("dtype");
  const Json* shape = reader.optional_array("shape");
  const Json* offsets = reader.optional_array("data_offsets");
  if (shape == nullptr || offsets == nullptr || offsets->size() != 2) {
    corrupt("needs 'shape' and two 'data_offsets'");
  }
  for (const Json& dimension : *shape) {
    const std::uint64_t size = unsigned_of(dimension, "a dimension");
    if (size > static_cast<std::uint64_t>(kMaxDimension)) {
      corrupt(fmt::format("has a dimension of {}", size));
    }
    tensor.shape.push_back(static_cast<std::int64_t>(size));
  }
  tensor.begin = unsigned_of(offsets->at(0), "an offset");
  tensor.end = unsigned_of(offsets->at(1), "an offset");
  if (tensor.begin > tensor.end || tensor.end > data_bytes) {
    corrupt(
        fmt::format(
            "lies at bytes {} to {}, but the file has {} bytes of data: it is truncated or corrupt",
            tensor.begin,
            tensor.end,
            data_bytes));
  }
  if (bytes_of(tensor) != tensor.bytes()) {
    corrupt(
        fmt::format(
            "is {} and needs {} bytes, but has {}",
            tensor.describe(),
            bytes_of(tensor),
            tensor.bytes()));
  }
  return tensor;
}

// Every byte of data belongs to exactly one tensor, as the format demands.
void check_layout(const std::vector<TensorInfo>& tensors, std::uint64_t data_bytes) {
  std::vector<const TensorInfo*> by_place;
  by_place.reserve(tensors.size());
  for (const TensorInfo& tensor : tensors) {
    by_place.push_back(&tensor);
  }
  std::sort(by_place.begin(), by_place.end(), [](const TensorInfo* left, const TensorInfo* right) {
    return std::pair(left->begin, left->end) < std::pair(right->begin, right->end);
  });
  std::uint64_t end = 0;
  for (const TensorInfo* tensor : by_place) {
    if (tensor->begin != end) {
      corrupt(
          fmt::format(
              "tensor '{}' begins at byte {} of the data instead of {}",
              tensor->name,
              tensor->begin,
              end));
    }
    end = tensor->end;
  }
  if (end != data_bytes) {
    corrupt(fmt::format("{} bytes at the end belong to no tensor", data_bytes - end));
  }
}

std::vector<TensorInfo> tensors_from(const Json& header, std::uint64_t data_bytes) {
  std::vector<TensorInfo> tensors;
  for (const auto& [name, entry] : header.items()) {
    if (name == "__metadata__") {
      continue;
    }
    try {
      tensors.push_back(tensor_from(name, entry, data_bytes));
    } catch (const base::Error& error) {
      corrupt(fmt::format("tensor '{}' {}", name, error.what()));
    }
  }
  check_layout(tensors, data_bytes);
  std::sort(tensors.begin(), tensors.end(), [](const TensorInfo& left, const TensorInfo& right) {
    return left.name < right.name;
  });
  return tensors;
}

std::map<std::string, std::string> metadata_from(const Json& header) {
  std::map<std::string, std::string> metadata;
  const auto found = header.find("__metadata__");
  if (found == header.end() || found->is_null()) {
    return metadata;
  }
  for (const auto& [key, value] : found->items()) {
    if (value.is_string()) {
      metadata[key] = value.get<std::string>();
    }
  }
  return metadata;
}

// The JSON text of the header; `file_bytes` is the whole file's size.
std::string header_text(std::ifstream& stream, std::uint64_t file_bytes) {
  std::array<char, 8> prefix{};
  if (file_bytes < prefix.size() || !stream.read(prefix.data(), prefix.size())) {
    corrupt(fmt::format("has only {} bytes: too short for a header", file_bytes));
  }
  std::uint64_t length = 0;
  for (std::size_t i = 0; i < prefix.size(); ++i) {
    length |= std::uint64_t{static_cast<unsigned char>(prefix.at(i))} << (8 * i);
  }
  if (length > kMaxHeaderBytes || length > file_bytes - prefix.size()) {
    corrupt(
        fmt::format(
            "claims a header of {} bytes in a file of {}: it is truncated or no safetensors file",
            length,
            file_bytes));
  }
  std::string text(length, '\0');
  if (!stream.read(text.data(), static_cast<std::streamsize>(length))) {
    corrupt("ends inside its header");
  }
  return text;
}

}  // namespace

std::string TensorInfo::describe() const {
  return fmt::format("[{}] {}", fmt::join(shape, ", "), dtype);
}

const TensorInfo* SafetensorsHeader::find(const std::string& name) const {
  const auto found = std::lower_bound(
      tensors.begin(), tensors.end(), name, [](const TensorInfo& tensor, const std::string& key) {
        return tensor.name < key;
      });
  return found != tensors.end() && found->name == name ? &*found : nullptr;
}

SafetensorsHeader SafetensorsHeader::read(const std::filesystem::path& file) {
  std::error_code failure;
  const std::uint64_t file_bytes = std::filesystem::file_size(file, failure);
  std::ifstream stream(file, std::ios::binary);
  if (!stream || failure) {
    throw base::Error(
        base::ErrorCode::kNotFound,
        fmt::format("cannot read {}: no such regular file", file.string()));
  }
  try {
    const std::string text = header_text(stream, file_bytes);
    const Json json = base::parse_json(text, "its header");
    if (!json.is_object()) {
      corrupt("its header is no JSON object");
    }
    SafetensorsHeader header;
    header.header_bytes = 8 + text.size();
    header.tensors = tensors_from(json, file_bytes - header.header_bytes);
    header.metadata = metadata_from(json);
    for (TensorInfo& tensor : header.tensors) {
      tensor.begin += header.header_bytes;
      tensor.end += header.header_bytes;
    }
    return header;
  } catch (const base::Error& error) {
    throw base::Error(
        base::ErrorCode::kUnprocessable, fmt::format("{}: {}", file.string(), error.what()));
  }
}

}  // namespace hub::model_config
