#include <algorithm>
#include <cerrno>
#include <fstream>
#include <map>
#include <span>
#include <string_view>
#include <utility>
#include <vector>

#include <fmt/format.h>
#include <mlx/ops.h>
#include <mlx/transforms.h>
#include <nlohmann/json.hpp>

#include "core/base/error.h"
#include "core/base/file.h"
#include "core/base/ids.h"
#include "core/base/json.h"
#include "core/base/system_error.h"
#include "core/tensor/ops.h"

namespace hub::tensor {
namespace {

using Named = std::pair<std::string, mx::array>;

// The names of https://huggingface.co/docs/safetensors ("dtype").
std::string_view dtype_name(const Named& tensor) {
  switch (tensor.second.dtype().val()) {
    case mx::Dtype::Val::bool_:
      return "BOOL";
    case mx::Dtype::Val::uint8:
      return "U8";
    case mx::Dtype::Val::uint16:
      return "U16";
    case mx::Dtype::Val::uint32:
      return "U32";
    case mx::Dtype::Val::uint64:
      return "U64";
    case mx::Dtype::Val::int8:
      return "I8";
    case mx::Dtype::Val::int16:
      return "I16";
    case mx::Dtype::Val::int32:
      return "I32";
    case mx::Dtype::Val::int64:
      return "I64";
    case mx::Dtype::Val::float16:
      return "F16";
    case mx::Dtype::Val::bfloat16:
      return "BF16";
    case mx::Dtype::Val::float32:
      return "F32";
    case mx::Dtype::Val::float64:
      return "F64";
    case mx::Dtype::Val::complex64:
      break;
  }
  throw base::Error(
      base::ErrorCode::kInternal,
      fmt::format("{}: safetensors has no type for complex numbers", tensor.first));
}

// Row-contiguous, evaluated, in name order.
std::vector<Named> evaluated(const std::unordered_map<std::string, mx::array>& tensors) {
  std::vector<Named> sorted;
  std::vector<mx::array> arrays;
  sorted.reserve(tensors.size());
  arrays.reserve(tensors.size());
  for (const auto& [name, value] : tensors) {
    sorted.emplace_back(name, mx::contiguous(value));
  }
  std::sort(sorted.begin(), sorted.end(), [](const Named& left, const Named& right) {
    return left.first < right.first;
  });
  for (const auto& [name, value] : sorted) {
    arrays.push_back(value);
  }
  mx::eval(arrays);
  return sorted;
}

// Eight bytes of length, little-endian, then JSON, padded with spaces so that data starts aligned.
std::string header_of(
    const std::vector<Named>& tensors,
    const std::unordered_map<std::string, std::string>& metadata) {
  base::Json header = base::Json::object();
  if (!metadata.empty()) {
    header["__metadata__"] = std::map<std::string, std::string>(metadata.begin(), metadata.end());
  }
  std::size_t offset = 0;
  for (const Named& tensor : tensors) {
    const std::size_t end = offset + tensor.second.nbytes();
    base::Json& entry = header[tensor.first];
    entry["dtype"] = dtype_name(tensor);
    entry["shape"] = std::vector<int>(tensor.second.shape().begin(), tensor.second.shape().end());
    entry["data_offsets"] = {offset, end};
    offset = end;
  }
  std::string json = header.dump();
  json.resize((json.size() + 7) / 8 * 8, ' ');
  std::string bytes(8, '\0');
  for (std::size_t i = 0; i < 8; ++i) {
    bytes[i] = static_cast<char>((json.size() >> (8 * i)) & 0xFFU);
  }
  return bytes + json;
}

}  // namespace

void save_safetensors(
    const std::filesystem::path& file,
    const std::unordered_map<std::string, mx::array>& tensors,
    const std::unordered_map<std::string, std::string>& metadata) {
  const auto sorted = evaluated(tensors);
  const std::filesystem::path temporary = file.string() + ".tmp-" + base::new_id();
  try {
    errno = 0;
    std::ofstream stream(temporary, std::ios::binary);
    const std::string header = header_of(sorted, metadata);
    stream.write(header.data(), static_cast<std::streamsize>(header.size()));
    for (const auto& [name, value] : sorted) {
      stream.write(value.data<char>(), static_cast<std::streamsize>(value.nbytes()));
    }
    stream.close();
    if (!stream) {
      base::throw_system_error("write", temporary, errno == 0 ? ENOSPC : errno);
    }
    base::sync_path(temporary);
    std::filesystem::rename(temporary, file);
  } catch (const std::filesystem::filesystem_error& error) {
    std::error_code ignored;
    std::filesystem::remove(temporary, ignored);
    throw base::Error(
        base::ErrorCode::kUnavailable,
        fmt::format("cannot replace {}: {}", file.string(), error.code().message()));
  } catch (...) {
    std::error_code ignored;
    std::filesystem::remove(temporary, ignored);
    throw;
  }
  base::sync_path(file.has_parent_path() ? file.parent_path() : std::filesystem::path("."));
}

}  // namespace hub::tensor
