#include "core/hub/child_process.h"

#include <array>
#include <cerrno>
#include <charconv>
#include <chrono>
#include <cstdlib>
#include <cstring>
#include <fstream>

#include <fcntl.h>
#include <fmt/format.h>
#include <nlohmann/json.hpp>
#include <signal.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include "core/base/clock.h"
#include "core/base/error.h"
#include "core/base/file.h"
#include "core/base/worker_protocol.h"
#include "core/hub/process_info.h"
#include "core/obs/log.h"

// NOLINTNEXTLINE(cppcoreguidelines-avoid-non-const-global-variables): POSIX declares it so
extern char** environ;

namespace hub::hub {
namespace {

using base::Error;
using base::ErrorCode;

// Bytes of a protocol line; more without a line break is dropped.
constexpr std::size_t kLongestLine = 1U << 20U;

// Both ends close on exec, so that no other child keeps a worker's standard input open and alive.
std::array<int, 2> make_pipe() {
  std::array<int, 2> ends{};
#ifdef __linux__
  const bool made = ::pipe2(ends.data(), O_CLOEXEC) == 0;
#else
  const bool made = ::pipe(ends.data()) == 0 && ::fcntl(ends[0], F_SETFD, FD_CLOEXEC) == 0 &&
                    ::fcntl(ends[1], F_SETFD, FD_CLOEXEC) == 0;
#endif
  if (!made) {
    throw Error(
        ErrorCode::kUnavailable, fmt::format("cannot make a pipe: {}", std::strerror(errno)));
  }
  return ends;
}

// The attributes of posix_spawn, released in the destructor.
struct SpawnSettings {
  SpawnSettings() {
    posix_spawn_file_actions_init(&actions);
    posix_spawnattr_init(&attributes);
    // A group of its own: Ctrl-C in the terminal reaches the server alone, which then drains its
    // workers.
    posix_spawnattr_setpgroup(&attributes, 0);
    sigset_t signals;
    sigemptyset(&signals);
    posix_spawnattr_setsigmask(&attributes, &signals);
    sigaddset(&signals, SIGPIPE);
    sigaddset(&signals, SIGINT);
    sigaddset(&signals, SIGTERM);
    posix_spawnattr_setsigdefault(&attributes, &signals);
    posix_spawnattr_setflags(
        &attributes, POSIX_SPAWN_SETPGROUP | POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF);
  }
  ~SpawnSettings() {
    posix_spawn_file_actions_destroy(&actions);
    posix_spawnattr_destroy(&attributes);
  }
  SpawnSettings(const SpawnSettings&) = delete;
  SpawnSettings& operator=(const SpawnSettings&) = delete;

  posix_spawn_file_actions_t actions{};
  posix_spawnattr_t attributes{};
};

std::vector<char*> pointers(std::vector<std::string>& strings) {
  std::vector<char*> result;
  result.reserve(strings.size() + 1);
  for (std::string& text : strings) {
    result.push_back(text.data());
  }
  result.push_back(nullptr);
  return result;
}

}  // namespace

std::string ExitStatus::text() const {
  constexpr int not_started = 127;  // the shell's and the loader's
  return signal != 0
             ? fmt::format("signal {} ({})", signal, strsignal(signal))
             : fmt::format(
                   "exit code {}{}",
                   code,
                   code == not_started ? ": it did not start, mlx-hub doctor says why" : "");
}

void end_recorded_workers(const std::filesystem::path& record_folder) {
  std::error_code error;
  for (const auto& entry : std::filesystem::directory_iterator(record_folder, error)) {
    const std::string name = entry.path().filename().string();
    pid_t pid = 0;
    std::from_chars(name.data(), name.data() + name.size(), pid);
    end_process(pid, base::read_file(entry.path()));
    std::filesystem::remove(entry.path(), error);
  }
}

ChildProcess::ChildProcess(ChildOptions options) : options_(std::move(options)) {
  start();
  record();
  reader_ = std::thread([this] { read_events(); });
}

void ChildProcess::start() {
  const auto input = make_pipe();
  const auto output = make_pipe();
  SpawnSettings settings;
  posix_spawn_file_actions_adddup2(&settings.actions, input[0], STDIN_FILENO);
  posix_spawn_file_actions_adddup2(&settings.actions, output[1], STDOUT_FILENO);
  if (!options_.log_file.empty()) {
    posix_spawn_file_actions_addopen(
        &settings.actions,
        STDERR_FILENO,
        options_.log_file.c_str(),
        O_WRONLY | O_CREAT | O_APPEND,
        0644);
  }
  std::vector<std::string> command = options_.command;
  // Weights and activations are large: huge pages double what a core reads from memory where the
  // system grants them on request (Linux, `madvise`); without meaning elsewhere. A user's own
  // setting stays.
  std::vector<std::string> environment = options_.environment;  // the first of a name counts
  if (std::getenv("GLIBC_TUNABLES") == nullptr) {
    environment.emplace_back("GLIBC_TUNABLES=glibc.malloc.hugetlb=1");
  }
  for (char** entry = environ; *entry != nullptr; ++entry) {
    environment.emplace_back(*entry);
  }
  const int error = ::posix_spawn(
      &pid_,
      command.front().c_str(),
      &settings.actions,
      &settings.attributes,
      pointers(command).data(),
      pointers(environment).data());
  ::close(input[0]);
  ::close(output[1]);
  if (error != 0) {
    ::close(input[1]);
    ::close(output[0]);
    throw Error(
        ErrorCode::kUnavailable,
        fmt::format("cannot start {}: {}", command.front(), std::strerror(error)));
  }
  input_ = input[1];
  output_ = output[0];
  start_time_ = process_start_time(pid_).value_or(0);
  running_ = true;
}

void ChildProcess::record() const {
  if (!options_.record_folder.empty()) {
    std::ofstream(options_.record_folder / std::to_string(pid_)) << start_time_;
  }
}

ChildProcess::~ChildProcess() {
  {
    const std::lock_guard lock(input_mutex_);
    if (input_ >= 0) {
      ::close(input_);
      input_ = -1;
    }
  }
  if (!wait_for_exit(3.0)) {
    signal(SIGTERM);
    if (!wait_for_exit(3.0)) {
      signal(SIGKILL);
    }
  }
  reader_.join();
}

bool ChildProcess::wait_for_exit(double seconds) {
  const double end = base::steady_seconds() + seconds;
  while (running_ && base::steady_seconds() < end) {
    std::this_thread::sleep_for(std::chrono::milliseconds(5));
  }
  return !running_;
}

bool ChildProcess::send(std::string_view type, const base::Json& data) {
  const std::string line = base::protocol_line(type, data);
  const std::lock_guard lock(input_mutex_);
  std::size_t sent = 0;
  while (input_ >= 0 && running_ && sent < line.size()) {
    const ssize_t written = ::write(input_, line.data() + sent, line.size() - sent);
    if (written < 0 && errno != EINTR) {
      return false;
    }
    sent += written > 0 ? static_cast<std::size_t>(written) : 0;
  }
  return sent == line.size();
}

void ChildProcess::signal(int number) {
  // The reader thread has not waited for it while running_ is set, so the pid cannot belong to
  // another process yet.
  if (running_ && process_start_time(pid_) == start_time_) {
    ::kill(-pid_, number);  // its group: what it started, too
  }
}

void ChildProcess::handle_line(const std::string& line) {
  try {
    options_.on_event(base::parse_protocol_line(line));
  } catch (const std::exception& error) {
    obs::log::warning("worker_line_ignored", {{"pid", pid_}, {"error", error.what()}});
  }
}

void ChildProcess::read_events() {
  std::string pending;
  std::array<char, 65536> buffer{};
  while (true) {
    const ssize_t count = ::read(output_, buffer.data(), buffer.size());
    if (count < 0 && errno == EINTR) {
      continue;
    }
    if (count <= 0) {
      break;
    }
    pending.append(buffer.data(), static_cast<std::size_t>(count));
    std::size_t begin = 0;
    for (std::size_t end = pending.find('\n'); end != std::string::npos;
         end = pending.find('\n', begin)) {
      handle_line(pending.substr(begin, end - begin));
      begin = end + 1;
    }
    pending.erase(0, begin);
    if (pending.size() > kLongestLine) {
      obs::log::warning("worker_line_too_long", {{"pid", pid_}});
      pending.clear();
    }
  }
  ::close(output_);
  int status = 0;
  while (::waitpid(pid_, &status, 0) < 0 && errno == EINTR) {
  }
  ExitStatus exit;
  exit.code = WIFEXITED(status) ? WEXITSTATUS(status) : 0;
  exit.signal = WIFSIGNALED(status) ? WTERMSIG(status) : 0;
  running_ = false;
  if (!options_.record_folder.empty()) {
    std::error_code ignored;
    std::filesystem::remove(options_.record_folder / std::to_string(pid_), ignored);
  }
  try {
    options_.on_exit(exit);
  } catch (const std::exception& error) {
    obs::log::error("worker_exit_unhandled", {{"pid", pid_}, {"error", error.what()}});
  }
}

}  // namespace hub::hub
