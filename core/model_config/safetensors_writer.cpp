#include "core/model_config/safetensors_writer.h"

#include <algorithm>
#include <cerrno>

#include <fcntl.h>
#include <fmt/format.h>
#include <nlohmann/json.hpp>
#include <unistd.h>

#include "core/base/error.h"
#include "core/base/json.h"
#include "core/base/system_error.h"

namespace hub::model_config {
namespace {

using base::Error;
using base::ErrorCode;

}  // namespace

SafetensorsWriter::SafetensorsWriter(
    const std::filesystem::path& path, std::vector<PlannedTensor> tensors)
    : path_(path) {
  std::sort(
      tensors.begin(), tensors.end(), [](const auto& a, const auto& b) { return a.name < b.name; });
  base::Json header = {{"__metadata__", {{"format", "mlx"}}}};
  std::uint64_t end = 0;
  for (const PlannedTensor& tensor : tensors) {
    header[tensor.name] = {
        {"dtype", tensor.dtype},
        {"shape", tensor.shape},
        {"data_offsets", {end, end + tensor.bytes}}};
    end += tensor.bytes;
  }
  std::string text = header.dump();
  text.append((8 - text.size() % 8) % 8, ' ');
  const std::uint64_t length = text.size();
  std::uint64_t offset = sizeof(length) + length;
  for (const PlannedTensor& tensor : tensors) {
    places_[tensor.name] = {offset, tensor.bytes};
    offset += tensor.bytes;
  }
  descriptor_ = ::open(path_.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
  if (descriptor_ < 0) {
    base::throw_system_error("create", path_, errno);
  }
  try {
    put(0, &length, sizeof(length));
    put(sizeof(length), text.data(), text.size());
  } catch (...) {
    ::close(descriptor_);
    throw;
  }
}

SafetensorsWriter::~SafetensorsWriter() {
  ::close(descriptor_);
}

void SafetensorsWriter::put(std::uint64_t offset, const void* bytes, std::size_t count) {
  const auto* from = static_cast<const char*>(bytes);
  while (count > 0) {
    const ssize_t done = ::pwrite(descriptor_, from, count, static_cast<off_t>(offset));
    if (done < 0 && errno == EINTR) {
      continue;
    }
    if (done <= 0) {
      base::throw_system_error("write", path_, done == 0 ? ENOSPC : errno);
    }
    from += done;
    offset += static_cast<std::uint64_t>(done);
    count -= static_cast<std::size_t>(done);
  }
}

void SafetensorsWriter::write(
    const std::string& name, std::uint64_t begin, const void* bytes, std::size_t count) {
  Place& place = places_.at(name);
  if (count > place.left) {
    throw Error(ErrorCode::kInternal, fmt::format("tensor {} got too many bytes", name));
  }
  put(place.offset + begin, bytes, count);
  place.left -= count;
}

void SafetensorsWriter::finish() {
  for (const auto& [name, place] : places_) {
    if (place.left > 0) {
      throw Error(ErrorCode::kInternal, fmt::format("tensor {} lacks {} bytes", name, place.left));
    }
  }
  if (::fsync(descriptor_) != 0) {
    base::throw_system_error("sync", path_, errno);
  }
}

}  // namespace hub::model_config
