#include <chrono>
#include <memory>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "api/cli/commands.h"
#include "api/cli/own_server.h"
#include "core/base/error.h"
#include "core/base/json_reader.h"
#include "core/net/sse_reader.h"

namespace hub::api {
namespace {

using base::Json;

constexpr int kInterrupted = 130;
constexpr const char* kChatPath = "/v1/chat/completions";

Json chat_body(const RunOptions& options) {
  Json messages = Json::array();
  if (options.system) {
    messages.push_back({{"role", "system"}, {"content", *options.system}});
  }
  messages.push_back({{"role", "user"}, {"content", options.prompt}});
  Json body = {{"model", options.model}, {"messages", std::move(messages)}};
  if (options.max_tokens) {
    body["max_tokens"] = *options.max_tokens;
  }
  if (options.temperature) {
    body["temperature"] = *options.temperature;
  }
  if (options.seed) {
    body["seed"] = *options.seed;
  }
  return body;
}

// The text that one chunk adds. Throws for an error event.
std::string delta_of(const std::string& data) {
  const Json chunk = base::parse_json(data, "event");
  if (chunk.contains("error")) {
    throw_refusal(503, data);
  }
  const auto choices = chunk.find("choices");
  if (choices == chunk.end() || !choices->is_array() || choices->empty()) {
    return {};
  }
  const Json delta = choices->front().value("delta", Json::object());
  const auto content = delta.find("content");
  return content != delta.end() && content->is_string() ? content->get<std::string>()
                                                        : std::string();
}

void stream_answer(HubClient& client, Console& console, Json body) {
  body["stream"] = true;
  bool done = false;
  bool open_line = false;
  net::SseReader reader;
  try {
    client.events(kChatPath, body, reader, [&](const net::SseReader::Event& event) {
      if (event.data == "[DONE]") {
        done = true;
        return false;
      }
      const std::string text = delta_of(event.data);
      if (!text.empty()) {
        console.out << text << std::flush;
        open_line = text.back() != '\n';
      }
      return static_cast<bool>(console.out);  // a closed pipe ends the generation
    });
  } catch (...) {
    if (open_line) {
      console.out << std::endl;
    }
    throw;
  }
  if (open_line) {
    console.out << std::endl;
  }
  if (!done && console.out) {
    throw base::Error(
        base::ErrorCode::kUnavailable, "the answer broke off before its end", {}, "broken_off");
  }
}

int answer_prompt(HubClient& client, Console& console, const RunOptions& options) {
  const Json body = chat_body(options);
  if (options.json) {
    console.out << client.post(kChatPath, body).dump(2) << std::endl;
  } else {
    stream_answer(client, console, body);
  }
  return 0;
}

}  // namespace

int run_command(const ClientSetup& setup, const ServerAddress& address, const RunOptions& options) {
  Console console = setup.console;
  if (address.named || address.found) {
    HubClient client(address.url, address.api_key);
    return answer_prompt(client, console, options);
  }
  try {
    const OwnServer server(setup.program, address.data_folder, console);
    HubClient client(server.url(), address.api_key);
    client.cancel_with(OwnServer::interrupted());
    return answer_prompt(client, console, options);
  } catch (const base::Error& error) {
    if (error.code() == base::ErrorCode::kCancelled) {
      return kInterrupted;
    }
    throw;
  }
}

}  // namespace hub::api
