#include <string>
#include <vector>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "api/cli/command_context.h"
#include "core/base/error.h"

namespace hub::api {
namespace {

using base::Json;

// What both commands take.
struct ConversionOptions {
  std::string model;
  std::optional<std::string> name;
  std::optional<std::string> data;  // a registered data set
  bool no_check = false;
  bool watch = false;

  void add_to(CLI::App& command) {
    command.add_option("model", model, "name, name:version or name@alias")->required();
    command.add_option("--name", name, "name of the result");
    command.add_option("--data", data, "registered data set whose first rows are compared on");
    command.add_flag("--no-check", no_check, "do not compare the logits before and after");
    command.add_flag("--watch", watch, "show progress until it ends");
  }

  [[nodiscard]] Json body(const char* type, Json params) const {
    if (no_check) {
      params["check"] = false;
    }
    Json body = {{"type", type}, {"model", model}, {"params", std::move(params)}};
    if (data) {
      body["dataset"] = *data;
    }
    if (name) {
      body["output"] = {{"name", *name}};
    }
    return body;
  }
};

// "lm_head=8", "self_attn.v_proj=6:32" (bits, group size), "embed_tokens=keep".
void add_override(Json& overrides, const std::string& text) {
  const std::size_t equals = text.find('=');
  const std::string value = equals == std::string::npos ? "" : text.substr(equals + 1);
  const std::string name = text.substr(0, equals);
  if (value == "keep" && !name.empty()) {
    overrides[name] = false;
    return;
  }
  const std::size_t colon = value.find(':');
  const Json bits = Json::parse(value.substr(0, colon), nullptr, false);
  const Json group = colon == std::string::npos
                         ? Json(nullptr)
                         : Json::parse(value.substr(colon + 1), nullptr, false);
  if (name.empty() || !bits.is_number_integer() || group.is_discarded()) {
    throw base::Error(
        base::ErrorCode::kInvalidArgument,
        fmt::format(
            "--override {}: wanted PATH=BITS, PATH=BITS:GROUP or PATH=keep, for example lm_head=8",
            text));
  }
  overrides[name] = {{"bits", bits}};
  if (!group.is_null()) {
    overrides[name]["group_size"] = group;
  }
}

struct QuantizeOptions {
  std::optional<int> bits;
  std::optional<int> group_size;
  std::optional<std::string> mode;
  std::optional<std::string> recipe;
  std::optional<std::string> dtype;
  std::vector<std::string> overrides;

  [[nodiscard]] Json params() const {
    Json params = Json::object();
    const auto set = [&params](const char* key, const auto& value) {
      if (value) {
        params[key] = *value;
      }
    };
    set("bits", bits);
    set("group_size", group_size);
    set("mode", mode);
    set("recipe", recipe);
    set("dtype", dtype);
    for (const std::string& text : overrides) {
      add_override(params["overrides"], text);
    }
    return params;
  }
};

void add_merge(CLI::App& app, const std::shared_ptr<CommandContext>& common) {
  CLI::App* command =
      app.add_subcommand("merge", "make a model of its own of an adapter and its base");
  const auto options = std::make_shared<ConversionOptions>();
  const auto dequantize = std::make_shared<bool>(false);
  common->add_to(*command);
  options->add_to(*command);
  command->add_flag("--dequantize", *dequantize, "float weights; default: packed as the base is");
  command->callback([common, options, dequantize] {
    HubClient client = common->client();
    common->exit_code = submit_job_command(
        client,
        common->setup.console,
        options->body("merge", {{"dequantize", *dequantize}}),
        options->watch,
        common->json);
  });
}

void add_quantize(CLI::App& app, const std::shared_ptr<CommandContext>& common) {
  CLI::App* command = app.add_subcommand("quantize", "pack a model's weights into fewer bits");
  const auto options = std::make_shared<ConversionOptions>();
  const auto how = std::make_shared<QuantizeOptions>();
  common->add_to(*command);
  options->add_to(*command);
  command->add_option("--bits", how->bits, "2, 3, 4, 5, 6 or 8 (default 4)");
  command->add_option("--group-size", how->group_size, "32, 64 or 128 (default 64)");
  command->add_option("--mode", how->mode, "affine (default), mxfp4, nvfp4, mxfp8");
  command->add_option("--recipe", how->recipe, "mixed_2_6, mixed_3_4, mixed_3_6, mixed_4_6");
  command->add_option("--dtype", how->dtype, "of what is not packed: float32, float16, bfloat16");
  command
      ->add_option(
          "--override",
          how->overrides,
          "PATH=BITS, PATH=BITS:GROUP or PATH=keep, PATH or its end; may be repeated")
      ->type_size(1)
      ->expected(1, 64);
  command->callback([common, options, how] {
    const Json body = options->body("quantize", how->params());
    HubClient client = common->client();
    common->exit_code =
        submit_job_command(client, common->setup.console, body, options->watch, common->json);
  });
}

}  // namespace

void add_conversions(CLI::App& app, const std::shared_ptr<CommandContext>& common) {
  add_merge(app, common);
  add_quantize(app, common);
}

}  // namespace hub::api
