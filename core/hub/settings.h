#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <span>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "core/base/clock.h"
#include "core/base/json.h"
#include "core/registry/setting_store.h"

namespace hub::hub {

// A setting's value; its alternative never changes.
using SettingValue = std::variant<bool, std::int64_t, double, std::string>;

// What can be changed while the hub runs (GET and PATCH /settings) and survives a restart; what
// decides how it starts is in config.h.
struct SettingInfo {
  std::string_view name;
  std::string_view description;  // with the unit
  SettingValue fallback;
  double low = 0;  // of numbers; of texts the longest length
  double high = 0;
};

// All settings there are. A further one is a row here, and a constant below for its readers.
std::span<const SettingInfo> known_settings();

inline constexpr std::string_view kRequireKeys = "require_keys";
inline constexpr std::string_view kDefaultModel = "default_model";
inline constexpr std::string_view kAuditKeepDays = "audit_keep_days";

// The values, in memory; writes go to the database first. A value there that no longer fits its
// range counts as absent. Thread-safe.
class Settings {
 public:
  Settings(db::Pool& pool, const base::Clock& clock);

  // Throw kInternal for a name or type that is not in known_settings().
  [[nodiscard]] bool boolean(std::string_view name) const;
  [[nodiscard]] std::int64_t integer(std::string_view name) const;
  [[nodiscard]] double number(std::string_view name) const;
  [[nodiscard]] std::string text(std::string_view name) const;

  // Refuses a change that fits its range and still cannot be; throws Error. Called before anything
  // is written, in the order of registration, with all values as they would be. Register before
  // other threads start.
  using Values = std::map<std::string, SettingValue, std::less<>>;
  void add_check(std::function<void(const Values& next)> check);
  // Called after a change, on the changing thread.
  void on_change(std::function<void()> listener);

  // {"require_keys": true, "default_model": null}: null puts the default back. All or nothing.
  // Throws kInvalidArgument naming the setting: unknown, of another type, out of its range.
  void change(const base::Json& changes);

  // [{"name","type","value","default","minimum","maximum","description","changed"}]; `minimum` and
  // `maximum` of numbers only.
  [[nodiscard]] base::Json to_json() const;

 private:
  [[nodiscard]] SettingValue value(std::string_view name) const;

  registry::SettingStore store_;
  std::vector<std::function<void(const Values&)>> checks_;
  std::vector<std::function<void()>> listeners_;
  std::mutex changes_;  // changes take turns
  mutable std::mutex mutex_;
  Values values_;  // guarded by mutex_
};

}  // namespace hub::hub
