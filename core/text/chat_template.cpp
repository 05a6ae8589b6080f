#include "core/text/chat_template.h"

#include <array>
#include <cstdint>
#include <optional>
#include <string_view>
#include <utility>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "core/base/error.h"
#include "core/base/file.h"
#include "core/base/json_reader.h"
#include "core/base/lenient_json.h"
#include "core/text/message_shape.h"
#include "core/text/rust_call.h"

namespace hub::text {
namespace {

using base::Json;

constexpr std::uint64_t kFileLimit = 64ULL << 20U;

// transformers' SPECIAL_TOKENS_ATTRIBUTES: the variables its templates see.
constexpr std::array<const char*, 7> kSpecialTokens = {
    "bos_token", "eos_token", "unk_token", "sep_token", "pad_token", "cls_token", "mask_token"};

// Set by us; a request must not replace them.
constexpr std::array<std::string_view, 3> kReserved = {
    "messages", "tools", "add_generation_prompt"};

struct Sources {
  std::optional<std::string> main;
  std::optional<std::string> with_tools;
};

Json read_config(const std::filesystem::path& path) {
  if (!std::filesystem::exists(path)) {
    return Json::object();
  }
  const std::string text = base::read_file(path, kFileLimit);
  auto config = base::parse_json_if_valid(text);
  if (!config || !config->is_object()) {
    throw base::Error(
        base::ErrorCode::kUnprocessable, "tokenizer_config.json is not a JSON object");
  }
  return *std::move(config);
}

// `chat_template` is a text, or a list of {"name", "template"}.
Sources read_sources(const std::filesystem::path& folder, const Json& config) {
  Sources sources;
  const auto field = config.find("chat_template");
  if (field != config.end() && field->is_string()) {
    sources.main = field->get<std::string>();
  } else if (field != config.end() && field->is_array()) {
    for (const Json& entry : *field) {
      if (!entry.is_object() || !entry.contains("name") || !entry.contains("template") ||
          !entry["template"].is_string()) {
        throw base::Error(
            base::ErrorCode::kUnprocessable,
            "tokenizer_config.json: chat_template must be a text or a list of objects with 'name' "
            "and 'template'");
      }
      auto& target = entry["name"] == "tool_use" ? sources.with_tools : sources.main;
      if (entry["name"] == "tool_use" || entry["name"] == "default") {
        target = entry["template"].get<std::string>();
      }
    }
  }
  if (std::filesystem::exists(folder / "chat_template.jinja")) {
    sources = {
        .main = base::read_file(folder / "chat_template.jinja", kFileLimit), .with_tools = {}};
  }
  return sources;
}

Json special_tokens(const Json& config) {
  Json tokens = Json::object();
  for (const char* name : kSpecialTokens) {
    const auto field = config.find(name);
    if (field == config.end()) {
      continue;
    }
    if (field->is_string()) {
      tokens[name] = *field;
    } else if (field->is_object() && field->contains("content")) {
      tokens[name] = (*field)["content"];
    }
  }
  return tokens;
}

class RustTemplate {
 public:
  explicit RustTemplate(std::string_view source) {
    rust_call(
        "the model's chat template cannot be used: ",
        hub_template_new,
        source.data(),
        source.size(),
        &handle_);
  }
  ~RustTemplate() { hub_template_free(handle_); }
  RustTemplate(const RustTemplate&) = delete;
  RustTemplate& operator=(const RustTemplate&) = delete;

  [[nodiscard]] std::string render(std::string_view context) const {
    RustText text;
    rust_call(
        "the chat template refuses these messages: ",
        hub_template_render,
        static_cast<const HubTemplate*>(handle_),
        context.data(),
        context.size(),
        text.out());
    return text.str();
  }

 private:
  HubTemplate* handle_ = nullptr;
};

}  // namespace

struct ChatTemplate::Compiled {
  RustTemplate main;
  std::optional<RustTemplate> with_tools;
  Json special;  // bos_token, eos_token, …
};

std::shared_ptr<const ChatTemplate> ChatTemplate::load(const std::filesystem::path& folder) {
  const Json config = read_config(folder / "tokenizer_config.json");
  const Sources sources = read_sources(folder, config);
  if (!sources.main) {
    return nullptr;
  }
  auto compiled = std::unique_ptr<Compiled>(new Compiled{RustTemplate(*sources.main), {}, {}});
  compiled->special = special_tokens(config);
  std::string all = *sources.main;
  if (sources.with_tools) {
    compiled->with_tools.emplace(*sources.with_tools);
    all += *sources.with_tools;
  }
  return std::shared_ptr<const ChatTemplate>(new ChatTemplate(std::move(compiled), std::move(all)));
}

ChatTemplate::ChatTemplate(std::unique_ptr<Compiled> compiled, std::string source)
    : compiled_(std::move(compiled)),
      source_(std::move(source)),
      digest_(base::sha256_hex(source_)) {}

ChatTemplate::~ChatTemplate() = default;

std::string ChatTemplate::render(const TemplateInput& input) const {
  const bool has_tools = input.tools != nullptr && !input.tools->is_null();
  // An object of the special tokens first: chat_template_kwargs may replace those.
  Json context = compiled_->special;
  context["documents"] = nullptr;
  if (input.extra != nullptr && !input.extra->is_null()) {
    const base::JsonReader extra(*input.extra, "chat_template_kwargs");
    for (const std::string_view name : kReserved) {
      if (input.extra->contains(name)) {
        throw base::Error(
            base::ErrorCode::kInvalidArgument,
            fmt::format("'{}' has a field of its own and cannot be set here", extra.path_of(name)),
            extra.path_of(name));
      }
    }
    refuse_deeper_than(*input.extra, kMaxDepth, "chat_template_kwargs");
    context.update(*input.extra);
  }
  if (has_tools) {
    refuse_deeper_than(*input.tools, kMaxDepth, "tools");
  }
  context["messages"] = messages_for_template(input.messages);
  context["tools"] = has_tools ? *input.tools : Json(nullptr);
  context["add_generation_prompt"] = input.add_generation_prompt;
  const RustTemplate& chosen =
      has_tools && compiled_->with_tools ? *compiled_->with_tools : compiled_->main;
  // Text that came in as JSON is UTF-8; text from elsewhere may not be.
  return chosen.render(context.dump(-1, ' ', false, Json::error_handler_t::replace));
}

}  // namespace hub::text
