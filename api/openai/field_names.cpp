#include "api/openai/field_names.h"

#include <string>

namespace hub::api {

namespace {

constexpr std::string_view kIndex = "[]";

// A field's name at a text's beginning.
struct Match {
  std::size_t size = 0;
  std::string_view index{};  // what stands for kIndex in the name
};

std::optional<Match> match(std::string_view text, std::string_view name) {
  Match found{.size = name.size()};
  const std::size_t at = name.find(kIndex);
  if (at == std::string_view::npos) {
    if (!text.starts_with(name)) {
      return std::nullopt;
    }
  } else {
    const std::string_view head = name.substr(0, at + 1);
    const std::string_view tail = name.substr(at + 1);
    const std::size_t end = text.find(']');
    if (!text.starts_with(head) || end == std::string_view::npos ||
        !text.substr(end).starts_with(tail)) {
      return std::nullopt;
    }
    found = {.size = end + tail.size(), .index = text.substr(head.size(), end - head.size())};
  }
  const bool ends = text.size() == found.size || text[found.size] == '.' ||
                    text[found.size] == '[' || text[found.size] == '\'';
  return ends ? std::optional(found) : std::nullopt;
}

std::string with_index(std::string_view name, std::string_view index) {
  std::string result(name);
  if (const std::size_t at = result.find(kIndex); at != std::string::npos) {
    result.insert(at + 1, index);
  }
  return result;
}

}  // namespace

std::optional<base::Error> with_field_names(
    const base::Error& error, std::span<const FieldName> names) {
  const std::string_view path = error.param();
  for (const auto& [ours, theirs] : names) {
    const auto within = match(path, ours);
    if (!within) {
      continue;
    }
    std::string message = error.what();
    for (std::size_t at = message.find('\''); at != std::string::npos;
         at = message.find('\'', at + 1)) {
      if (const auto quoted = match(std::string_view(message).substr(at + 1), ours)) {
        message.replace(at + 1, quoted->size, with_index(theirs, std::string(quoted->index)));
      }
    }
    return base::Error(
        error.code(),
        message,
        with_index(theirs, within->index) + std::string(path.substr(within->size)),
        error.reason());
  }
  return std::nullopt;
}

}  // namespace hub::api
