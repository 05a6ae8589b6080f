#include "core/hub/backward_lines.h"

#include <algorithm>
#include <cerrno>
#include <string_view>
#include <utility>

#include <fcntl.h>
#include <unistd.h>

#include "core/hub/log_source.h"

namespace hub::hub {
namespace {

constexpr std::uint64_t kBlock = 64U << 10U;
constexpr std::uint64_t kProbe = 8U << 10U;  // where only a time is wanted
constexpr std::int64_t kDisorderMs = 1000;   // threads' lines are not quite in the order of times
constexpr std::int64_t kNoTime = -1;

}  // namespace

BackwardLines::BackwardLines(
    const std::filesystem::path& file, std::uint64_t size, std::uint64_t& bytes_read)
    : descriptor_(::open(file.c_str(), O_RDONLY | O_CLOEXEC)),
      bytes_read_(bytes_read),
      begin_(descriptor_ < 0 ? 0 : size) {}

BackwardLines::~BackwardLines() {
  if (descriptor_ >= 0) {
    ::close(descriptor_);
  }
}

// Less than asked for where the file has become shorter.
std::string BackwardLines::read(std::uint64_t offset, std::size_t bytes) {
  std::string text(bytes, '\0');
  std::size_t done = 0;
  while (done < bytes) {
    const ssize_t got =
        ::pread(descriptor_, text.data() + done, bytes - done, static_cast<off_t>(offset + done));
    if (got < 0 && errno == EINTR) {
      continue;
    }
    if (got <= 0) {
      break;
    }
    done += static_cast<std::size_t>(got);
  }
  bytes_read_ += done;
  text.resize(done);
  return text;
}

// The first line behind `offset` that tells its time, within a few KiB.
std::optional<BackwardLines::Found> BackwardLines::first_line_after(
    std::uint64_t offset, bool at_line_start) {
  const std::string block = read(offset, std::min(kProbe, begin_ - offset));
  std::size_t at = at_line_start ? 0 : block.find('\n') + 1;
  while (at < block.size() && (at > 0 || at_line_start)) {
    const std::size_t end = block.find('\n', at);
    if (end == std::string::npos) {
      break;
    }
    const LogLine line(std::string_view(block).substr(at, end - at), kNoTime);
    if (line.time_ms() != kNoTime) {
      return Found{offset + at, line.time_ms()};
    }
    at = end + 1;
  }
  return std::nullopt;
}

void BackwardLines::skip_later_than(std::int64_t time_ms) {
  const std::int64_t bound = time_ms + kDisorderMs;
  const auto first = first_line_after(0, true);
  if (first && first->time_ms > bound) {
    begin_ = 0;
    return;
  }
  std::uint64_t low = 0;
  while (begin_ - low > kBlock) {
    const std::uint64_t middle = low + (begin_ - low) / 2;
    const auto found = first_line_after(middle, false);
    if (!found) {
      return;
    }
    if (found->time_ms > bound) {
      begin_ = found->offset;
    } else {
      low = middle;
    }
  }
}

std::optional<std::string> BackwardLines::next() {
  while (true) {
    const std::size_t newline = buffer_.rfind('\n');
    if (newline != std::string::npos) {
      std::string line = buffer_.substr(newline + 1);
      buffer_.resize(newline);
      if (std::exchange(cut_tail_, false) || line.empty()) {
        continue;
      }
      return line;
    }
    if (begin_ == 0) {
      std::string line = std::exchange(buffer_, {});
      return cut_tail_ || line.empty() ? std::nullopt : std::optional(std::move(line));
    }
    const std::uint64_t step = std::min(kBlock, begin_);
    std::string block = read(begin_ - step, step);
    if (block.size() < step) {  // emptied meanwhile
      begin_ = 0;
      buffer_.clear();
      return std::nullopt;
    }
    begin_ -= step;
    buffer_.resize(std::min<std::size_t>(buffer_.size(), kBlock));  // a long line's end goes
    buffer_.insert(0, block);
  }
}

}  // namespace hub::hub
