#include "core/hub/settings.h"

#include <algorithm>
#include <array>
#include <optional>
#include <type_traits>
#include <utility>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "core/base/error.h"

namespace hub::hub {
namespace {

using base::Error;
using base::ErrorCode;
using base::Json;

// Apart from what else is kept in the table (the queue's pause).
constexpr std::string_view kPrefix = "setting.";

const std::array<SettingInfo, 3>& table() {
  static const std::array<SettingInfo, 3> settings{{
      {.name = kRequireKeys,
       .description = "Every call needs an API key, on this machine too. Beyond loopback keys are "
                      "needed in any case",
       .fallback = false},
      {.name = kDefaultModel,
       .description = "The model whose tokenizer makes reports and previews where none is named, "
                      "and that /readyz looks for",
       .fallback = std::string("smollm2-135m-instruct"),
       .high = 400},
      {.name = kAuditKeepDays,
       .description = "How many days the audit log keeps an entry",
       .fallback = std::int64_t{365},
       .low = 1,
       .high = 36'500},
  }};
  return settings;
}

const SettingInfo* find(std::string_view name) {
  const auto found = std::find_if(table().begin(), table().end(), [name](const SettingInfo& info) {
    return info.name == name;
  });
  return found == table().end() ? nullptr : &*found;
}

std::string_view type_name(const SettingInfo& info) {
  constexpr std::array<std::string_view, 4> names{"boolean", "integer", "number", "string"};
  return names.at(info.fallback.index());
}

std::string wanted(const SettingInfo& info) {
  switch (info.fallback.index()) {
    case 0:
      return "true or false";
    case 1:
      return fmt::format("a whole number from {} to {}", info.low, info.high);
    case 2:
      return fmt::format("a number from {} to {}", info.low, info.high);
    default:
      return fmt::format("a text of 1 to {} bytes", info.high);
  }
}

// nullopt when the JSON is not of the setting's type or out of its range.
std::optional<SettingValue> read(const SettingInfo& info, const Json& json) {
  const auto in_range = [&info](double number) {
    return number >= info.low && number <= info.high;
  };
  switch (info.fallback.index()) {
    case 0:
      return json.is_boolean() ? std::optional<SettingValue>(json.get<bool>()) : std::nullopt;
    case 1:
      return json.is_number_integer() && in_range(json.get<double>())
                 ? std::optional<SettingValue>(json.get<std::int64_t>())
                 : std::nullopt;
    case 2:
      return json.is_number() && in_range(json.get<double>())
                 ? std::optional<SettingValue>(json.get<double>())
                 : std::nullopt;
    default:
      return json.is_string() && !json.get_ref<const std::string&>().empty() &&
                     json.get_ref<const std::string&>().size() <=
                         static_cast<std::size_t>(info.high)
                 ? std::optional<SettingValue>(json.get<std::string>())
                 : std::nullopt;
  }
}

Json to_json_value(const SettingValue& value) {
  return std::visit([](const auto& held) { return Json(held); }, value);
}

std::string shown(const Json& json) {
  return json.dump(-1, ' ', false, Json::error_handler_t::replace).substr(0, 60);
}

}  // namespace

std::span<const SettingInfo> known_settings() {
  return table();
}

Settings::Settings(db::Pool& pool, const base::Clock& clock) : store_(pool, clock) {
  const auto stored = store_.read(kPrefix);
  for (const SettingInfo& info : table()) {
    values_.emplace(info.name, info.fallback);
    const auto found = stored.find(std::string(info.name));
    if (found != stored.end()) {
      if (const auto value = read(info, Json::parse(found->second, nullptr, false))) {
        values_.find(info.name)->second = *value;
      }
    }
  }
}

SettingValue Settings::value(std::string_view name) const {
  const std::lock_guard lock(mutex_);
  const auto found = values_.find(name);
  if (found == values_.end()) {
    throw Error(ErrorCode::kInternal, fmt::format("there is no setting '{}'", name));
  }
  return found->second;
}

bool Settings::boolean(std::string_view name) const {
  return std::get<bool>(value(name));
}

std::int64_t Settings::integer(std::string_view name) const {
  return std::get<std::int64_t>(value(name));
}

double Settings::number(std::string_view name) const {
  return std::get<double>(value(name));
}

std::string Settings::text(std::string_view name) const {
  return std::get<std::string>(value(name));
}

void Settings::add_check(std::function<void(const Values&)> check) {
  checks_.push_back(std::move(check));
}

void Settings::on_change(std::function<void()> listener) {
  listeners_.push_back(std::move(listener));
}

void Settings::change(const Json& changes) {
  if (!changes.is_object()) {
    throw Error(ErrorCode::kInvalidArgument, "the body must be a JSON object of settings");
  }
  const std::lock_guard turn(changes_);
  Values next;
  {
    const std::lock_guard lock(mutex_);
    next = values_;
  }
  std::map<std::string, std::optional<std::string>> rows;
  for (const auto& [name, json] : changes.items()) {
    const SettingInfo* info = find(name);
    if (info == nullptr) {
      throw Error(
          ErrorCode::kInvalidArgument,
          fmt::format("there is no setting '{}' (GET /settings lists them)", name.substr(0, 100)),
          name,
          "unknown_field");
    }
    const auto value = json.is_null() ? std::optional(info->fallback) : read(*info, json);
    if (!value) {
      throw Error(
          ErrorCode::kInvalidArgument,
          fmt::format("'{}' must be {}, got {}", name, wanted(*info), shown(json)),
          name);
    }
    next.find(name)->second = *value;
    rows[name] = json.is_null() ? std::nullopt : std::optional(to_json_value(*value).dump());
  }
  for (const auto& check : checks_) {
    check(next);
  }
  store_.write(kPrefix, rows);
  {
    const std::lock_guard lock(mutex_);
    values_ = std::move(next);
  }
  for (const auto& listener : listeners_) {
    listener();
  }
}

Json Settings::to_json() const {
  Json list = Json::array();
  for (const SettingInfo& info : table()) {
    const SettingValue now = value(info.name);
    Json entry = {
        {"name", info.name},
        {"type", type_name(info)},
        {"value", to_json_value(now)},
        {"default", to_json_value(info.fallback)}};
    if (std::holds_alternative<std::int64_t>(info.fallback) ||
        std::holds_alternative<double>(info.fallback)) {
      entry["minimum"] = info.low;
      entry["maximum"] = info.high;
    }
    entry["description"] = info.description;
    entry["changed"] = now != info.fallback;
    list.push_back(std::move(entry));
  }
  return list;
}

}  // namespace hub::hub
