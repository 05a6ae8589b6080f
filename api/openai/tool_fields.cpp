#include "api/openai/tool_fields.h"

#include <algorithm>
#include <cctype>
#include <cstddef>
#include <memory>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "api/openai/generation_options.h"
#include "core/base/error.h"
#include "core/text/message_shape.h"

namespace hub::api {

namespace {

using base::Error;
using base::ErrorCode;
using base::Json;
using base::JsonReader;
using chat::Tool;
using chat::ToolChoice;

constexpr std::size_t kMaxTools = 512;
constexpr std::size_t kMaxName = 128;

[[noreturn]] void refuse(const std::string& path, std::string_view wanted, const Json& got) {
  const std::string shown = got.is_string() ? got.dump() : got.type_name();
  throw Error(
      ErrorCode::kInvalidArgument,
      fmt::format("'{}' must be {}, got {}", path, wanted, shown),
      path);
}

void check_type(const JsonReader& reader) {
  const std::string type = reader.optional_string("type").value_or("function");
  if (type != "function") {
    refuse_unsupported(
        reader.path_of("type"), fmt::format("\"function\" was wanted, got \"{}\"", type));
  }
}

// The object "function" of a tool, a call or a choice.
JsonReader function_of(const JsonReader& reader) {
  static_cast<void>(reader.value("function"));  // required
  return JsonReader(*reader.optional_object("function"), reader.path_of("function"));
}

std::string read_name(const JsonReader& function) {
  std::string name = function.string("name");
  const bool fits =
      !name.empty() && name.size() <= kMaxName &&
      std::ranges::all_of(name, [](unsigned char letter) {
        return std::isalnum(letter) != 0 || letter == '_' || letter == '-' || letter == '.';
      });
  if (!fits) {
    refuse(function.path_of("name"), "1 to 128 of A-Z, a-z, 0-9, '_', '-' and '.'", Json(name));
  }
  return name;
}

std::shared_ptr<const Json> read_parameters(const JsonReader& function) {
  const Json* parameters = function.optional_object("parameters");
  if (parameters == nullptr) {
    return nullptr;
  }
  const std::string path = function.path_of("parameters");
  text::refuse_deeper_than(*parameters, text::kMaxDepth, path);
  const auto type = parameters->find("type");
  if (type != parameters->end() && *type != "object") {
    refuse(path + ".type", "\"object\"", *type);
  }
  const auto properties = parameters->find("properties");
  if (properties != parameters->end() && !properties->is_object() && !properties->is_null()) {
    refuse(path + ".properties", "an object", *properties);
  }
  return std::make_shared<const Json>(*parameters);
}

Tool read_tool(const Json& value, const std::string& path) {
  const JsonReader reader(value, path);
  check_type(reader);
  const JsonReader function = function_of(reader);
  Tool tool;
  tool.name = read_name(function);
  tool.description = function.optional_string("description");
  tool.parameters = read_parameters(function);
  tool.strict = function.optional_bool("strict").value_or(false);
  return tool;
}

std::string known_name(const JsonReader& function, const std::vector<Tool>& tools) {
  std::string name = function.string("name");
  if (std::ranges::find(tools, name, &Tool::name) == tools.end()) {
    refuse(function.path_of("name"), "the name of one of 'tools'", Json(name));
  }
  return name;
}

ToolChoice::Kind read_mode(const Json& mode, const std::string& path, std::string_view wanted) {
  if (mode == "auto") {
    return ToolChoice::Kind::kAuto;
  }
  if (mode == "required") {
    return ToolChoice::Kind::kRequired;
  }
  if (mode == "none") {
    return ToolChoice::Kind::kNone;
  }
  refuse(path, wanted, mode);
}

ToolChoice read_allowed(const JsonReader& choice, const std::vector<Tool>& tools) {
  static_cast<void>(choice.value("allowed_tools"));  // required
  const JsonReader allowed(
      *choice.optional_object("allowed_tools"), choice.path_of("allowed_tools"));
  ToolChoice result;
  result.kind =
      read_mode(allowed.value("mode"), allowed.path_of("mode"), "\"auto\" or \"required\"");
  static_cast<void>(allowed.value("tools"));  // required
  for (const JsonReader& reader : allowed.optional_objects("tools")) {
    check_type(reader);
    result.names.push_back(known_name(function_of(reader), tools));
  }
  if (result.names.empty()) {
    refuse(
        allowed.path_of("tools"),
        "an array with at least one tool",
        *allowed.optional_array("tools"));
  }
  return result;
}

ToolChoice read_choice(const JsonReader& body, const std::vector<Tool>& tools) {
  if (!body.has("tool_choice")) {
    return {};
  }
  const Json& value = body.value("tool_choice");
  const std::string path = body.path_of("tool_choice");
  if (!value.is_object()) {
    ToolChoice choice;
    choice.kind = read_mode(value, path, "\"none\", \"auto\", \"required\" or an object");
    return choice;
  }
  const JsonReader reader(value, path);
  if (reader.optional_string("type") == "allowed_tools") {
    return read_allowed(reader, tools);
  }
  check_type(reader);
  ToolChoice choice;
  choice.kind = ToolChoice::Kind::kRequired;
  choice.names = {known_name(function_of(reader), tools)};
  return choice;
}

}  // namespace

std::vector<Tool> read_tools(const JsonReader& body) {
  std::vector<Tool> tools;
  const Json* found = body.optional_array("tools");
  if (found != nullptr && found->size() > kMaxTools) {
    throw Error(
        ErrorCode::kInvalidArgument,
        fmt::format("'tools' may hold at most {}, got {}", kMaxTools, found->size()),
        body.path_of("tools"));
  }
  for (const Json& value : found == nullptr ? Json::array() : *found) {
    const std::string path = fmt::format("{}[{}]", body.path_of("tools"), tools.size());
    Tool tool = read_tool(value, path);
    if (std::ranges::find(tools, tool.name, &Tool::name) != tools.end()) {
      refuse(path + ".function.name", "a name that no other tool has", Json(tool.name));
    }
    tools.push_back(std::move(tool));
  }
  return tools;
}

ToolChoice read_tool_choice(const JsonReader& body, const std::vector<Tool>& tools) {
  ToolChoice choice = read_choice(body, tools);
  choice.parallel = body.optional_bool("parallel_tool_calls").value_or(true);
  if (choice.kind == ToolChoice::Kind::kRequired && tools.empty()) {
    throw Error(
        ErrorCode::kInvalidArgument,
        "'tool_choice' demands a call, but there are no 'tools'",
        body.path_of("tool_choice"));
  }
  return choice;
}

std::vector<chat::ToolCall> read_tool_calls(const JsonReader& message) {
  std::vector<chat::ToolCall> calls;
  for (const JsonReader& reader : message.optional_objects("tool_calls")) {
    check_type(reader);
    const JsonReader function = function_of(reader);
    chat::ToolCall call;
    call.id = reader.optional_string("id").value_or("");
    call.name = function.string("name");
    const Json arguments = function.has("arguments") ? function.value("arguments") : Json("{}");
    if (!arguments.is_string() && !arguments.is_object()) {
      refuse(function.path_of("arguments"), "JSON text", arguments);
    }
    call.arguments = arguments.is_string() ? arguments.get<std::string>() : arguments.dump();
    calls.push_back(std::move(call));
  }
  return calls;
}

}  // namespace hub::api
