#include "core/gguf/header_reader.h"

#include <algorithm>
#include <charconv>

#include <fmt/format.h>
#include <unistd.h>

#include "core/base/error.h"

namespace hub::gguf {
namespace {

constexpr std::size_t kWindowBytes = 1U << 20U;
constexpr std::uint64_t kMostTextBytes = 64ULL << 20U;
constexpr std::uint64_t kMostElements = 1ULL << 24U;
constexpr std::uint64_t kMostHeaderBytes = 512ULL << 20U;  // real ones have a few MB

// The format's numbers of value types (gguf.h, enum gguf_type).
enum ValueType : std::uint32_t {
  kUint8 = 0,
  kInt8 = 1,
  kUint16 = 2,
  kInt16 = 3,
  kUint32 = 4,
  kInt32 = 5,
  kFloat32 = 6,
  kBool = 7,
  kString = 8,
  kArray = 9,
  kUint64 = 10,
  kInt64 = 11,
  kFloat64 = 12,
};

// The least bytes that an element of this type takes; 0 for an unknown type.
std::uint64_t least_bytes(std::uint32_t type) {
  switch (type) {
    case kUint8:
    case kInt8:
    case kBool:
      return 1;
    case kUint16:
    case kInt16:
      return 2;
    case kUint32:
    case kInt32:
    case kFloat32:
      return 4;
    case kString:
    case kUint64:
    case kInt64:
    case kFloat64:
      return 8;
    default:
      return 0;
  }
}

// The shortest decimal number that is this float: 1e-05, not 9.999999747378752e-06.
double widened(float value) {
  std::array<char, 32> text{};
  const auto [end, error] = std::to_chars(text.data(), text.data() + text.size(), value);
  double wide = value;
  if (error == std::errc()) {
    std::from_chars(text.data(), end, wide);
  }
  return wide;
}

}  // namespace

HeaderReader::HeaderReader(int descriptor, std::uint64_t file_bytes, std::string file_name)
    : descriptor_(descriptor), file_bytes_(file_bytes), file_name_(std::move(file_name)) {}

void HeaderReader::fail(const std::string& what) const {
  throw base::Error(
      base::ErrorCode::kUnprocessable,
      fmt::format("{}: {} (at byte {} of {})", file_name_, what, position_, file_bytes_),
      {},
      "gguf_invalid");
}

void HeaderReader::copy(char* out, std::size_t count) {
  if (count > left()) {
    fail(fmt::format("the file is truncated: {} more bytes were expected", count));
  }
  if (position_ + count > kMostHeaderBytes) {
    fail(fmt::format("the header is longer than {} bytes", kMostHeaderBytes));
  }
  while (count > 0) {
    if (used_ == window_.size()) {
      window_.resize(static_cast<std::size_t>(std::min<std::uint64_t>(kWindowBytes, left())));
      const ssize_t got =
          ::pread(descriptor_, window_.data(), window_.size(), static_cast<off_t>(position_));
      if (got <= 0) {
        fail("the file cannot be read");
      }
      window_.resize(static_cast<std::size_t>(got));
      used_ = 0;
    }
    const std::size_t piece = std::min(count, window_.size() - used_);
    std::memcpy(out, window_.data() + used_, piece);
    used_ += piece;
    position_ += piece;
    out += piece;
    count -= piece;
  }
}

std::string HeaderReader::text(std::string_view what, std::uint64_t most) {
  const auto length = number<std::uint64_t>();
  if (length > left()) {
    fail(fmt::format("{} claims {} bytes and {} are left", what, length, left()));
  }
  if (length > most) {
    fail(fmt::format("{} claims {} bytes; {} is the most that is read", what, length, most));
  }
  std::string bytes(static_cast<std::size_t>(length), '\0');
  copy(bytes.data(), bytes.size());
  return bytes;
}

Value HeaderReader::value(const std::string& key) {
  const auto type = number<std::uint32_t>();
  return type == kArray ? array(key) : scalar(type, key);
}

Value HeaderReader::scalar(std::uint32_t type, const std::string& key) {
  switch (type) {
    case kUint8:
      return std::int64_t{number<std::uint8_t>()};
    case kInt8:
      return std::int64_t{number<std::int8_t>()};
    case kUint16:
      return std::int64_t{number<std::uint16_t>()};
    case kInt16:
      return std::int64_t{number<std::int16_t>()};
    case kUint32:
      return std::int64_t{number<std::uint32_t>()};
    case kInt32:
      return std::int64_t{number<std::int32_t>()};
    case kInt64:
      return number<std::int64_t>();
    case kUint64: {
      const auto wide = number<std::uint64_t>();
      if (wide > static_cast<std::uint64_t>(INT64_MAX)) {
        fail(fmt::format("field {} is {}, too large for anything", key, wide));
      }
      return static_cast<std::int64_t>(wide);
    }
    case kFloat32:
      return widened(number<float>());
    case kFloat64:
      return number<double>();
    case kBool:
      return number<std::uint8_t>() != 0;
    case kString:
      return text("field " + key, kMostTextBytes);
    default:
      fail(fmt::format("field {} has the unknown type {}", key, type));
  }
}

Value HeaderReader::array(const std::string& key) {
  const auto type = number<std::uint32_t>();
  const auto count = number<std::uint64_t>();
  const std::uint64_t least = least_bytes(type);
  if (least == 0) {
    fail(fmt::format("array {} has elements of the type {}, which is not read", key, type));
  }
  if (count > left() / least) {
    fail(fmt::format("array {} claims {} elements and {} bytes are left", key, count, left()));
  }
  if (count > kMostElements) {
    fail(fmt::format("array {} claims {} elements", key, count));
  }
  const auto fill = [&]<typename T>(std::vector<T> list) {
    list.reserve(static_cast<std::size_t>(count));
    for (std::uint64_t i = 0; i < count; ++i) {
      const Value element = scalar(type, key);
      if constexpr (std::is_same_v<T, std::int64_t>) {
        const bool* flag = std::get_if<bool>(&element);
        list.push_back(flag != nullptr ? (*flag ? 1 : 0) : std::get<std::int64_t>(element));
      } else {
        list.push_back(std::get<T>(element));
      }
    }
    return Value(std::move(list));
  };
  if (type == kString) {
    return fill(std::vector<std::string>());
  }
  if (type == kFloat32 || type == kFloat64) {
    return fill(std::vector<double>());
  }
  return fill(std::vector<std::int64_t>());
}

}  // namespace hub::gguf
