#include "api/cli/launch_settings.h"

#include <algorithm>
#include <string_view>
#include <utility>
#include <vector>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "core/base/error.h"
#include "core/base/json.h"
#include "core/base/json_reader.h"

namespace hub::api {

namespace {

namespace fs = std::filesystem;
using base::Error;
using base::ErrorCode;
using base::Json;
using Environment = std::function<std::optional<std::string>(const std::string&)>;

constexpr std::string_view kKeyVariable = "MLX_HUB_API_KEY";
constexpr std::string_view kBlockBegin = "# >>> mlx-hub launch: this block is replaced";
constexpr std::string_view kBlockEnd = "# <<< mlx-hub launch";

fs::path home(const Environment& environment) {
  const auto found = environment("HOME");
  if (!found || found->empty()) {
    throw Error(ErrorCode::kInvalidArgument, "HOME is not set: nobody knows where the agent looks");
  }
  return *found;
}

fs::path folder(const Environment& environment, const char* variable, const fs::path& in_home) {
  const auto found = environment(variable);
  return found && !found->empty() ? fs::path(*found) : home(environment) / in_home;
}

Json object_in(const std::string& text, const fs::path& file) {
  if (text.find_first_not_of(" \t\r\n") == std::string::npos) {
    return Json::object();
  }
  Json json;
  try {
    json = base::parse_json(text, file.string());
  } catch (const Error& error) {
    throw Error(
        ErrorCode::kInvalidArgument,
        fmt::format("{}; nothing was changed (comments in it have to go first)", error.what()));
  }
  if (!json.is_object()) {
    throw Error(
        ErrorCode::kInvalidArgument,
        fmt::format("{} must hold a JSON object, got {}", file.string(), json.type_name()));
  }
  return json;
}

// The member, made an object where it is none yet.
Json& object_at(Json& json, const char* key) {
  Json& member = json[key];
  if (!member.is_object()) {
    member = Json::object();
  }
  return member;
}

// In single quotes, for a shell.
std::string quoted(const std::string& text) {
  std::string result = "'";
  for (const char letter : text) {
    result += letter == '\'' ? std::string("'\\''") : std::string(1, letter);
  }
  return result + "'";
}

std::vector<std::pair<std::string, std::string>> claude_variables(const LaunchTarget& target) {
  std::vector<std::pair<std::string, std::string>> variables = {{"ANTHROPIC_BASE_URL", target.url}};
  for (const char* name :
       {"ANTHROPIC_MODEL",
        "ANTHROPIC_SMALL_FAST_MODEL",
        "ANTHROPIC_DEFAULT_OPUS_MODEL",
        "ANTHROPIC_DEFAULT_SONNET_MODEL",
        "ANTHROPIC_DEFAULT_HAIKU_MODEL",
        "CLAUDE_CODE_SUBAGENT_MODEL"}) {
    variables.emplace_back(name, target.model);
  }
  variables.emplace_back("CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC", "1");
  // Else each request's system text begins otherwise, and no cached prefix fits.
  variables.emplace_back("CLAUDE_CODE_ATTRIBUTION_HEADER", "0");
  return variables;
}

LaunchSettings claude(const LaunchTarget& target, const Environment& environment) {
  LaunchSettings settings;
  for (const auto& [name, value] : claude_variables(target)) {
    settings.shell += fmt::format("export {}={}\n", name, quoted(value));
  }
  settings.shell += target.needs_key
                        ? fmt::format("export ANTHROPIC_AUTH_TOKEN=\"${}\"\n", kKeyVariable)
                        : "export ANTHROPIC_AUTH_TOKEN=none\n";
  settings.file = folder(environment, "CLAUDE_CONFIG_DIR", ".claude") / "settings.json";
  settings.written = [target, file = settings.file](const std::string& present) {
    Json json = object_in(present, file);
    Json& env = object_at(json, "env");
    for (const auto& [name, value] : claude_variables(target)) {
      env[name] = value;
    }
    const std::string helper = fmt::format("printenv {}", kKeyVariable);
    if (target.needs_key) {
      env.erase("ANTHROPIC_AUTH_TOKEN");
      json["apiKeyHelper"] = helper;
    } else {
      env["ANTHROPIC_AUTH_TOKEN"] = "none";
      if (json.value("apiKeyHelper", Json()) == helper) {  // ours, of a hub that asked for a key
        json.erase("apiKeyHelper");
      }
    }
    return json.dump(2) + "\n";
  };
  return settings;
}

// A JSON text is a TOML text, but for DEL and surrogates, which names have not.
std::string toml_text(const std::string& text) {
  return Json(text).dump();
}

std::string codex_block(const LaunchTarget& target) {
  std::string block = fmt::format(
      "{}\n[model_providers.mlx-hub]\nname = \"MLX Model Hub\"\nbase_url = {}\n"
      "wire_api = \"responses\"\n",
      kBlockBegin,
      toml_text(target.url + "/v1"));
  if (target.needs_key) {
    block += fmt::format("env_key = \"{}\"\n", kKeyVariable);
  }
  block += fmt::format(
      "\n[profiles.mlx-hub]\nmodel = {}\nmodel_provider = \"mlx-hub\"\nweb_search = \"disabled\"\n",
      toml_text(target.model));
  if (target.context_length > 0) {
    block += fmt::format("model_context_window = {}\n", target.context_length);
  }
  return block + std::string(kBlockEnd) + "\n";
}

// Tables may stand at a file's end whatever is in front of them, so that no TOML has to be read and
// comments stay.
std::string with_block(std::string text, const std::string& block, const fs::path& file) {
  const std::size_t begin = text.find(kBlockBegin);
  if (begin != std::string::npos) {
    const std::size_t end = text.find(kBlockEnd, begin);
    if (end == std::string::npos) {
      throw Error(
          ErrorCode::kInvalidArgument,
          fmt::format("{}: the line \"{}\" is missing", file.string(), kBlockEnd));
    }
    const std::size_t line_end = std::min(text.find('\n', end), text.size() - 1);
    text.erase(begin, line_end + 1 - begin);
  } else if (text.find("[model_providers.mlx-hub]") != std::string::npos) {
    throw Error(
        ErrorCode::kInvalidArgument,
        fmt::format("{} has a provider mlx-hub of its own: take it out first", file.string()));
  }
  if (!text.empty() && !text.ends_with('\n')) {
    text += '\n';
  }
  if (!text.empty() && !text.ends_with("\n\n")) {
    text += '\n';
  }
  return text + block;
}

LaunchSettings codex(const LaunchTarget& target, const Environment& environment) {
  LaunchSettings settings;
  const std::string provider = "model_providers.mlx-hub";
  settings.shell = fmt::format(
      "codex -c {} -c {} -c {} -c {}{} -c {}{} --model {}\n",
      quoted(fmt::format("{}.name=\"MLX Model Hub\"", provider)),
      quoted(fmt::format("{}.base_url={}", provider, toml_text(target.url + "/v1"))),
      quoted(fmt::format("{}.wire_api=\"responses\"", provider)),
      quoted("model_provider=\"mlx-hub\""),
      target.needs_key ? " -c " + quoted(fmt::format("{}.env_key=\"{}\"", provider, kKeyVariable))
                       : "",
      quoted("web_search=\"disabled\""),
      target.context_length > 0
          ? " -c " + quoted(fmt::format("model_context_window={}", target.context_length))
          : "",
      quoted(target.model));
  settings.file = folder(environment, "CODEX_HOME", ".codex") / "config.toml";
  settings.written = [target, file = settings.file](const std::string& present) {
    return with_block(present, codex_block(target), file);
  };
  return settings;
}

Json opencode_provider(const LaunchTarget& target) {
  Json options = {{"baseURL", target.url + "/v1"}};
  options["apiKey"] = target.needs_key ? fmt::format("{{env:{}}}", kKeyVariable) : "none";
  Json model = {{"name", target.model}};
  if (target.context_length > 0) {
    model["limit"] = {{"context", target.context_length}, {"output", target.context_length / 4}};
  }
  return {
      {"npm", "@ai-sdk/openai-compatible"},
      {"name", "MLX Model Hub"},
      {"options", std::move(options)},
      {"models", {{target.model, std::move(model)}}}};
}

LaunchSettings opencode(const LaunchTarget& target, const Environment& environment) {
  LaunchSettings settings;
  const std::string model = "mlx-hub/" + target.model;
  const Json config = {
      {"$schema", "https://opencode.ai/config.json"},
      {"provider", {{"mlx-hub", opencode_provider(target)}}},
      {"model", model}};
  settings.shell = fmt::format("export OPENCODE_CONFIG_CONTENT={}\n", quoted(config.dump()));
  settings.file = folder(environment, "XDG_CONFIG_HOME", ".config") / "opencode" / "opencode.json";
  settings.written = [target, model, file = settings.file](const std::string& present) {
    Json json = object_in(present, file);
    if (!json.contains("$schema")) {
      json["$schema"] = "https://opencode.ai/config.json";
    }
    object_at(json, "provider")["mlx-hub"] = opencode_provider(target);
    json["model"] = model;
    return json.dump(2) + "\n";
  };
  return settings;
}

}  // namespace

LaunchSettings launch_settings(
    const std::string& agent, const LaunchTarget& target, const Environment& environment) {
  if (agent == "claude") {
    return claude(target, environment);
  }
  if (agent == "codex") {
    return codex(target, environment);
  }
  if (agent == "opencode") {
    return opencode(target, environment);
  }
  throw Error(
      ErrorCode::kInvalidArgument,
      fmt::format("launch knows claude, codex and opencode, got \"{}\"", agent));
}

}  // namespace hub::api
