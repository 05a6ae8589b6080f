#include "core/registry/model_resolver.h"

#include <algorithm>

#include <fmt/format.h>

#include "core/base/error.h"
#include "core/registry/version_rows.h"

namespace hub::registry {
namespace {

using base::Error;
using base::ErrorCode;

bool is_name(std::string_view text) {
  const auto alphanumeric = [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
  };
  return !text.empty() && text.size() <= 100 && alphanumeric(text.front()) &&
         std::all_of(text.begin(), text.end(), [&](char c) {
           return alphanumeric(c) || c == '.' || c == '_' || c == '-';
         });
}

// "3" or "v3"; nullopt for anything else, and for numbers beyond what a version can have.
std::optional<std::int64_t> parse_number(std::string_view text) {
  if (text.starts_with('v')) {
    text.remove_prefix(1);
  }
  const bool digits =
      !text.empty() && text.size() <= 15 &&
      std::all_of(text.begin(), text.end(), [](char c) { return c >= '0' && c <= '9'; });
  if (!digits) {
    return std::nullopt;
  }
  return std::stoll(std::string(text));
}

std::optional<ModelRef> parse_ref(std::string_view text) {
  const std::size_t mark = text.find_first_of(":@");
  ModelRef ref;
  ref.name = text.substr(0, mark);
  if (!is_name(ref.name)) {
    return std::nullopt;
  }
  if (mark == std::string_view::npos) {
    return ref;
  }
  const std::string_view rest = text.substr(mark + 1);
  if (rest == "latest") {
    ref.alias = "latest";
    return ref;
  }
  if (text[mark] == '@') {
    if (!is_name(rest)) {
      return std::nullopt;
    }
    ref.alias = rest;
    return ref;
  }
  ref.number = parse_number(rest);
  return ref.number ? std::optional(ref) : std::nullopt;
}

[[noreturn]] void not_found(std::string_view value, const std::string& why) {
  throw Error(
      ErrorCode::kNotFound,
      fmt::format("the model '{}' does not exist: {}", value.substr(0, 220), why),
      "model",
      "model_not_found");
}

void require_ready(const Version& version, std::string_view value) {
  if (version.state == VersionState::kReady) {
    return;
  }
  throw Error(
      ErrorCode::kUnprocessable,
      fmt::format(
          "the model '{}' cannot be used: version {} of '{}' is {}{}",
          value,
          version.number,
          version.model_name,
          to_string(version.state),
          version.state == VersionState::kPending ? ", its weights are not here yet"
                                                  : ": " + version.state_reason),
      "model",
      "model_not_ready");
}

}  // namespace

std::optional<ModelValue> parse_model_value(std::string_view value) {
  const std::size_t plus = value.find('+');
  const auto model = parse_ref(value.substr(0, plus));
  if (!model) {
    return std::nullopt;
  }
  ModelValue parsed;
  parsed.model = *model;
  if (plus != std::string_view::npos) {
    parsed.adapter = parse_ref(value.substr(plus + 1));
    if (!parsed.adapter) {
      return std::nullopt;
    }
  }
  return parsed;
}

ModelResolver::ModelResolver(db::Pool& pool, ModelRegistry& models, AliasRegistry& aliases)
    : pool_(pool), models_(models), aliases_(aliases) {}

// The version that one half of the value means. Runs inside resolve()'s snapshot of nothing but
// its own reads: an alias that moves meanwhile gives either its old or its new version.
Version ModelResolver::pick(const ModelRef& ref, std::string_view value) {
  const std::optional<Model> model = models_.find_model(ref.name);
  if (!model) {
    not_found(value, fmt::format("no model named '{}' is registered", ref.name));
  }
  if (ref.number) {
    try {
      std::optional<Version> version;
      pool_.read([&](db::Connection& connection) {
        version = read_version(connection, *model, *ref.number);
      });
      return version.value();
    } catch (const Error& error) {
      not_found(value, error.what());
    }
  }
  if (ref.alias && *ref.alias != "latest") {
    const auto alias = aliases_.find(model->id, *ref.alias);
    if (!alias) {
      not_found(value, fmt::format("model '{}' has no alias '{}'", model->name, *ref.alias));
    }
    return models_.get_version(alias->version_id);
  }
  if (!ref.alias) {
    if (const auto production = aliases_.find(model->id, std::string(kProductionAlias))) {
      return models_.get_version(production->version_id);
    }
  }
  if (auto newest = models_.newest_ready(model->id)) {
    return *std::move(newest);
  }
  ListFilter filter;
  filter.model_id = model->id;
  filter.limit = 1;
  const std::vector<Version> any = models_.list_versions(filter);
  if (any.empty()) {
    not_found(value, fmt::format("model '{}' has no version", model->name));
  }
  return any.front();  // not ready: the caller says so
}

ResolvedModel ModelResolver::resolve(std::string_view value) {
  const auto parsed = parse_model_value(value);
  if (!parsed) {
    not_found(
        value,
        "it must be a registered model as name, name:version, name@alias, name+adapter or "
        "name+adapter@alias");
  }
  ResolvedModel resolved;
  resolved.asked = value;
  if (!parsed->adapter) {
    Version version = pick(parsed->model, value);
    require_ready(version, value);
    if (version.kind != VersionKind::kAdapter) {
      resolved.base = std::move(version);
      return resolved;
    }
    resolved.base = models_.get_version(version.base_version_id.value_or(""));
    require_ready(resolved.base, value);
    resolved.adapter = std::move(version);
    return resolved;
  }

  Version adapter = pick(*parsed->adapter, value);
  require_ready(adapter, value);
  if (adapter.kind != VersionKind::kAdapter) {
    throw Error(
        ErrorCode::kInvalidArgument,
        fmt::format(
            "'{}': '{}' must be an adapter, its version {} is of kind {}",
            value,
            adapter.model_name,
            adapter.number,
            to_string(adapter.kind)),
        "model",
        "adapter_mismatch");
  }
  const Version trained_on = models_.get_version(adapter.base_version_id.value_or(""));
  Version base = pick(parsed->model, value);
  const bool bare = !parsed->model.number && !parsed->model.alias;
  if (bare && base.model_id == trained_on.model_id) {
    base = trained_on;
  }
  require_ready(base, value);
  if (base.id != trained_on.id && base.digest != trained_on.digest) {
    throw Error(
        ErrorCode::kInvalidArgument,
        fmt::format(
            "'{}': adapter '{}' was trained on version {} of '{}', not on version {} of '{}'",
            value,
            adapter.model_name,
            trained_on.number,
            trained_on.model_name,
            base.number,
            base.model_name),
        "model",
        "adapter_mismatch");
  }
  resolved.base = std::move(base);
  resolved.adapter = std::move(adapter);
  return resolved;
}

}  // namespace hub::registry
