#include "core/hub/log_files.h"

#include <algorithm>
#include <fstream>
#include <system_error>

#include <fmt/format.h>

#include "core/base/error.h"
#include "core/obs/log_record.h"

namespace hub::hub {
namespace {

namespace fs = std::filesystem;

constexpr std::string_view kEnginePrefix = "engine-";

void check(const std::error_code& error, const fs::path& file) {
  if (error) {
    throw base::Error(
        base::ErrorCode::kUnavailable,
        fmt::format("cannot rotate {}: {}", file.string(), error.message()));
  }
}

fs::path numbered(const fs::path& file, int number) {
  return fmt::format("{}.{}", file.string(), number);
}

}  // namespace

void rotate_log(const fs::path& file, std::uint64_t most_bytes, int keep) {
  std::error_code error;
  const std::uint64_t size = fs::file_size(file, error);
  if (error || size <= most_bytes) {
    return;
  }
  for (int number = keep; number > 1; --number) {
    if (fs::exists(numbered(file, number - 1))) {
      fs::rename(numbered(file, number - 1), numbered(file, number), error);
      check(error, file);
    }
  }
  fs::copy_file(file, numbered(file, 1), fs::copy_options::overwrite_existing, error);
  check(error, file);
  fs::resize_file(file, 0, error);
  check(error, file);
}

std::string engine_log_name(std::string_view base_name) {
  return fmt::format("{}{}.log", kEnginePrefix, base_name);
}

void rotate_logs(const fs::path& folder, std::uint64_t most_bytes) {
  std::error_code error;
  for (const auto& entry : fs::directory_iterator(folder, error)) {
    if (entry.path().extension() == ".log" &&
        entry.path().filename().string().starts_with(kEnginePrefix)) {
      rotate_log(entry.path(), most_bytes, kOlderLogs);
    }
  }
}

std::string readable(std::string_view lines) {
  std::string text;
  text.reserve(lines.size());
  for (std::size_t begin = 0; begin < lines.size();) {
    const std::size_t end = std::min(lines.find('\n', begin), lines.size());
    text += obs::log::readable(lines.substr(begin, end - begin));
    if (end < lines.size()) {
      text += '\n';
    }
    begin = end + 1;
  }
  return text;
}

std::string tail(const fs::path& file, std::int64_t lines, std::int64_t most_bytes) {
  std::ifstream stream(file, std::ios::binary | std::ios::ate);
  if (!stream) {
    return {};
  }
  const std::int64_t size = stream.tellg();
  const std::int64_t from = std::max<std::int64_t>(0, size - most_bytes);
  stream.seekg(from);
  std::string text(static_cast<std::size_t>(size - from), '\0');
  stream.read(text.data(), size - from);
  text.resize(static_cast<std::size_t>(stream.gcount()));
  if (from > 0) {
    text.erase(0, text.find('\n') + 1);  // begin with a whole line
  }
  std::size_t begin = text.size();
  for (std::int64_t found = 0; begin > 0; --begin) {
    if (text[begin - 1] == '\n' && begin != text.size() && ++found == lines) {
      break;
    }
  }
  return text.substr(begin);
}

}  // namespace hub::hub
