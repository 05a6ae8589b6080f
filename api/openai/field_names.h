#pragma once

#include <optional>
#include <span>
#include <string_view>
#include <utility>

#include "core/base/error.h"

namespace hub::api {

// What a field of OpenAI's form is called in another API: {"stop", "stop_sequences"}. "[]" stands
// for one and the same index in both: {"tools[].function", "tools[]"}.
using FieldName = std::pair<std::string_view, std::string_view>;

// The error of a request that was translated into OpenAI's form, about the field that the client
// sent: of the first pair whose field, or a field within it, is at fault; absent where none is.
std::optional<base::Error> with_field_names(
    const base::Error& error, std::span<const FieldName> names);

// What `read` gives; its errors are about the client's own fields. One that is about none of them
// passes through as what it is (BusyError).
template <typename Read>
auto read_translated(std::span<const FieldName> names, Read read) {
  try {
    return read();
  } catch (const base::Error& error) {
    if (auto renamed = with_field_names(error, names)) {
      throw *std::move(renamed);
    }
    throw;
  }
}

}  // namespace hub::api
