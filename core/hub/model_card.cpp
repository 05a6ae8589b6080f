#include "core/hub/model_card.h"

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "core/base/json.h"
#include "core/model_config/encoder_config.h"

namespace hub::hub {
namespace {

using base::Json;

constexpr int kNoteFormat = 1;

bool is_adapter(const CardFacts& facts) {
  return facts.version.kind == registry::VersionKind::kAdapter;
}

// A path of this machine is nobody's business.
std::string public_name(const std::string& text, const std::string& otherwise) {
  const bool is_path = text.empty() || text.front() == '/' || text.front() == '.' ||
                       text.front() == '~' || text.find('\\') != std::string::npos;
  return is_path ? otherwise : text;
}

std::string base_name(const CardFacts& facts) {
  if (facts.base_on_hub) {
    return *facts.base_on_hub;
  }
  return facts.base ? facts.base->model_name : public_name(facts.model.base_model, "");
}

Json parsed(const std::string& text) {
  Json json = Json::parse(text, nullptr, false);
  return json.is_object() ? json : Json::object();
}

// mlx-lm does nothing with a text encoder.
bool is_encoder(const CardFacts& facts) {
  const Json config = parsed(facts.version.config_json);
  const auto found = config.find("architecture");
  return found != config.end() && found->is_string() &&
         model_config::is_encoder_type(found->get<std::string>());
}

Json params_of(const CardFacts& facts) {
  if (!facts.job) {
    return Json::object();
  }
  const Json spec = parsed(facts.job->spec_json);
  const auto params = spec.find("params");
  return params != spec.end() && params->is_object() ? *params : Json::object();
}

// One line of a table; what would end the cell is escaped.
std::string row(const std::string& key, const std::string& value) {
  std::string safe;
  for (const char c : value) {
    safe += c == '|' ? "\\|" : c == '\n' || c == '\r' ? " " : std::string(1, c);
  }
  return fmt::format("| {} | {} |\n", key, safe);
}

std::string rows_of(const Json& object) {
  std::string text;
  for (const auto& [key, value] : object.items()) {
    if (!value.is_null()) {
      text += row(key, value.is_string() ? value.get<std::string>() : value.dump());
    }
  }
  return text;
}

std::string front_matter(const CardFacts& facts) {
  std::string text = is_encoder(facts)
                         ? "---\nlibrary_name: sentence-transformers\npipeline_tag: "
                           "sentence-similarity\ntags:\n- mlx-model-hub\n"
                         : "---\nlibrary_name: mlx\npipeline_tag: text-generation\ntags:\n- mlx\n"
                           "- mlx-model-hub\n";
  if (is_adapter(facts)) {
    text += "- lora\n";
  }
  // Only a repository can be linked to.
  const std::string base = base_name(facts);
  if (base.find('/') != std::string::npos) {
    text += fmt::format(
        "base_model: {}\nbase_model_relation: {}\n",
        base,
        is_adapter(facts) ? "adapter" : "quantized");
  }
  return text + "---\n\n";
}

std::string usage(const CardFacts& facts) {
  const std::string name = facts.repository.substr(facts.repository.find('/') + 1);
  if (is_encoder(facts)) {
    return fmt::format(
        "## Use\n\nWith MLX Model Hub:\n\n```sh\nmlx-hub pull {}\n"
        "curl http://localhost:8000/v1/embeddings -H 'Content-Type: application/json' \\\n"
        "  -d '{{\"model\": \"{}\", \"input\": \"Hello\"}}'\n```\n",
        facts.repository,
        name);
  }
  const std::string base = base_name(facts);
  std::string text = "## Use\n\nWith mlx-lm:\n\n```sh\n";
  if (is_adapter(facts)) {
    text += fmt::format(
        "hf download {0} --local-dir {1}\n"
        "mlx_lm.generate --model {2} --adapter-path {1} --prompt \"Hello\"\n",
        facts.repository,
        name,
        base.empty() ? "BASE" : base);
  } else {
    text += fmt::format("mlx_lm.generate --model {} --prompt \"Hello\"\n", facts.repository);
  }
  text += "```\n\nWith MLX Model Hub:\n\n```sh\n";
  if (is_adapter(facts)) {
    const std::string local = facts.base ? facts.base->model_name : "BASE";
    if (facts.base_on_hub) {
      text += fmt::format("mlx-hub pull {} --name {}\n", *facts.base_on_hub, local);
    }
    text += fmt::format("mlx-hub pull {} --base {}\n", facts.repository, local);
  } else {
    text += fmt::format("mlx-hub pull {}\n", facts.repository);
  }
  return text + fmt::format("mlx-hub run {} \"Hello\"\n```\n", name);
}

}  // namespace

std::string model_card(const CardFacts& facts) {
  const registry::Version& version = facts.version;
  const Json config = parsed(version.config_json);
  std::string text = front_matter(facts);
  text += fmt::format("# {}\n\n", facts.repository.substr(facts.repository.find('/') + 1));
  if (!facts.model.description.empty()) {
    text += facts.model.description + "\n\n";
  }
  text += "| | |\n|---|---|\n";
  text += row("kind", std::string(registry::to_string(version.kind)));
  if (const std::string base = base_name(facts); !base.empty()) {
    text += row("base model", base);
  }
  if (facts.base) {
    text += row("base digest", "`" + facts.base->digest + "`");
  }
  text += row("digest", "`" + version.digest + "`");
  if (!version.dataset_digest.empty()) {
    text += row("data set digest", "`" + version.dataset_digest + "`");
  }
  for (const char* key : {"architecture", "context_length", "quantization"}) {
    if (config.contains(key) && !config[key].is_null()) {
      text +=
          row(key, config[key].is_string() ? config[key].get<std::string>() : config[key].dump());
    }
  }
  text += "\n" + usage(facts);
  if (const Json metrics = parsed(version.metrics_json); !metrics.empty()) {
    text += "\n## Metrics\n\n| metric | value |\n|---|---|\n" + rows_of(metrics);
  }
  if (const Json params = params_of(facts); !params.empty()) {
    text += "\n## Training\n\n| setting | value |\n|---|---|\n" + rows_of(params);
  }
  return text +
         "\nThe digests say which bytes were published and which base they were trained on; "
         "`mlx-hub pull` checks them.\n";
}

std::string provenance_note(const CardFacts& facts) {
  const registry::Version& version = facts.version;
  Json note = {
      {"format", kNoteFormat},
      {"kind", registry::to_string(version.kind)},
      {"digest", version.digest}};
  if (facts.base) {
    note["base_digest"] = facts.base->digest;
  }
  if (const std::string base = base_name(facts); !base.empty()) {
    note["base_model"] = base;
  }
  if (!version.dataset_digest.empty()) {
    note["dataset_digest"] = version.dataset_digest;
  }
  note["metrics"] = parsed(version.metrics_json);
  if (const Json params = params_of(facts); !params.empty()) {
    note["params"] = params;
  }
  return note.dump(2, ' ', false, Json::error_handler_t::replace) + "\n";
}

}  // namespace hub::hub
