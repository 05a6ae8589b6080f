#include "api/openai/field_names.h"

#include <string>

namespace hub::api {

base::Error with_field_names(const base::Error& error, std::span<const FieldName> names) {
  const std::string_view path = error.param();
  for (const auto& [ours, theirs] : names) {
    const bool within = path == ours || (path.starts_with(ours) &&
                                         (path[ours.size()] == '.' || path[ours.size()] == '['));
    if (!within) {
      continue;
    }
    std::string message = error.what();
    const std::string quoted = "'" + std::string(ours);
    for (std::size_t at = message.find(quoted); at != std::string::npos;
         at = message.find(quoted, at + theirs.size())) {
      const char next = at + quoted.size() < message.size() ? message[at + quoted.size()] : '\'';
      if (next == '\'' || next == '.' || next == '[') {
        message.replace(at + 1, ours.size(), theirs);
      }
    }
    return {
        error.code(),
        message,
        std::string(theirs) + std::string(path.substr(ours.size())),
        error.reason()};
  }
  return error;
}

}  // namespace hub::api
