#include "core/base/worker_protocol.h"

#include <cerrno>
#include <iostream>
#include <mutex>

#include <nlohmann/json.hpp>
#include <unistd.h>

#include "core/base/error.h"
#include "core/base/json_reader.h"

namespace hub::base {

std::string protocol_line(std::string_view type, const Json& data) {
  Json line = {{"v", kWorkerProtocolVersion}, {"type", type}};
  for (const auto& [key, value] : data.items()) {
    line[key] = value;
  }
  return line.dump(-1, ' ', false, Json::error_handler_t::replace) + "\n";
}

Json parse_protocol_line(std::string_view line) {
  Json parsed = parse_json(line, "protocol line");
  const JsonReader reader(parsed);
  if (reader.optional_int("v", 0, 1000).value_or(0) != kWorkerProtocolVersion) {
    throw Error(
        ErrorCode::kInvalidArgument,
        "protocol line: version 1 was wanted, got " +
            (reader.has("v") ? reader.value("v").dump() : "none"),
        "v");
  }
  static_cast<void>(reader.string("type"));
  return parsed;
}

void emit_event(std::string_view type, const Json& data) {
  static std::mutex mutex;
  const std::string line = protocol_line(type, data);
  const std::lock_guard lock(mutex);
  std::string_view rest = line;
  while (!rest.empty()) {
    const ssize_t written = ::write(STDOUT_FILENO, rest.data(), rest.size());
    if (written < 0 && errno == EINTR) {
      continue;
    }
    if (written < 0) {
      return;  // the server is gone; the closed standard input ends this process
    }
    rest.remove_prefix(static_cast<std::size_t>(written));
  }
}

void read_commands(const std::function<void(const Json& command)>& handle) {
  std::string line;
  while (std::getline(std::cin, line)) {
    if (line.empty()) {
      continue;
    }
    try {
      handle(parse_protocol_line(line));
    } catch (const Error& error) {
      emit_event("log", {{"level", "warning"}, {"message", error.what()}});
    }
  }
}

}  // namespace hub::base
