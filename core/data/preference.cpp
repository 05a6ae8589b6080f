#include "core/data/preference.h"

#include <algorithm>
#include <cstddef>
#include <string>
#include <utility>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "core/base/error.h"
#include "core/base/json_reader.h"
#include "core/base/lenient_json.h"

namespace hub::data {
namespace {

using base::Json;
using base::JsonReader;

[[noreturn]] void refuse(const std::string& field, const std::string& wanted) {
  throw base::Error(
      base::ErrorCode::kInvalidArgument, fmt::format("'{}' must be {}", field, wanted), field);
}

std::string role_of(const Json& message) {
  const auto role = message.is_object() ? message.find("role") : message.end();
  return role != message.end() && role->is_string() ? role->get<std::string>() : std::string();
}

Json text_message(const char* role, const Json& content) {
  return {{"role", role}, {"content", content}};
}

Json answer_messages(const Json& row, const char* field) {
  const Json& answer = JsonReader(row).value(field);
  if (answer.is_string() && !answer.get_ref<const std::string&>().empty()) {
    return Json::array({text_message("assistant", answer)});
  }
  Json messages = answer.is_object() ? Json::array({answer}) : answer;
  if (!messages.is_array() || messages.empty()) {
    refuse(
        field,
        fmt::format(
            "a text, an assistant message or a list of messages, not empty, got {}",
            answer.dump().substr(0, 60)));
  }
  if (role_of(messages.back()) != "assistant") {
    refuse(field, "an answer: its last message is not the assistant's");
  }
  return messages;
}

// What both answers follow; empty where they hold it themselves.
Json prompt_messages(const Json& row, bool answers_hold_prompt) {
  const JsonReader fields(row);
  if (fields.has("prompt")) {
    const Json& prompt = fields.value("prompt");
    if (prompt.is_array()) {
      return prompt;
    }
    const std::string text = fields.string("prompt");
    if (!text.empty() && !answers_hold_prompt) {
      return Json::array({text_message("user", text)});
    }
  }
  const Json* messages = answers_hold_prompt ? nullptr : fields.optional_array("messages");
  return messages == nullptr ? Json::array() : *messages;
}

bool holds_prompt(const Json& answer) {
  return role_of(answer.front()) != "assistant";
}

// How many messages both begin with, without the last of either.
std::size_t count_same(const Json& left, const Json& right) {
  const std::size_t most = std::min(left.size(), right.size()) - 1;
  std::size_t count = 0;
  while (count < most && left[count] == right[count]) {
    ++count;
  }
  return count;
}

void append(Json& messages, const Json& more) {
  messages.insert(messages.end(), more.begin(), more.end());
}

}  // namespace

Json preference_pair(const Json& row) {
  const Json chosen = answer_messages(row, "chosen");
  const Json rejected = answer_messages(row, "rejected");
  const bool hold = holds_prompt(chosen);
  if (hold != holds_prompt(rejected)) {
    refuse("rejected", "as 'chosen': with the prompt in front in both, or in none");
  }
  const Json prompt = prompt_messages(row, hold);
  if (prompt.empty() && !hold) {
    throw base::Error(
        base::ErrorCode::kInvalidArgument,
        "'prompt' is required where 'chosen' and 'rejected' are answers alone",
        "prompt");
  }
  Json before = Json::array();
  const std::string system = JsonReader(row).optional_string("system").value_or("");
  if (!system.empty() && role_of(prompt.empty() ? chosen.front() : prompt.front()) != "system") {
    before.push_back(text_message("system", system));
  }
  append(before, prompt);
  std::size_t shared = before.size();
  if (hold) {
    const std::size_t same = count_same(chosen, rejected);
    if (same == 0) {
      refuse("rejected", "an answer to what 'chosen' answers: their first messages differ");
    }
    shared += same;
  }
  Json pair = {{"chosen", before}, {"rejected", std::move(before)}, {"shared", shared}};
  append(pair["chosen"], chosen);
  append(pair["rejected"], rejected);
  return pair;
}

bool is_plain_preference(const Json& row) {
  const auto is_text = [&row](const char* field) {
    const auto found = row.find(field);
    return found != row.end() && found->is_string();
  };
  return is_text("prompt") && is_text("chosen") && is_text("rejected") &&
         JsonReader(row).optional_string("system").value_or("").empty();
}

void parse_message_columns(Json& row) {
  if (!row.contains("chosen") || !row.contains("rejected")) {
    return;
  }
  for (const char* name : {"prompt", "chosen", "rejected"}) {
    const auto column = row.find(name);
    if (column == row.end() || !column->is_string() ||
        !column->get_ref<const std::string&>().starts_with('[')) {
      continue;
    }
    auto parsed = base::parse_json_if_valid(column->get_ref<const std::string&>());
    const bool messages = parsed && parsed->is_array() && !parsed->empty() &&
                          std::all_of(parsed->begin(), parsed->end(), [](const Json& message) {
                            return !role_of(message).empty();
                          });
    if (messages) {
      *column = *std::move(parsed);
    }
  }
}

void check_objective(std::string_view objective, std::string_view format) {
  const bool wants_pairs = objective == "dpo" || objective == "orpo";
  const bool are_pairs = format == "preference";
  if (objective.empty() || format == "none" || wants_pairs == are_pairs) {
    return;
  }
  throw base::Error(
      base::ErrorCode::kUnprocessable,
      wants_pairs
          ? fmt::format(
                "objective {} trains on rows with 'chosen' and 'rejected', and the data set's rows "
                "are of format '{}': use objective sft, or preference rows",
                objective,
                format)
          : fmt::format(
                "objective {} trains on one answer a row, and the data set's rows are of format "
                "'{}': use objective dpo or orpo, or rows without 'chosen' and 'rejected'",
                objective,
                format),
      "dataset",
      "dataset_format");
}

}  // namespace hub::data
