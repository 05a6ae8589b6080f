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
constexpr std::size_t kMostTensors = 250'000;  // the largest models have some ten thousand a file
// Of one entry: values and brackets, and how deep they nest.
constexpr std::string_view kMetadata = "__metadata__";
constexpr int kMostParts = 64;
constexpr int kMostMetadata = 20'000;
constexpr int kDeepest = 4;
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

// Takes a header apart while it is parsed, entry by entry: a hostile one must cost neither memory
// nor time beyond its own size, which a tree of the whole would (its objects search linearly).
class HeaderParser {
 public:
  explicit HeaderParser(std::uint64_t data_bytes) : data_bytes_(data_bytes) {}

  void parse(std::string_view text) {
    try {
      [[maybe_unused]] const Json root =
          Json::parse(text, [this](int depth, Json::parse_event_t event, const Json& value) {
            return on_event(depth, event, value);
          });
    } catch (const Json::parse_error& error) {
      corrupt(fmt::format("its header is not valid JSON: byte {} is wrong", error.byte));
    } catch (const Json::out_of_range&) {
      corrupt("its header holds a number beyond the range of double precision");
    }
    if (!is_object_) {
      corrupt("its header is no JSON object");
    }
    check_layout(tensors, data_bytes_);
    std::sort(tensors.begin(), tensors.end(), [](const TensorInfo& left, const TensorInfo& right) {
      return left.name < right.name;
    });
    const auto twice = std::adjacent_find(
        tensors.begin(), tensors.end(), [](const TensorInfo& left, const TensorInfo& right) {
          return left.name == right.name;
        });
    if (twice != tensors.end()) {
      corrupt(fmt::format("tensor '{}' is named twice", twice->name));
    }
  }

  std::vector<TensorInfo> tensors;
  std::map<std::string, std::string> metadata;

 private:
  // `depth` 1: a field of the header itself. Returns whether the value is kept in its parent.
  bool on_event(int depth, Json::parse_event_t event, const Json& value) {
    using Event = Json::parse_event_t;
    is_object_ = is_object_ || (depth == 0 && event == Event::object_start);
    if (depth == 0) {
      return true;
    }
    if (depth == 1 && event == Event::key) {
      name_ = value.get<std::string>();
      parts_ = 0;
      return true;
    }
    const bool begins = event == Event::object_start || event == Event::array_start;
    if (depth > kDeepest || ++parts_ > (name_ == kMetadata ? kMostMetadata : kMostParts)) {
      corrupt(fmt::format("'{}' holds more than a header's entry has", name_.substr(0, 120)));
    }
    if (depth > 1 || begins) {
      return true;
    }
    if (!is_object_) {
      corrupt("its header is no JSON object");
    }
    entry(value);
    return false;
  }

  void entry(const Json& value) {
    if (name_ == kMetadata) {
      if (value.is_object()) {
        keep_metadata(value);
      }
      return;
    }
    if (tensors.size() == kMostTensors) {
      corrupt(fmt::format("has more than {} tensors", kMostTensors));
    }
    try {
      tensors.push_back(tensor_from(name_, value, data_bytes_));
    } catch (const base::Error& error) {
      corrupt(fmt::format("tensor '{}' {}", name_.substr(0, 200), error.what()));
    }
  }

  void keep_metadata(const Json& value) {
    for (const auto& [key, text] : value.items()) {
      if (text.is_string()) {
        metadata[key] = text.get<std::string>();
      }
    }
  }

  const std::uint64_t data_bytes_;
  bool is_object_ = false;
  std::string name_;
  int parts_ = 0;  // of the entry that is being read
};

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
    SafetensorsHeader header;
    header.header_bytes = 8 + text.size();
    HeaderParser parser(file_bytes - header.header_bytes);
    parser.parse(text);
    header.tensors = std::move(parser.tensors);
    header.metadata = std::move(parser.metadata);
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
