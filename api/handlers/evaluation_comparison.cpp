#include "api/handlers/evaluation_comparison.h"

#include <algorithm>
#include <vector>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "api/handlers/record_json.h"
#include "api/handlers/request_json.h"
#include "core/base/error.h"
#include "core/base/json_reader.h"
#include "core/model_config/evaluate_params.h"

namespace hub::api {
namespace {

using base::Error;
using base::ErrorCode;
using base::Json;
using registry::Evaluation;

constexpr std::size_t kMost = 32;

std::vector<std::string> split(const std::string& ids) {
  std::vector<std::string> found(1);
  for (const char letter : ids) {
    if (letter == ',') {
      found.emplace_back();
    } else {
      found.back() += letter;
    }
  }
  if (found.size() < 2 || found.size() > kMost) {
    throw Error(
        ErrorCode::kInvalidArgument,
        fmt::format(
            "query parameter 'compare' must name 2 to {} evaluations with commas between, got {}",
            kMost,
            found.size()),
        "compare");
  }
  return found;
}

// What decides the figures besides the model; how many rows go at once does not.
Json deciding(const Evaluation& evaluation) {
  Json params = model_config::EvaluateParams::from_json(
                    base::parse_json(evaluation.params_json, "params"), "params")
                    .to_json();
  params.erase("batch_size");
  return params;
}

void require_comparable(const Evaluation& first, const Evaluation& other) {
  std::string why;
  if (!first.ended_at_ms || !other.ended_at_ms) {
    why = "one has no figures";
  } else if (first.dataset_digest != other.dataset_digest) {
    why = "their data differ";
  } else if (const Json left = deciding(first), right = deciding(other); left != right) {
    why = fmt::format("their params differ: {} and {}", left.dump(), right.dump());
  }
  if (!why.empty()) {
    throw Error(
        ErrorCode::kConflict,
        fmt::format("evaluations {} and {} cannot be compared: {}", first.id, other.id, why),
        "compare",
        "not_comparable");
  }
}

Json differences(const Json& before, const Json& after) {
  Json result = Json::object();
  for (const auto& [name, value] : after.items()) {
    const auto base = before.find(name);
    if (name != "seconds" && value.is_number() && base != before.end() && base->is_number()) {
      result[name] = value.get<double>() - base->get<double>();
    }
  }
  return result;
}

}  // namespace

Json compared_evaluations(hub::Hub& hub, const std::string& ids) {
  std::vector<Evaluation> evaluations;
  for (const std::string& id : split(ids)) {
    evaluations.push_back(hub.evaluations.get(id));
    require_comparable(evaluations.front(), evaluations.back());
  }
  const Json before = stored_json(evaluations.front().metrics_json);
  Json data = Json::array();
  for (const Evaluation& evaluation : evaluations) {
    Json entry = evaluation_json(hub, evaluation);
    entry["difference"] = differences(before, stored_json(evaluation.metrics_json));
    data.push_back(std::move(entry));
  }
  return data;
}

}  // namespace hub::api
