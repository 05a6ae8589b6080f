#include "core/hub/rank_launch.h"

#include <algorithm>
#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <map>
#include <sstream>
#include <thread>

#include <arpa/inet.h>
#include <fmt/format.h>
#include <netinet/in.h>
#include <nlohmann/json.hpp>
#include <sys/socket.h>
#include <unistd.h>

#include "core/base/error.h"
#include "core/base/file.h"
#include "core/base/json.h"
#include "core/base/shell.h"

namespace hub::hub {
namespace {

using base::Json;

// mlx.launch's; on other machines nobody can look for a free one.
constexpr int kStartingPort = 32323;
constexpr int kNcclPort = 12345;

// Ports that nobody listens on here. They are all held until the last one is found, so that they
// differ; another program may still take one before its rank does, which then fails.
class FreePorts {
 public:
  FreePorts() = default;
  ~FreePorts() {
    for (const int socket : sockets_) {
      ::close(socket);
    }
  }
  FreePorts(const FreePorts&) = delete;
  FreePorts& operator=(const FreePorts&) = delete;

  int next() {
    const int socket = ::socket(AF_INET, SOCK_STREAM, 0);
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t size = sizeof(address);
    auto* any = reinterpret_cast<sockaddr*>(&address);
    if (socket < 0 || ::bind(socket, any, size) != 0 || ::getsockname(socket, any, &size) != 0) {
      const std::string reason = std::strerror(errno);
      if (socket >= 0) {
        ::close(socket);
      }
      throw base::Error(
          base::ErrorCode::kUnavailable, "no port for the ranks of the job: " + reason);
    }
    sockets_.push_back(socket);
    return ntohs(address.sin_port);
  }

 private:
  std::vector<int> sockets_;
};

bool is_loopback_address(const std::string& address) {
  return address.starts_with("127.") || address == "::1" || address == "localhost";
}

// What ranks on all hosts are told alike.
struct Meeting {
  std::string ring_hosts;                // JSON: for each rank the list of its "address:port"
  std::string rdma;                      // JSON of the devices; "": none
  std::vector<std::string> environment;  // "NAME=value"
};

Meeting arrange_meeting(const RankHosts& hosts, int ranks) {
  FreePorts free_ports;
  int fixed_port = kStartingPort;
  Json ring = Json::array();
  for (int rank = 0; rank < ranks; ++rank) {
    Json own = Json::array();
    for (const std::string& address : hosts.host(rank).ips) {
      const int port = is_loopback_address(address) ? free_ports.next() : fixed_port++;
      own.push_back(fmt::format("{}:{}", address, port));
    }
    ring.push_back(own);
  }
  const std::string first = hosts.host(0).ips.front();
  const bool is_here = is_loopback_address(first);
  const int nccl_port = is_here ? free_ports.next() : kNcclPort;
  Meeting meeting;
  meeting.ring_hosts = ring.dump();
  meeting.rdma = hosts.rdma(ranks);
  meeting.environment = hosts.environment();
  meeting.environment.push_back(fmt::format("MLX_WORLD_SIZE={}", ranks));
  meeting.environment.push_back("NCCL_HOST_IP=" + first);
  meeting.environment.push_back(fmt::format("NCCL_PORT={}", nccl_port));
  if (is_here && std::getenv("NCCL_SOCKET_IFNAME") == nullptr) {
    meeting.environment.emplace_back("NCCL_SOCKET_IFNAME=lo");  // else it listens on another
  }
  if (!meeting.rdma.empty()) {
    meeting.environment.push_back(fmt::format("MLX_JACCL_COORDINATOR={}:{}", first, kStartingPort));
  }
  if (hosts.jaccl_ring()) {
    meeting.environment.emplace_back("MLX_JACCL_RING=1");
  }
  return meeting;
}

// The GPU of the rank that is number `index` on its host: of those that this process may use.
std::string gpu_of(int index) {
  const char* visible = std::getenv("CUDA_VISIBLE_DEVICES");
  std::vector<std::string> devices;
  std::istringstream list(visible == nullptr ? "" : visible);
  for (std::string device; std::getline(list, device, ',');) {
    devices.push_back(device);
  }
  const auto wanted = static_cast<std::size_t>(index);
  return wanted < devices.size() ? devices[wanted] : std::to_string(index);
}

std::string joined(const std::vector<std::string>& words) {
  std::string line;
  for (const std::string& word : words) {
    line += (line.empty() ? "" : " ") + base::shell_quoted(word);
  }
  return line;
}

// What runs on another host: as mlx.launch's script, but the files go when the worker has ended,
// and the worker ends when the connection does, since that closes its standard input.
std::string remote_script(
    const Meeting& meeting,
    const std::vector<std::string>& environment,
    const std::vector<std::string>& worker) {
  std::string script =
      "hosts=$(mktemp) && devices=$(mktemp) || exit 1; "
      "trap 'rm -f \"$hosts\" \"$devices\"' EXIT; ";
  script += fmt::format("printf %s {} >\"$hosts\"; ", base::shell_quoted(meeting.ring_hosts));
  script += "export MLX_HOSTFILE=\"$hosts\"; ";
  if (!meeting.rdma.empty()) {
    script += fmt::format("printf %s {} >\"$devices\"; ", base::shell_quoted(meeting.rdma));
    script += "export MLX_IBV_DEVICES=\"$devices\"; ";
  }
  for (const std::string& assignment : environment) {
    const std::size_t equals = assignment.find('=');
    script += fmt::format(
        "export {}={}; ",
        assignment.substr(0, equals),
        base::shell_quoted(assignment.substr(equals + 1)));
  }
  return script + joined(worker);
}

std::vector<std::string> ssh_command(
    const std::string& ssh, const std::string& host, const std::string& script) {
  std::vector<std::string> command = {"/usr/bin/env", ssh};
  for (const char* option : {"BatchMode=yes", "LogLevel=ERROR", "ServerAliveInterval=15"}) {
    command.insert(command.end(), {"-o", option});
  }
  command.insert(command.end(), {"--", host, "exec /bin/sh -c " + base::shell_quoted(script)});
  return command;
}

std::vector<std::string> worker_command(
    const RankLaunchOptions& options,
    const std::filesystem::path& job_folder,
    int ranks_of_host,
    bool elsewhere) {
  std::vector<std::string> command = {
      options.worker_executable.string(),
      "job",
      "--spec",
      elsewhere ? "-" : (job_folder / "spec.json").string(),
      "--job-id",
      job_folder.filename().string(),
      "--log-format",
      "json",
      "--log-level",
      std::string(obs::log::to_string(options.log_level))};
  int threads = options.threads;
  if (threads == 0 && ranks_of_host > 1 && !elsewhere) {
    threads = static_cast<int>(std::thread::hardware_concurrency());
  }
  if (threads > 0) {
    threads = std::max(1, threads / ranks_of_host);
    command.insert(command.end(), {"--threads", std::to_string(threads)});
  }
  return command;
}

}  // namespace

std::vector<RankLaunch> launch_ranks(
    const RankLaunchOptions& options,
    const RankHosts& hosts,
    int ranks,
    const std::filesystem::path& job_folder) {
  if (ranks <= 1) {
    return {{.command = worker_command(options, job_folder, 1, false), .environment = {}}};
  }
  hosts.check(ranks);
  const Meeting meeting = arrange_meeting(hosts, ranks);
  base::write_file_atomically(job_folder / "hosts.json", meeting.ring_hosts);
  if (!meeting.rdma.empty()) {
    base::write_file_atomically(job_folder / "rdma.json", meeting.rdma);
  }
  // This machine may have several names.
  const auto name_of = [](const RankHost& host) { return host.is_here() ? "" : host.ssh; };
  std::map<std::string, int> ranks_of_host;
  for (int rank = 0; rank < ranks; ++rank) {
    ++ranks_of_host[name_of(hosts.host(rank))];
  }
  std::map<std::string, int> started;
  std::vector<RankLaunch> launches;
  for (int rank = 0; rank < ranks; ++rank) {
    const RankHost host = hosts.host(rank);
    RankLaunch launch;
    launch.elsewhere = !host.is_here();
    launch.environment = meeting.environment;
    launch.environment.push_back(fmt::format("MLX_RANK={}", rank));
    const int index = started[name_of(host)]++;
    launch.environment.push_back(
        "CUDA_VISIBLE_DEVICES=" + (launch.elsewhere ? std::to_string(index) : gpu_of(index)));
    launch.command =
        worker_command(options, job_folder, ranks_of_host[name_of(host)], launch.elsewhere);
    if (launch.elsewhere) {
      const std::string script = remote_script(meeting, launch.environment, launch.command);
      launch.command = ssh_command(options.ssh, host.ssh, script);
      launch.environment.clear();
    } else {
      launch.environment.push_back("MLX_HOSTFILE=" + (job_folder / "hosts.json").string());
      if (!meeting.rdma.empty()) {
        launch.environment.push_back("MLX_IBV_DEVICES=" + (job_folder / "rdma.json").string());
      }
    }
    launches.push_back(std::move(launch));
  }
  return launches;
}

}  // namespace hub::hub
