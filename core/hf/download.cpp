#include "core/hf/download.h"

#include <algorithm>
#include <charconv>
#include <chrono>
#include <optional>
#include <thread>

#include <fmt/format.h>

#include "core/base/error.h"
#include "core/hf/client.h"
#include "core/hf/partial_file.h"

namespace hub::hf {
namespace {

namespace fs = std::filesystem;
using base::Error;
using base::ErrorCode;

// Failures in a row without a byte between them, after which a file is given up.
constexpr int kMostFailures = 6;
constexpr std::chrono::milliseconds kFirstBackoff{300};
constexpr std::chrono::milliseconds kLongestBackoff{15'000};
constexpr std::chrono::milliseconds kTick{300};

// The first byte of "bytes 100-199/200"; nullopt for another form.
std::optional<std::int64_t> range_begin(const std::string& content_range) {
  constexpr std::string_view unit = "bytes ";
  if (!content_range.starts_with(unit)) {
    return std::nullopt;
  }
  std::int64_t value = 0;
  const char* begin = content_range.data() + unit.size();
  const auto [end, error] =
      std::from_chars(begin, content_range.data() + content_range.size(), value);
  return error == std::errc() && *end == '-' ? std::optional(value) : std::nullopt;
}

// One attempt to get the rest of `partial`. Returns how long to wait before the next one, where the
// server asked for a wait; throws what a next attempt would not change, and connection failures.
class Attempt {
 public:
  Attempt(
      Client& client,
      net::HttpClient& http,
      PartialFile& partial,
      const std::atomic<bool>& stopping,
      std::atomic<std::int64_t>& done)
      : client_(client), http_(http), partial_(partial), stopping_(stopping), done_(done) {}

  std::optional<std::chrono::milliseconds> run(const std::string& commit, const RemoteFile& file) {
    net::HttpRequest request = client_.file_request(commit, file.name, partial_.size());
    request.timeout = std::chrono::milliseconds(0);
    request.cancelled = &stopping_;
    const net::HttpResponse response = http_.stream(
        request,
        [this](std::string_view bytes) {
          partial_.append(bytes);
          done_ = partial_.size();
          return !stopping_;
        },
        [this](const net::HttpResponse& head) { begin(head); });
    if (response.status == 416) {
      partial_.discard();
      throw Error(
          ErrorCode::kUnprocessable,
          fmt::format(
              "{}: the Hub lists {} bytes, its file ends at {} or before",
              file.name,
              file.size,
              partial_.size()),
          {},
          "size_mismatch");
    }
    if (response.status == 429 || response.status >= 500) {
      last_ = response;
      return net::retry_after(response).value_or(std::chrono::milliseconds(0));
    }
    if (response.status >= 400) {
      client_.refuse(response, fmt::format("get {} of {}", file.name, client_.repository()));
    }
    return std::nullopt;
  }

  // The answer for which run() asked to wait.
  [[nodiscard]] const net::HttpResponse& last() const { return last_; }

 private:
  // A server that does not know ranges sends everything again.
  void begin(const net::HttpResponse& head) {
    if (partial_.size() == 0) {
      return;
    }
    if (head.status != 206 ||
        range_begin(head.header("content-range")) != std::optional(partial_.size())) {
      partial_.restart();
      if (head.status == 206) {
        throw Error(
            ErrorCode::kUnavailable,
            "another range came than was asked for",
            {},
            "connection_lost");
      }
    }
  }

  Client& client_;
  net::HttpClient& http_;
  PartialFile& partial_;
  const std::atomic<bool>& stopping_;
  std::atomic<std::int64_t>& done_;
  net::HttpResponse last_;
};

void pause(std::chrono::milliseconds time, const std::atomic<bool>& stopping) {
  const auto until = std::chrono::steady_clock::now() + time;
  while (!stopping && std::chrono::steady_clock::now() < until) {
    std::this_thread::sleep_for(std::min(time, std::chrono::milliseconds(50)));
  }
}

}  // namespace

Download::Download(
    Settings settings, const Snapshot& snapshot, std::vector<RemoteFile> files, fs::path folder)
    : settings_(std::move(settings)),
      repository_(snapshot.repository),
      commit_(snapshot.commit),
      files_(std::move(files)),
      folder_(std::move(folder)),
      done_bytes_(files_.size()),
      fetched_(files_.size()) {
  std::error_code error;
  fs::create_directories(folder_, error);
  if (error) {
    throw Error(
        ErrorCode::kUnavailable,
        fmt::format("cannot create {}: {}", folder_.string(), error.message()),
        {},
        error == std::errc::no_space_on_device ? "disk_full" : "");
  }
}

std::int64_t Download::partial_bytes(const fs::path& folder, const RemoteFile& file) {
  for (const fs::path& path :
       {folder / file.content_name(), PartialFile::part_path(folder, file)}) {
    std::error_code error;
    const auto size = fs::file_size(path, error);
    if (!error && static_cast<std::int64_t>(size) <= file.size) {
      return static_cast<std::int64_t>(size);
    }
  }
  return 0;
}

std::vector<FetchedFile> Download::run(
    const std::function<bool(const DownloadProgress&)>& on_tick) {
  DownloadProgress progress;
  progress.total_files = static_cast<int>(files_.size());
  for (std::size_t i = 0; i < files_.size(); ++i) {
    progress.total_bytes += files_[i].size;
    done_bytes_[i] = partial_bytes(folder_, files_[i]);
  }
  const auto tick = [&] {
    progress.done_bytes = 0;
    for (const auto& done : done_bytes_) {
      progress.done_bytes += done;
    }
    progress.done_files = done_files_;
    return on_tick(progress);
  };
  bool wanted = tick();
  std::atomic<int> running = std::min(settings_.parallel_files, progress.total_files);
  std::vector<std::thread> threads;
  for (int i = running; wanted && i > 0; --i) {
    threads.emplace_back([this, &running] {
      work();
      --running;
    });
  }
  while (wanted && running > 0) {
    std::this_thread::sleep_for(progress.done_bytes == 0 ? kTick / 10 : kTick);
    wanted = tick();
  }
  stopping_ = true;
  for (std::thread& thread : threads) {
    thread.join();
  }
  if (!wanted) {
    throw Error(ErrorCode::kCancelled, "the download was stopped", {}, "cancelled");
  }
  if (failure_) {
    std::rethrow_exception(failure_);
  }
  static_cast<void>(tick());
  return fetched_;
}

void Download::work() {
  while (!stopping_) {
    const std::size_t index = next_++;
    if (index >= files_.size()) {
      return;
    }
    try {
      fetched_[index] = fetch(files_[index], done_bytes_[index]);
      ++done_files_;
    } catch (...) {
      remember(std::current_exception());
      return;
    }
  }
}

void Download::remember(std::exception_ptr failure) {
  const std::lock_guard lock(mutex_);
  if (!failure_) {
    failure_ = std::move(failure);
  }
  stopping_ = true;
}

FetchedFile Download::fetch(const RemoteFile& file, std::atomic<std::int64_t>& done) {
  Client client(settings_, repository_, &stopping_);
  net::HttpClient http;
  PartialFile partial(folder_, file);
  done = partial.size();
  Attempt attempt(client, http, partial, stopping_, done);
  int failures = 0;
  while (!partial.complete()) {
    const std::int64_t before = partial.size();
    std::exception_ptr failure;
    std::chrono::milliseconds asked{0};
    try {
      const auto wait = attempt.run(commit_, file);
      asked = wait.value_or(asked);
      if (wait && failures + 1 >= kMostFailures) {
        client.refuse(attempt.last(), fmt::format("get {} of {}", file.name, repository_));
      }
    } catch (const Error& error) {
      if (!is_connection_failure(error.reason())) {
        throw;
      }
      failure = std::current_exception();
    }
    if (stopping_) {
      throw Error(ErrorCode::kCancelled, "the download was stopped", {}, "cancelled");
    }
    if (partial.complete()) {
      break;
    }
    failures = partial.size() > before ? 1 : failures + 1;
    if (failures >= kMostFailures && failure) {
      std::rethrow_exception(failure);
    }
    if (failures >= kMostFailures) {
      throw Error(
          ErrorCode::kUnprocessable,
          fmt::format(
              "{}: the Hub lists {} bytes, but sends only {}",
              file.name,
              file.size,
              partial.size()),
          {},
          "size_mismatch");
    }
    pause(
        std::max(asked, std::min(kFirstBackoff * (1 << (failures - 1)), kLongestBackoff)),
        stopping_);
  }
  return {file.name, partial.final_path(), file.size, partial.finish()};
}

}  // namespace hub::hf
