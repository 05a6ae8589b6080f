#include "core/gguf/gguf_file.h"

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <set>

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/base/error.h"
#include "core/gguf/header_reader.h"

namespace hub::gguf {
namespace {

using base::Error;
using base::ErrorCode;

constexpr std::uint32_t kMagic = 0x46554747;  // "GGUF"
constexpr std::uint64_t kMostTensors = 1U << 16U;
constexpr std::uint64_t kMostFields = 1U << 16U;
constexpr std::uint64_t kMostNameBytes = 1U << 16U;
constexpr std::uint32_t kMostDimensions = 4;
constexpr std::uint64_t kMostValues = 1ULL << 40U;
constexpr const char* kAlignmentKey = "general.alignment";
constexpr std::int64_t kDefaultAlignment = 32;

// Name, shape and type of one tensor; `offset` still counts from the data's begin.
TensorInfo read_tensor(HeaderReader& reader) {
  TensorInfo tensor;
  tensor.name = reader.text("a tensor's name", kMostNameBytes);
  const auto dimensions = reader.number<std::uint32_t>();
  if (dimensions == 0 || dimensions > kMostDimensions) {
    reader.fail(fmt::format("tensor {} has {} dimensions", tensor.name, dimensions));
  }
  std::uint64_t values = 1;
  for (std::uint32_t i = 0; i < dimensions; ++i) {
    const auto size = reader.number<std::uint64_t>();
    if (size == 0 || size > kMostValues || values > kMostValues / size) {
      reader.fail(fmt::format("tensor {} has the impossible dimension {}", tensor.name, size));
    }
    values *= size;
    tensor.shape.insert(tensor.shape.begin(), size);
  }
  const auto number = reader.number<std::uint32_t>();
  const TypeTraits* type = find_type(number);
  if (type == nullptr) {
    reader.fail(
        fmt::format(
            "tensor {} has the type {}, which is not read. Read are F32, F16, BF16, Q4_0, Q4_1, "
            "Q5_0, Q5_1, Q8_0, Q2_K, Q3_K, Q4_K, Q5_K and Q6_K",
            tensor.name,
            number));
  }
  tensor.type = type->type;
  if (tensor.columns() % type->block_values != 0) {
    reader.fail(
        fmt::format(
            "tensor {} has rows of {} values, {} comes in blocks of {}",
            tensor.name,
            tensor.columns(),
            type->name,
            type->block_values));
  }
  tensor.bytes = values / type->block_values * type->block_bytes;
  tensor.offset = reader.number<std::uint64_t>();
  return tensor;
}

}  // namespace

std::uint64_t TensorInfo::rows() const {
  std::uint64_t count = 1;
  for (std::size_t i = 0; i + 1 < shape.size(); ++i) {
    count *= shape[i];
  }
  return count;
}

std::uint64_t TensorInfo::columns() const {
  return shape.back();
}

GgufFile::GgufFile(const std::filesystem::path& path) : path_(path) {
  descriptor_ = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
  struct stat status{};
  if (descriptor_ < 0 || ::fstat(descriptor_, &status) != 0 || !S_ISREG(status.st_mode)) {
    const int number = errno;
    if (descriptor_ >= 0) {
      ::close(descriptor_);
    }
    throw Error(
        ErrorCode::kNotFound,
        fmt::format("cannot read {}: {}", path.string(), std::strerror(number)));
  }
  size_ = static_cast<std::uint64_t>(status.st_size);
  try {
    HeaderReader reader(descriptor_, size_, path.filename().string());
    if (reader.number<std::uint32_t>() != kMagic) {
      reader.fail("this is no GGUF file");
    }
    const auto version = reader.number<std::uint32_t>();
    if (version != 2 && version != 3) {
      reader.fail(fmt::format("GGUF version {} is not read, only 2 and 3, little-endian", version));
    }
    const auto tensors = reader.number<std::uint64_t>();
    const auto fields = reader.number<std::uint64_t>();
    if (tensors > kMostTensors || fields > kMostFields) {
      reader.fail(fmt::format("{} tensors and {} fields are claimed", tensors, fields));
    }
    for (std::uint64_t i = 0; i < fields; ++i) {
      std::string key = reader.text("a field's name", kMostNameBytes);
      Value value = reader.value(key);
      if (!fields_.emplace(key, std::move(value)).second) {
        reader.fail(fmt::format("field {} is there twice", key));
      }
    }
    std::set<std::string> names;
    for (std::uint64_t i = 0; i < tensors; ++i) {
      tensors_.push_back(read_tensor(reader));
      if (!names.insert(tensors_.back().name).second) {
        reader.fail(fmt::format("tensor {} is there twice", tensors_.back().name));
      }
    }
    const std::int64_t alignment =
        find(kAlignmentKey) != nullptr ? integer(kAlignmentKey) : kDefaultAlignment;
    if (alignment < 1 || alignment > (1 << 20) || (alignment & (alignment - 1)) != 0) {
      reader.fail(fmt::format("{} is {}", kAlignmentKey, alignment));
    }
    const auto step = static_cast<std::uint64_t>(alignment);
    const std::uint64_t data = (reader.position() + step - 1) / step * step;
    for (TensorInfo& tensor : tensors_) {
      if (data > size_ || tensor.offset > size_ - data ||
          tensor.bytes > size_ - data - tensor.offset) {
        reader.fail(
            fmt::format(
                "tensor {} lies beyond the file's end: the file is truncated", tensor.name));
      }
      if (tensor.offset % step != 0) {
        reader.fail(
            fmt::format("tensor {} begins at the odd offset {}", tensor.name, tensor.offset));
      }
      tensor.offset += data;
    }
  } catch (...) {
    ::close(descriptor_);
    throw;
  }
}

GgufFile::~GgufFile() {
  ::close(descriptor_);
}

const TensorInfo* GgufFile::find_tensor(const std::string& name) const {
  const auto found = std::find_if(tensors_.begin(), tensors_.end(), [&](const TensorInfo& tensor) {
    return tensor.name == name;
  });
  return found == tensors_.end() ? nullptr : &*found;
}

const Value* GgufFile::find(const std::string& key) const {
  const auto found = fields_.find(key);
  return found == fields_.end() ? nullptr : &found->second;
}

template <typename T>
const T& GgufFile::get(const std::string& key, const char* kind) const {
  const Value* value = find(key);
  const T* wanted = value == nullptr ? nullptr : std::get_if<T>(value);
  if (wanted == nullptr) {
    throw Error(
        ErrorCode::kUnprocessable,
        fmt::format(
            "{}: the field {} {}",
            path_.filename().string(),
            key,
            value == nullptr ? "is missing" : fmt::format("must be {}", kind)),
        {},
        "gguf_invalid");
  }
  return *wanted;
}

std::int64_t GgufFile::integer(const std::string& key) const {
  return get<std::int64_t>(key, "an integer");
}

double GgufFile::number(const std::string& key) const {
  const Value* value = find(key);
  if (value != nullptr && std::holds_alternative<std::int64_t>(*value)) {
    return static_cast<double>(std::get<std::int64_t>(*value));
  }
  return get<double>(key, "a number");
}

const std::string& GgufFile::text(const std::string& key) const {
  return get<std::string>(key, "a text");
}

const std::vector<std::string>& GgufFile::texts(const std::string& key) const {
  return get<std::vector<std::string>>(key, "a list of texts");
}

const std::vector<std::int64_t>& GgufFile::integers(const std::string& key) const {
  return get<std::vector<std::int64_t>>(key, "a list of integers");
}

const std::vector<double>& GgufFile::numbers(const std::string& key) const {
  return get<std::vector<double>>(key, "a list of numbers");
}

void GgufFile::read(
    const TensorInfo& tensor, std::uint64_t begin, std::vector<std::uint8_t>& out) const {
  std::size_t done = 0;
  while (done < out.size()) {
    const ssize_t got = ::pread(
        descriptor_,
        out.data() + done,
        out.size() - done,
        static_cast<off_t>(tensor.offset + begin + done));
    if (got <= 0) {
      throw Error(
          ErrorCode::kUnprocessable,
          fmt::format("{}: tensor {} cannot be read", path_.filename().string(), tensor.name),
          {},
          "gguf_invalid");
    }
    done += static_cast<std::size_t>(got);
  }
}

}  // namespace hub::gguf
