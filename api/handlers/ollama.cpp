#include "api/handlers/ollama.h"

#include <memory>
#include <string>
#include <utility>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "api/handlers/capabilities.h"
#include "api/handlers/inference.h"
#include "api/handlers/request_json.h"
#include "api/ollama/ollama_format.h"
#include "api/ollama/ollama_request.h"
#include "core/base/clock.h"
#include "core/base/error.h"
#include "core/base/json_reader.h"
#include "core/text/chat_template.h"

namespace hub::api {
namespace {

using base::Json;

constexpr int kPage = 200;  // models read from the registry at once

Json body_of(const Request& request) {
  return base::parse_json(request.body, "the request body");
}

std::string lost_text(const base::Error& error) {
  return ollama_error(error.what()) + "\n";
}

// Where a request asks for no answer, what there is to be done with its model. It is unloaded as
// after any request with that keep_alive: by who keeps house, and not where it is pinned.
Response load(
    hub::Hub& hub, const Request& request, const OllamaLoad& asked, OllamaFormat::Route route) {
  request.model = asked.model;
  const hub::ServedModel served = hub.served_model(hub.resolver.resolve(asked.model));
  const bool unloads = asked.keep_alive_seconds == 0.0;
  if (!unloads) {
    hub.pool.acquire(served).keep_alive(asked.keep_alive_seconds);
  } else if (auto lease = hub.pool.lease_if_ready(served)) {
    lease->keep_alive(0.0);
  }
  return json_response(200, ollama_load_answer(route, asked.model, unloads ? "unload" : "load"));
}

Response generate(
    hub::Hub& hub,
    const Request& request,
    const char* operation,
    const GenerationOptions& options) {
  return pass_to_engine(
      hub,
      request,
      {.operation = operation,
       .model = options.model,
       .keep_alive_seconds = options.keep_alive_seconds,
       .priority = options.priority,
       .lost_text = lost_text});
}

Response chat(hub::Hub& hub, const Request& request) {
  const Json body = body_of(request);
  if (const auto asked = ollama_load(body, "messages")) {
    return load(hub, request, *asked, OllamaFormat::Route::kChat);
  }
  return generate(hub, request, "chat", ollama_chat(body).options);
}

Response generate_text(hub::Hub& hub, const Request& request) {
  const Json body = body_of(request);
  if (const auto asked = ollama_load(body, "prompt")) {
    return load(hub, request, *asked, OllamaFormat::Route::kGenerate);
  }
  return generate(hub, request, "text_completion", options_of(ollama_generate(body)));
}

Response embed(hub::Hub& hub, const Request& request, const EmbeddingRequest& asked) {
  return pass_to_engine(
      hub,
      request,
      {.operation = "embeddings",
       .model = asked.model,
       .keep_alive_seconds = asked.keep_alive_seconds,
       .makes_text = false});
}

Json details(const Json& config) {
  const auto architecture = config.find("architecture");
  const bool known = architecture != config.end() && architecture->is_string();
  const auto packing = config.find("quantization");
  const bool packed = packing != config.end() && packing->is_object();
  return {
      {"parent_model", ""},
      {"format", "mlx"},
      {"family", known ? *architecture : Json("")},
      {"families", known ? Json::array({*architecture}) : Json::array()},
      {"parameter_size", ""},
      {"quantization_level",
       packed ? fmt::format("{}-bit", packing->value("bits", 0)) : std::string("none")}};
}

const registry::Version& version_of(const registry::ResolvedModel& resolved) {
  return resolved.adapter ? *resolved.adapter : resolved.base;
}

// What Ollama knows of one model; null for one that cannot be served now.
Json tag_json(hub::Hub& hub, const registry::Model& model) {
  try {
    const registry::ResolvedModel resolved = hub.resolver.resolve(model.name);
    const registry::Version& version = version_of(resolved);
    return {
        {"name", model.name},
        {"model", model.name},
        {"modified_at", base::rfc3339(model.updated_at_ms)},
        {"size", version.size_bytes},
        {"digest", version.digest},
        {"details", details(stored_json(resolved.base.config_json))}};
  } catch (const base::Error&) {  // gone meanwhile, or its production version is damaged
    return nullptr;
  }
}

Response tags(hub::Hub& hub) {
  Json models = Json::array();
  registry::ListFilter filter;
  filter.limit = kPage;
  filter.ready_only = true;
  while (true) {
    const auto page = hub.models.list_models(filter);
    for (const registry::Model& model : page) {
      if (Json tag = tag_json(hub, model); !tag.is_null()) {
        models.push_back(std::move(tag));
      }
    }
    if (page.size() < kPage) {
      return json_answer(200, Json{{"models", std::move(models)}});
    }
    filter.after_id = page.back().id;
  }
}

// What a chat template says of tools and thoughts shows what the model knows of them; tools that it
// does not know of can be given to it all the same.
Json capability_names(const Json& config, const std::string& chat_template) {
  Json names = Json::array();
  const Json capabilities = capabilities_json(config);
  if (capabilities.is_object() && capabilities.value("completions", false)) {
    names.push_back("completion");
  } else if (capabilities.is_object()) {
    names.push_back("embedding");
  }
  if (chat_template.find("tools") != std::string::npos) {
    names.push_back("tools");
  }
  if (chat_template.find("</think>") != std::string::npos) {
    names.push_back("thinking");
  }
  return names;
}

Response show(hub::Hub& hub, const Request& request) {
  const Json json = body_of(request);
  const base::JsonReader body(json);
  const std::string name = body.has("model") ? body.string("model") : body.string("name");
  request.model = name;
  const registry::ResolvedModel resolved = hub.resolver.resolve(name);
  const registry::Version& version = version_of(resolved);
  const Json config = stored_json(resolved.base.config_json);
  const auto compiled = text::ChatTemplate::load(hub.served_model(resolved).base_folder);
  const std::string chat_template = compiled == nullptr ? "" : compiled->source();
  Json info = {{"general.architecture", config.value("architecture", Json(""))}};
  const std::string architecture = info["general.architecture"].is_string()
                                       ? info["general.architecture"].get<std::string>()
                                       : "";
  if (const auto length = config.find("context_length"); length != config.end()) {
    info[architecture + ".context_length"] = *length;
  }
  return json_answer(
      200,
      {{"modelfile", fmt::format("# A version of this hub\nFROM {}\n", name)},
       {"parameters", ""},
       {"template", chat_template},
       {"details", details(config)},
       {"model_info", std::move(info)},
       {"capabilities", capability_names(config, chat_template)},
       {"modified_at", base::rfc3339(version.created_at_ms)}});
}

// Null for a version that is gone meanwhile.
Json running_json(hub::Hub& hub, const hub::ModelPool::EngineInfo& engine) {
  try {
    const registry::Version version = hub.models.get_version(engine.base_version_id);
    return {
        {"name", engine.model},
        {"model", engine.model},
        {"size", engine.resident_bytes},
        {"size_vram", 0},
        {"digest", version.digest},
        {"details", details(stored_json(version.config_json))}};
  } catch (const base::Error&) {
    return nullptr;
  }
}

}  // namespace

base::Json ollama_running(hub::Hub& hub, const std::vector<hub::ModelPool::EngineInfo>& engines) {
  Json models = Json::array();
  for (const auto& engine : engines) {
    Json running = engine.state == "ready" ? running_json(hub, engine) : nullptr;
    if (!running.is_null()) {
      models.push_back(std::move(running));
    }
  }
  return {{"models", std::move(models)}};
}

std::vector<Route> ollama_routes(hub::Hub& hub) {
  const auto with_hub = [&hub](auto handle) {
    return [&hub, handle](const Request& request) { return handle(hub, request); };
  };
  return {
      {"POST", "/api/chat", with_hub(chat)},
      {"POST", "/api/generate", with_hub(generate_text)},
      {"POST",
       "/api/embed",
       [&hub](const Request& request) {
         return embed(hub, request, ollama_embed(body_of(request)));
       }},
      {"POST",
       "/api/embeddings",
       [&hub](const Request& request) {
         return embed(hub, request, ollama_embeddings(body_of(request)));
       }},
      {"GET", "/api/tags", [&hub](const Request&) { return tags(hub); }},
      {"POST", "/api/show", with_hub(show)},
      {"GET",
       "/api/ps",
       [&hub](const Request&) {
         return json_answer(200, ollama_running(hub, hub.pool.engines()));
       }},
      {"GET",
       "/api/version",
       [](const Request&) { return json_answer(200, Json{{"version", HUB_VERSION}}); }},
  };
}

}  // namespace hub::api
