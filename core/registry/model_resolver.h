#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "core/db/pool.h"
#include "core/registry/alias_registry.h"
#include "core/registry/model_registry.h"
#include "core/registry/records.h"

namespace hub::registry {

// One half of a `model` value: `name`, `name:3`, `name:v3`, `name:latest`, `name@alias`.
struct ModelRef {
  std::string name;
  std::optional<std::int64_t> number;
  std::optional<std::string> alias;  // "latest": the newest ready version
};

// What a `model` value means now.
struct ResolvedModel {
  std::string asked;  // the value as it came: echoed in answers
  Version base;       // the version to load; kind base, merged or quantized; ready; with files
  std::optional<Version> adapter;  // to attach, ready, with files
};

// Reads `base` or `base+adapter`; each half as ModelRef. nullopt when the value has another form.
struct ModelValue {
  ModelRef model;
  std::optional<ModelRef> adapter;
};
std::optional<ModelValue> parse_model_value(std::string_view value);

// Turns `model` values into versions. A bare name means its `production` alias, else its newest
// ready version. A name whose version is an adapter brings that adapter's base along.
// `name+adapter` with a bare `name` takes the version of `name` that the adapter was trained on.
// Never downloads. Thread-safe.
class ModelResolver {
 public:
  ModelResolver(db::Pool& pool, ModelRegistry& models, AliasRegistry& aliases);

  // Throws kNotFound (reason "model_not_found") for anything that is not registered,
  // kUnprocessable (reason "model_not_ready") when the version's files are not here or corrupt,
  // kInvalidArgument (reason "adapter_mismatch") when the adapter was not trained on that base.
  ResolvedModel resolve(std::string_view value);

 private:
  Version pick(const ModelRef& ref, std::string_view value);
  db::Pool& pool_;
  ModelRegistry& models_;
  AliasRegistry& aliases_;
};

}  // namespace hub::registry
