#include "core/registry/model_query.h"

#include <algorithm>
#include <charconv>
#include <utility>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "core/base/error.h"
#include "core/base/ids.h"

namespace hub::registry {
namespace {

using base::Error;
using base::ErrorCode;

// A LIKE pattern that finds `text` anywhere.
std::string anywhere(const std::string& text) {
  std::string pattern = "%";
  for (const char c : text) {
    if (c == '%' || c == '_' || c == '\\') {
      pattern += '\\';
    }
    pattern += c;
  }
  return pattern + "%";
}

[[noreturn]] void refuse_cursor(const std::string& cursor) {
  throw Error(
      ErrorCode::kInvalidArgument,
      fmt::format(
          "query parameter 'cursor' must be what 'next_cursor' was, got \"{}\"",
          cursor.substr(0, 60)),
      "cursor");
}

// "<milliseconds>:<id>", the cursor of kUpdated.
std::pair<std::int64_t, std::string> split_cursor(const std::string& cursor) {
  const std::size_t colon = cursor.find(':');
  std::int64_t time = 0;
  const auto [end, error] =
      std::from_chars(cursor.data(), cursor.data() + std::min(colon, cursor.size()), time);
  if (colon == std::string::npos || error != std::errc() || end != cursor.data() + colon ||
      !base::is_id(cursor.substr(colon + 1))) {
    refuse_cursor(cursor);
  }
  return {time, cursor.substr(colon + 1)};
}

void add_cursor(Conditions& conditions, const ModelQuery& query) {
  if (query.after.empty()) {
    return;
  }
  const char* sign = query.descending ? "<" : ">";
  switch (query.order) {
    case ModelOrder::kCreated:
      if (!base::is_id(query.after)) {
        refuse_cursor(query.after);
      }
      conditions.add(fmt::format("m.id {} {{}}", sign), query.after);
      return;
    case ModelOrder::kName:
      conditions.add(fmt::format("m.name {} {{}}", sign), query.after);
      return;
    case ModelOrder::kUpdated: {
      const auto [time, id] = split_cursor(query.after);
      conditions.add(fmt::format("(m.updated_at, m.id) {} ({}, {{}})", sign, time), id);
      return;
    }
  }
}

void add_text(Conditions& conditions, const std::string& text) {
  const std::size_t pattern = conditions.keep(anywhere(text));
  // As it stands in the JSON text: sorts out most models before their tags are looked at.
  const std::string escaped =
      nlohmann::json(text).dump(-1, ' ', false, nlohmann::json::error_handler_t::replace);
  const std::size_t in_json = conditions.keep(anywhere(escaped.substr(1, escaped.size() - 2)));
  conditions.add(
      fmt::format(
          "(m.name LIKE ?{0} ESCAPE '\\' OR m.description LIKE ?{0} ESCAPE '\\' OR "
          "(m.tags_json LIKE ?{1} ESCAPE '\\' AND EXISTS (SELECT 1 FROM model_tags AS t WHERE "
          "t.model_id = m.id AND (t.key LIKE ?{0} ESCAPE '\\' OR t.value LIKE ?{0} ESCAPE '\\'))))",
          pattern,
          in_json));
}

}  // namespace

void Conditions::add(std::string_view condition, const std::string& value) {
  const std::size_t number = keep(value);
  add(fmt::format(fmt::runtime(condition), fmt::format("?{}", number)));
}

void Conditions::add(const std::string& condition) {
  text_ += text_.empty() ? "WHERE " : "AND ";
  text_ += condition + " ";
}

std::size_t Conditions::keep(const std::string& value) {
  values_.push_back(value);
  return values_.size();
}

void Conditions::bind_to(db::Statement& statement) const {
  for (const std::string& value : values_) {
    statement.bind(value);
  }
}

std::string order_of(const ModelQuery& query) {
  const char* direction = query.descending ? "DESC" : "ASC";
  switch (query.order) {
    case ModelOrder::kCreated:
      return fmt::format("m.id {}", direction);
    case ModelOrder::kName:
      return fmt::format("m.name {}", direction);
    case ModelOrder::kUpdated:
      return fmt::format("m.updated_at {0}, m.id {0}", direction);
  }
  return "m.id";
}

std::string cursor_of(const Model& model, ModelOrder order) {
  switch (order) {
    case ModelOrder::kCreated:
      return model.id;
    case ModelOrder::kName:
      return model.name;
    case ModelOrder::kUpdated:
      return fmt::format("{}:{}", model.updated_at_ms, model.id);
  }
  return {};
}

Conditions conditions_of(const ModelQuery& query) {
  Conditions conditions;
  if (query.state) {
    conditions.add("m.state = {}", std::string(to_string(*query.state)));
  }
  if (query.kind) {
    conditions.add("m.kind = {}", std::string(to_string(*query.kind)));
  }
  if (query.architecture) {
    conditions.add("m.architecture = {}", *query.architecture);
  }
  for (const auto& [key, value] : query.tags) {
    const std::size_t name = conditions.keep(key);
    const std::string condition =
        fmt::format("m.id IN (SELECT model_id FROM model_tags WHERE key = ?{}", name);
    if (value) {
      conditions.add(condition + " AND value = {})", *value);
    } else {
      conditions.add(condition + ")");
    }
  }
  if (query.base) {
    const std::size_t base = conditions.keep(*query.base);
    conditions.add(
        fmt::format(
            "(m.base_model = ?{0} OR m.id IN (SELECT a.model_id FROM versions AS a WHERE "
            "a.base_version_id IN (SELECT b.id FROM versions AS b JOIN models AS o ON "
            "o.id = b.model_id WHERE o.name = ?{0} OR o.id = ?{0})))",
            base));
  }
  if (query.name_contains) {
    conditions.add("m.name LIKE {} ESCAPE '\\'", anywhere(*query.name_contains));
  }
  if (query.text) {
    add_text(conditions, *query.text);
  }
  add_cursor(conditions, query);
  return conditions;
}

Conditions conditions_of(const VersionQuery& query) {
  Conditions conditions;
  if (query.model_id) {
    conditions.add("v.model_id = {}", *query.model_id);
  }
  if (query.name_contains) {
    conditions.add("m.name LIKE {} ESCAPE '\\'", anywhere(*query.name_contains));
  }
  if (query.kind) {
    conditions.add("v.kind = {}", std::string(to_string(*query.kind)));
  }
  if (query.state) {
    conditions.add("v.state = {}", std::string(to_string(*query.state)));
  }
  if (query.digest) {
    conditions.add("v.digest = {}", *query.digest);
  }
  if (query.dataset_digest) {
    conditions.add("v.dataset_digest = {}", *query.dataset_digest);
  }
  if (!query.after.empty()) {
    conditions.add("v.id < {}", query.after);
  }
  return conditions;
}

}  // namespace hub::registry
