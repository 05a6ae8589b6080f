#include "api/cli/bench_report.h"

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "api/cli/console.h"

namespace hub::api {

namespace {

using base::Json;

std::string shown(double value, const std::string& unit) {
  if (unit == "bytes") {
    return size_text(static_cast<std::uint64_t>(value));
  }
  return fmt::format("{:.{}f} {}", value, value < 100.0 ? 1 : 0, unit);
}

// How much better `value` is than `other`: more tokens a second, else less of it.
double factor(double value, double other, const std::string& unit) {
  return unit == "tok/s" ? value / other : other / value;
}

const Json* find(const Json& report, const std::string& name) {
  for (const Json& result : report.at("results")) {
    if (result.at("name") == name) {
      return &result;
    }
  }
  return nullptr;
}

}  // namespace

std::string bench_table(const Json& report, const Json* earlier) {
  std::vector<std::vector<std::string>> rows{{"MEASURE", "VALUE", "LIMIT", "OF THE LIMIT"}};
  if (earlier != nullptr) {
    rows.front().insert(rows.front().end(), {"EARLIER", "BETTER BY"});
  }
  for (const Json& result : report.at("results")) {
    const auto name = result.at("name").get<std::string>();
    const auto unit = result.at("unit").get<std::string>();
    const auto value = result.at("value").get<double>();
    std::vector<std::string> row{name, shown(value, unit), "-", "-"};
    if (const Json& limit = result.at("limit"); limit.is_number()) {
      row[2] = shown(limit.get<double>(), unit);
      row[3] = fmt::format("{:.0f} %", 100.0 * factor(value, limit.get<double>(), unit));
    }
    if (earlier != nullptr) {
      const Json* before = find(*earlier, name);
      const double other = before == nullptr ? 0.0 : before->at("value").get<double>();
      row.push_back(before == nullptr ? "-" : shown(other, unit));
      row.push_back(before == nullptr ? "-" : fmt::format("{:.2f}x", factor(value, other, unit)));
    }
    rows.push_back(std::move(row));
  }
  return table(rows);
}

std::vector<std::string> bench_differences(const Json& report, const Json& earlier) {
  std::vector<std::string> found;
  const auto compare = [&](const char* what, const char* pointer) {
    const Json::json_pointer at(pointer);
    const Json now = report.contains(at) ? report.at(at) : Json(nullptr);
    const Json then = earlier.contains(at) ? earlier.at(at) : Json(nullptr);
    if (now != then) {
      found.push_back(fmt::format("{}: {} now, {} then", what, now.dump(), then.dump()));
    }
  };
  compare("parameters", "/model/parameters");
  compare("bytes of weights", "/model/weight_bytes");
  compare("device", "/machine/mlx/device_name");
  compare("threads", "/machine/cpu/threads");
  return found;
}

}  // namespace hub::api
