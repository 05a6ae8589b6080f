#include "core/model_config/optimizer_params.h"

#include <nlohmann/json.hpp>

#include "core/base/error.h"
#include "core/base/json_reader.h"

namespace hub::model_config {
namespace {

using base::Json;
using base::JsonReader;

[[noreturn]] void refuse(const std::string& path, const std::string& wanted, const Json& got) {
  throw base::Error(
      base::ErrorCode::kInvalidArgument,
      "'" + path + "' must be " + wanted + ", got " + got.dump(),
      path);
}

void read_number(
    const JsonReader& reader, std::string_view key, double low, double high, double& field) {
  field = reader.optional_number(key, low, high).value_or(field);
}

// A share in [0, 1).
void read_share(const JsonReader& reader, std::string_view key, double& field) {
  read_number(reader, key, 0.0, 1.0, field);
  if (field >= 1.0) {
    refuse(reader.path_of(key), "a number from 0 and below 1", reader.value(key));
  }
}

void read_flag(const JsonReader& reader, std::string_view key, bool& field) {
  field = reader.optional_bool(key).value_or(field);
}

// A list of two numbers in [0, high).
void read_pair(
    const JsonReader& reader, std::string_view key, double high, double& first, double& second) {
  const Json* list = reader.optional_array(key);
  if (list == nullptr) {
    return;
  }
  const auto good = [&](const Json& item) {
    return item.is_number() && item.get<double>() >= 0.0 && item.get<double>() < high;
  };
  if (list->size() != 2 || !good(list->at(0)) || !good(list->at(1))) {
    refuse(
        reader.path_of(key),
        "a list of two numbers from 0 and below " + Json(high).dump(),
        reader.value(key));
  }
  first = list->at(0).get<double>();
  second = list->at(1).get<double>();
}

void read_adam(const JsonReader& reader, OptimizerParams& params) {
  reader.refuse_unknown({"betas", "eps", "bias_correction"});
  read_pair(reader, "betas", 1.0, params.beta1, params.beta2);
  read_number(reader, "eps", 0.0, 1.0, params.eps);
  read_flag(reader, "bias_correction", params.bias_correction);
}

void read_sgd(const JsonReader& reader, OptimizerParams& params) {
  reader.refuse_unknown({"momentum", "dampening", "nesterov"});
  read_share(reader, "momentum", params.momentum);
  read_share(reader, "dampening", params.dampening);
  read_flag(reader, "nesterov", params.nesterov);
  if (params.nesterov && (params.momentum <= 0.0 || params.dampening != 0.0)) {
    refuse(
        reader.path_of("nesterov"),
        "false without a momentum above 0 and a dampening of 0",
        reader.value("nesterov"));
  }
}

void read_lion(const JsonReader& reader, OptimizerParams& params) {
  reader.refuse_unknown({"betas"});
  read_pair(reader, "betas", 1.0, params.beta1, params.beta2);
}

void read_adafactor(const JsonReader& reader, OptimizerParams& params) {
  reader.refuse_unknown(
      {"eps",
       "clip_threshold",
       "decay_rate",
       "beta_1",
       "scale_parameter",
       "relative_step",
       "warmup_init"});
  read_pair(reader, "eps", 1.0, params.eps1, params.eps2);
  read_number(reader, "clip_threshold", 1e-6, 1e6, params.clip_threshold);
  read_number(reader, "decay_rate", -1.0, -1e-3, params.decay_rate);
  if (reader.has("beta_1")) {
    double share = 0.0;
    read_share(reader, "beta_1", share);
    params.first_moment = share;
  }
  read_flag(reader, "scale_parameter", params.scale_parameter);
  read_flag(reader, "relative_step", params.relative_step);
  read_flag(reader, "warmup_init", params.warmup_init);
}

void read_muon(const JsonReader& reader, OptimizerParams& params) {
  reader.refuse_unknown({"momentum", "nesterov", "ns_steps"});
  read_share(reader, "momentum", params.momentum);
  read_flag(reader, "nesterov", params.nesterov);
  if (const auto steps = reader.optional_int("ns_steps", 1, 100)) {
    params.ns_steps = static_cast<int>(*steps);
  }
}

}  // namespace

OptimizerParams OptimizerParams::defaults(const std::string& name) {
  OptimizerParams params;
  params.name = name;
  if (name == "lion") {
    params.beta2 = 0.99;
  } else if (name == "muon") {
    params.momentum = 0.95;
    params.nesterov = true;
  } else if (name != "adam" && name != "adamw" && name != "sgd" && name != "adafactor") {
    throw base::Error(
        base::ErrorCode::kInvalidArgument,
        "optimizer must be adam, adamw, sgd, lion, adafactor or muon, not \"" + name + "\"",
        "params.optimizer");
  }
  return params;
}

OptimizerParams OptimizerParams::from_json(
    const std::string& name, const Json& config, const std::string& path) {
  OptimizerParams params = defaults(name);
  if (config.is_null()) {
    return params;
  }
  const JsonReader reader(config, path);
  if (name == "sgd") {
    read_sgd(reader, params);
  } else if (name == "lion") {
    read_lion(reader, params);
  } else if (name == "adafactor") {
    read_adafactor(reader, params);
  } else if (name == "muon") {
    read_muon(reader, params);
  } else {
    read_adam(reader, params);
  }
  return params;
}

Json OptimizerParams::to_json() const {
  if (name == "sgd") {
    return {{"momentum", momentum}, {"dampening", dampening}, {"nesterov", nesterov}};
  }
  if (name == "lion") {
    return {{"betas", {beta1, beta2}}};
  }
  if (name == "adafactor") {
    return {
        {"eps", {eps1, eps2}},
        {"clip_threshold", clip_threshold},
        {"decay_rate", decay_rate},
        {"beta_1", first_moment ? Json(*first_moment) : Json(nullptr)},
        {"scale_parameter", scale_parameter},
        {"relative_step", relative_step},
        {"warmup_init", warmup_init}};
  }
  if (name == "muon") {
    return {{"momentum", momentum}, {"nesterov", nesterov}, {"ns_steps", ns_steps}};
  }
  return {{"betas", {beta1, beta2}}, {"eps", eps}, {"bias_correction", bias_correction}};
}

double OptimizerParams::default_weight_decay() const {
  return name == "adamw" || name == "muon" ? 0.01 : 0.0;
}

int OptimizerParams::moments() const {
  if (name == "adam" || name == "adamw") {
    return 2;
  }
  if (name == "adafactor") {
    return first_moment ? 1 : 0;
  }
  return name == "sgd" && momentum <= 0.0 ? 0 : 1;
}

}  // namespace hub::model_config
