#include "core/data/example_store.h"

#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <string>
#include <utility>

#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

#include "core/base/error.h"

namespace hub::data {
namespace {

constexpr std::uint32_t kTrained = 1U << 31U;  // of a token; ids are below
constexpr std::size_t kBufferTokens = 1U << 18U;

[[noreturn]] void fail(const char* what) {
  throw base::Error(
      base::ErrorCode::kUnavailable,
      fmt::format("cannot {} the tokenized rows: {}", what, std::strerror(errno)));
}

Example sequence_of(const std::uint32_t* tokens, std::uint32_t count) {
  Example sequence;
  sequence.tokens.reserve(count);
  sequence.trained.reserve(count);
  for (std::uint32_t i = 0; i < count; ++i) {
    sequence.tokens.push_back(static_cast<int>(tokens[i] & ~kTrained));
    sequence.trained.push_back(static_cast<std::uint8_t>(tokens[i] >> 31U));
  }
  return sequence;
}

}  // namespace

ExampleStore::ExampleStore(const std::filesystem::path& folder) {
  std::string name = (folder / ".rows-XXXXXX").string();
  file_ = ::mkstemp(name.data());
  if (file_ < 0) {
    fail("make a file for");
  }
  ::fcntl(file_, F_SETFD, FD_CLOEXEC);
  ::unlink(name.c_str());
}

ExampleStore::~ExampleStore() {
  ::close(file_);
}

void ExampleStore::append(const Example& sequence) {
  for (std::size_t i = 0; i < sequence.tokens.size(); ++i) {
    const auto token = static_cast<std::uint32_t>(sequence.tokens[i]);
    buffer_.push_back(sequence.trained[i] != 0 ? token | kTrained : token);
  }
}

void ExampleStore::add(const Example& row) {
  const RowCounts counts = counts_of(row);
  index_.push_back(
      {written_ + buffer_.size(),
       static_cast<std::uint32_t>(counts.tokens),
       static_cast<std::uint32_t>(counts.trained),
       static_cast<std::uint32_t>(counts.rejected_tokens),
       static_cast<std::uint32_t>(counts.rejected_trained)});
  append(row);
  if (row.rejected) {
    append(*row.rejected);
  }
  if (buffer_.size() >= kBufferTokens) {
    flush();
  }
}

void ExampleStore::flush() {
  const auto* bytes = reinterpret_cast<const char*>(buffer_.data());
  std::size_t left = buffer_.size() * sizeof(std::uint32_t);
  while (left > 0) {
    const ::ssize_t count = ::write(file_, bytes, left);
    if (count < 0 && errno != EINTR) {
      fail("write");
    }
    if (count > 0) {
      bytes += count;
      left -= static_cast<std::size_t>(count);
    }
  }
  written_ += buffer_.size();
  buffer_.clear();
}

void ExampleStore::finish() {
  flush();
  buffer_.shrink_to_fit();
  index_.shrink_to_fit();
}

RowCounts ExampleStore::counts(std::size_t i) const {
  const Place& place = index_.at(i);
  return {place.tokens, place.trained, place.rejected_tokens, place.rejected_trained};
}

Example ExampleStore::get(std::size_t i) const {
  const Place& place = index_.at(i);
  std::vector<std::uint32_t> tokens(place.tokens + place.rejected_tokens);
  auto* bytes = reinterpret_cast<char*>(tokens.data());
  std::size_t left = tokens.size() * sizeof(std::uint32_t);
  auto offset = static_cast<::off_t>(place.offset * sizeof(std::uint32_t));
  while (left > 0) {
    const ::ssize_t count = ::pread(file_, bytes, left, offset);
    if (count == 0 || (count < 0 && errno != EINTR)) {
      fail("read");
    }
    if (count > 0) {
      bytes += count;
      offset += count;
      left -= static_cast<std::size_t>(count);
    }
  }
  Example row = sequence_of(tokens.data(), place.tokens);
  if (place.rejected_tokens > 0) {
    row.rejected = std::make_shared<const Example>(
        sequence_of(tokens.data() + place.tokens, place.rejected_tokens));
  }
  return row;
}

}  // namespace hub::data
