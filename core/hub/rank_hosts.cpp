#include "core/hub/rank_hosts.h"

#include <algorithm>
#include <cctype>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "core/base/error.h"
#include "core/base/file.h"
#include "core/base/json_reader.h"

namespace hub::hub {
namespace {

using base::Error;
using base::ErrorCode;
using base::Json;
using base::JsonReader;

[[noreturn]] void refuse(const std::string& field, const std::string& wanted, const Json& got) {
  throw Error(
      ErrorCode::kInvalidArgument,
      fmt::format("'{}' must be {}, got {}", field, wanted, got.dump()),
      field);
}

// What ssh is given as a host must not read as an option.
bool is_host_name(const std::string& text) {
  return !text.empty() && text.front() != '-' &&
         std::all_of(text.begin(), text.end(), [](unsigned char letter) {
           return std::isalnum(letter) != 0 || letter == '.' || letter == '-' || letter == '_' ||
                  letter == ':' || letter == '@';
         });
}

bool is_assignment(const std::string& text) {
  const std::size_t equals = text.find('=');
  return equals != std::string::npos && equals > 0 &&
         std::isdigit(static_cast<unsigned char>(text.front())) == 0 &&
         std::all_of(
             text.begin(),
             text.begin() + static_cast<std::ptrdiff_t>(equals),
             [](unsigned char letter) { return std::isalnum(letter) != 0 || letter == '_'; });
}

RankHost read_host(const Json& json, const std::string& path) {
  const JsonReader reader(json, path);
  RankHost host;
  host.ssh = reader.string("ssh");
  if (!is_host_name(host.ssh)) {
    refuse(reader.path_of("ssh"), "a host's name", host.ssh);
  }
  host.ips = reader.optional_strings("ips").value_or(std::vector<std::string>{});
  if (host.ips.empty()) {
    refuse(reader.path_of("ips"), "a list with the host's address", Json::array());
  }
  for (const std::string& address : host.ips) {
    if (!is_host_name(address)) {
      refuse(reader.path_of("ips"), "a list of addresses", address);
    }
  }
  return host;
}

}  // namespace

bool RankHost::is_here() const {
  return ssh == "127.0.0.1" || ssh == "::1" || ssh == "localhost";
}

RankHosts RankHosts::load(const std::filesystem::path& file) {
  try {
    return from_json(base::parse_json(base::read_file(file), "hostfile"));
  } catch (const Error& error) {
    throw Error(
        ErrorCode::kInvalidArgument,
        fmt::format("{}: {}", file.string(), error.what()),
        "hostfile");
  }
}

RankHosts RankHosts::from_json(const Json& json) {
  RankHosts result;
  const Json* hosts = &json;
  if (json.is_object()) {
    const JsonReader reader(json);
    reader.refuse_unknown({"backend", "envs", "hosts"});
    const std::string backend = reader.optional_string("backend").value_or("");
    for (const char* known : {"ring", "jaccl", "jaccl-ring", "nccl"}) {
      result.backend_ = backend == known ? backend : result.backend_;
    }
    if (!backend.empty() && result.backend_ == "auto") {
      refuse("backend", "ring, jaccl, jaccl-ring or nccl", backend);
    }
    result.jaccl_ring_ = backend == "jaccl-ring";
    result.backend_ = result.jaccl_ring_ ? "jaccl" : result.backend_;
    result.environment_ = reader.optional_strings("envs").value_or(std::vector<std::string>{});
    hosts = &reader.value("hosts");
  }
  for (const std::string& assignment : result.environment_) {
    if (!is_assignment(assignment)) {
      refuse("envs", "a list of \"NAME=value\"", assignment);
    }
  }
  if (!hosts->is_array() || hosts->empty()) {
    refuse("hosts", "a list of at least one host", *hosts);
  }
  for (std::size_t i = 0; i < hosts->size(); ++i) {
    const Json& entry = hosts->at(i);
    result.hosts_.push_back(read_host(entry, fmt::format("hosts[{}]", i)));
    result.rdma_.push_back(entry.contains("rdma") ? entry.at("rdma").dump() : "");
  }
  return result;
}

void RankHosts::check(int ranks) const {
  if (!hosts_.empty() && ranks > 1 && static_cast<std::size_t>(ranks) > hosts_.size()) {
    throw Error(
        ErrorCode::kInvalidArgument,
        fmt::format(
            "'params.data_parallel' must be at most {}, the hosts in the server's hostfile, got {}",
            hosts_.size(),
            ranks),
        "params.data_parallel");
  }
  if (ranks > 1 && !host(0).is_here()) {
    throw Error(
        ErrorCode::kInvalidArgument,
        fmt::format(
            "'params.data_parallel' must be 1 with this hostfile: its first host, whose rank "
            "writes the result, must be this machine (\"ssh\": \"127.0.0.1\"), it is {}",
            host(0).ssh),
        "params.data_parallel");
  }
}

int RankHosts::local_ranks(int ranks) const {
  int here = 0;
  for (int rank = 0; rank < ranks; ++rank) {
    here += ranks == 1 || host(rank).is_here() ? 1 : 0;
  }
  return here;
}

RankHost RankHosts::host(int rank) const {
  const auto index = static_cast<std::size_t>(rank);
  return index < hosts_.size() ? hosts_[index] : RankHost{"127.0.0.1", {"127.0.0.1"}};
}

std::string RankHosts::rdma(int ranks) const {
  std::string list;
  for (std::size_t i = 0; i < std::min(rdma_.size(), static_cast<std::size_t>(ranks)); ++i) {
    if (rdma_[i].empty()) {
      return {};
    }
    list += (i == 0 ? "" : ",") + rdma_[i];
  }
  return list.empty() ? list : "[" + list + "]";
}

}  // namespace hub::hub
