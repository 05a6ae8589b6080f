#include "core/hub/run_comparison.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdint>
#include <map>
#include <set>
#include <string_view>

#include <nlohmann/json.hpp>

#include "core/hub/job_environment.h"

namespace hub::hub {
namespace {

using base::Json;

constexpr std::array<const char*, 2> kLosses{"train_loss", "eval_loss"};
// What two runs of the same work need not have in common.
constexpr std::array<std::string_view, 3> kCosts{"seconds", "memory", "per_second"};

// The largest deviation so far; nullopt once something could not be compared.
class Deviation {
 public:
  void add(double then, double now) {
    const double difference = std::abs(now - then) / std::max(1.0, std::abs(then));
    // Not a number on both sides is the same; on one it is no measure.
    if (std::isnan(then) && std::isnan(now)) {
      return;
    }
    if (!std::isfinite(difference)) {
      missing();
    } else if (largest_) {
      largest_ = std::max(*largest_, difference);
    }
  }
  void missing() { largest_.reset(); }
  [[nodiscard]] std::optional<double> largest() const { return largest_; }

 private:
  std::optional<double> largest_ = 0.0;
};

Json parsed(const std::string& text) {
  return text.empty() ? Json() : Json::parse(text);
}

std::vector<Json> all_parsed(const std::vector<std::string>& texts) {
  std::vector<Json> parsed_texts;
  parsed_texts.reserve(texts.size());
  for (const std::string& text : texts) {
    parsed_texts.push_back(parsed(text));
  }
  return parsed_texts;
}

// By step: what an attempt reported again counts once, as it was last.
std::map<std::int64_t, double> series(const std::vector<Json>& reports, const char* name) {
  std::map<std::int64_t, double> values;
  for (const Json& report : reports) {
    const auto value = report.find(name);
    const auto step = report.find("step");
    if (value != report.end() && value->is_number() && step != report.end() &&
        step->is_number_integer()) {
      values[step->get<std::int64_t>()] = value->get<double>();
    }
  }
  return values;
}

Json compare_series(
    const char* name,
    const std::vector<Json>& then,
    const std::vector<Json>& now,
    Deviation& deviation) {
  const auto before = series(then, name);
  const auto after = series(now, name);
  std::int64_t compared = 0;
  double largest = 0.0;
  Json at_step = nullptr;
  for (const auto& [step, value] : before) {
    const auto found = after.find(step);
    if (found == after.end()) {
      continue;
    }
    ++compared;
    deviation.add(value, found->second);
    const double difference = std::abs(found->second - value);
    if (difference > largest) {
      largest = difference;
      at_step = step;
    }
  }
  const auto missing = static_cast<std::int64_t>(before.size()) +
                       static_cast<std::int64_t>(after.size()) - 2 * compared;
  if (missing > 0) {
    deviation.missing();
  }
  return {
      {"name", name},
      {"compared", compared},
      {"missing", missing},
      {"largest_difference", compared > 0 ? Json(largest) : Json(nullptr)},
      {"at_step", at_step}};
}

bool is_figure(const std::string& name, const Json& value) {
  return value.is_number() && std::ranges::none_of(kCosts, [&name](std::string_view word) {
           return name.find(word) != std::string::npos;
         });
}

Json compare_figures(const Json& then, const Json& now, Deviation& deviation) {
  std::set<std::string> names;
  for (const Json* result : {&then, &now}) {
    for (const auto& [name, value] : result->items()) {
      if (is_figure(name, value)) {
        names.insert(name);
      }
    }
  }
  Json figures = Json::array();
  for (const std::string& name : names) {
    const Json before = then.value(name, Json(nullptr));
    const Json after = now.value(name, Json(nullptr));
    Json difference = nullptr;
    if (before.is_number() && after.is_number()) {
      difference = after.get<double>() - before.get<double>();
      deviation.add(before.get<double>(), after.get<double>());
    } else {
      deviation.missing();
    }
    figures.push_back(
        {{"name", name}, {"then", before}, {"now", after}, {"difference", difference}});
  }
  return figures;
}

}  // namespace

Json compare_runs(const RunFacts& then, const RunFacts& now, double tolerance) {
  Deviation deviation;
  Json environment =
      environment_differences(parsed(then.environment_json), parsed(now.environment_json));
  const bool same =
      environment["same"].get<bool>() && then.environments <= 1 && now.environments <= 1;
  environment["same"] = same;
  const std::vector<Json> before = all_parsed(then.reports_json);
  const std::vector<Json> after = all_parsed(now.reports_json);
  Json reports = Json::array();
  for (const char* name : kLosses) {
    Json compared = compare_series(name, before, after, deviation);
    if (compared["compared"] != 0 || compared["missing"] != 0) {
      reports.push_back(std::move(compared));
    }
  }
  Json figures = compare_figures(parsed(then.result_json), parsed(now.result_json), deviation);
  if (reports.empty() && figures.empty()) {
    deviation.missing();
  }
  const auto largest = deviation.largest();
  const bool known = then.digest && now.digest;
  const bool equal = known ? *then.digest == *now.digest : largest == 0.0;
  const char* verdict = "different";
  if (equal) {
    verdict = "identical";
  } else if (!same && largest && *largest <= tolerance) {
    verdict = "within_tolerance";
  }
  return {
      {"environment", std::move(environment)},
      {"digest",
       {{"then", then.digest ? Json(*then.digest) : Json(nullptr)},
        {"now", now.digest ? Json(*now.digest) : Json(nullptr)},
        {"equal", known ? Json(equal) : Json(nullptr)}}},
      {"reports", std::move(reports)},
      {"metrics", std::move(figures)},
      {"deviation", largest ? Json(*largest) : Json(nullptr)},
      {"tolerance", tolerance},
      {"verdict", verdict}};
}

}  // namespace hub::hub
