#include "api/cli/own_server.h"

#include <algorithm>
#include <array>
#include <cerrno>
#include <chrono>
#include <csignal>
#include <cstring>
#include <thread>

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>
#ifdef __linux__
#include <sys/prctl.h>
#endif

#include "api/cli/hub_client.h"
#include "core/base/error.h"
#include "core/hub/folders.h"

namespace hub::api {
namespace {

constexpr auto kReadyTime = std::chrono::minutes(6);
constexpr auto kStopTime = std::chrono::seconds(30);
constexpr off_t kMost = 2000;  // bytes of a log in an error
constexpr auto kStep = std::chrono::milliseconds(20);

// The one thing that a signal handler may touch.
std::atomic<bool> was_interrupted{false};  // NOLINT(*-avoid-non-const-global-variables)

void set_handler(void (*handler)(int)) {
  struct sigaction action{};
  action.sa_handler = handler;
  ::sigaction(SIGINT, &action, nullptr);
  ::sigaction(SIGTERM, &action, nullptr);
}

}  // namespace

OwnServer::OwnServer(
    const std::filesystem::path& program,
    const std::filesystem::path& data_folder,
    Console& console)
    : log_(std::tmpfile(), &std::fclose) {
  if (console.terminal) {
    console.err << "starting a server for this command …" << std::endl;
  }
  was_interrupted = false;
  set_handler([](int) { was_interrupted = true; });
  try {
    start(program, data_folder);
    wait_until_ready(data_folder);
  } catch (...) {
    stop();
    throw;
  }
}

OwnServer::~OwnServer() {
  stop();
}

const std::atomic<bool>& OwnServer::interrupted() {
  return was_interrupted;
}

void OwnServer::start(
    const std::filesystem::path& program, const std::filesystem::path& data_folder) {
  const std::string name = program.string();
  const std::string folder = data_folder.string();
  std::array<const char*, 7> arguments{
      name.c_str(), "serve", "--port", "0", "--data-dir", folder.c_str(), nullptr};
  const int log = log_ ? ::fileno(log_.get()) : -1;
  const pid_t parent = ::getpid();
  pid_ = ::fork();
  if (pid_ == 0) {    // only async-signal-safe calls up to exec
    ::setpgid(0, 0);  // Ctrl-C is for the command, which then stops its server
#ifdef __linux__
    ::prctl(PR_SET_PDEATHSIG, SIGTERM);
    if (::getppid() != parent) {
      ::_exit(127);
    }
#endif
    const int nothing = ::open("/dev/null", O_RDWR);
    ::dup2(nothing, STDIN_FILENO);
    ::dup2(nothing, STDOUT_FILENO);
    ::dup2(log >= 0 ? log : nothing, STDERR_FILENO);
    ::execv(name.c_str(), const_cast<char* const*>(arguments.data()));  // NOLINT
    ::_exit(127);
  }
  static_cast<void>(parent);
  if (pid_ < 0) {
    throw base::Error(
        base::ErrorCode::kUnavailable,
        fmt::format("cannot start a server: {}", std::strerror(errno)));
  }
}

void OwnServer::wait_until_ready(const std::filesystem::path& data_folder) {
  const auto until = std::chrono::steady_clock::now() + kReadyTime;
  while (std::chrono::steady_clock::now() < until) {
    if (was_interrupted) {
      throw base::Error(base::ErrorCode::kCancelled, "interrupted", {}, "interrupted");
    }
    if (ended()) {
      throw base::Error(
          base::ErrorCode::kUnavailable,
          fmt::format("the server that this command started ended:\n{}", end_of_log()));
    }
    if (const auto url = hub::published_server(data_folder)) {
      url_ = *url;
      if (HubClient(url_).succeeds("/readyz")) {
        return;
      }
    }
    std::this_thread::sleep_for(kStep);
  }
  throw base::Error(
      base::ErrorCode::kUnavailable,
      fmt::format("the server that this command started does not become ready:\n{}", end_of_log()));
}

void OwnServer::stop() {
  if (pid_ > 0) {
    ::kill(pid_, SIGTERM);
    const auto until = std::chrono::steady_clock::now() + kStopTime;
    while (!ended() && std::chrono::steady_clock::now() < until) {
      std::this_thread::sleep_for(kStep);
    }
    if (pid_ > 0) {
      ::kill(pid_, SIGKILL);
      ::waitpid(pid_, nullptr, 0);
      pid_ = -1;
    }
  }
  set_handler(SIG_DFL);
}

bool OwnServer::ended() {
  if (pid_ > 0 && ::waitpid(pid_, nullptr, WNOHANG) == pid_) {
    pid_ = -1;
  }
  return pid_ < 0;
}

std::string OwnServer::end_of_log() const {
  std::string text(static_cast<std::size_t>(kMost), '\0');
  struct stat info{};
  if (!log_ || ::fstat(::fileno(log_.get()), &info) != 0) {
    return {};
  }
  const off_t from = std::max<off_t>(info.st_size - kMost, 0);
  const ssize_t got = ::pread(::fileno(log_.get()), text.data(), text.size(), from);
  text.resize(static_cast<std::size_t>(std::max<ssize_t>(got, 0)));
  return text;
}

}  // namespace hub::api
