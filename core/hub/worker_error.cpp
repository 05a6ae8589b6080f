#include "core/hub/worker_error.h"

#include <nlohmann/json.hpp>

#include "core/base/json_reader.h"

namespace hub::hub {

base::Error worker_error(const base::Json& described) {
  const base::JsonReader reader(described);
  return {
      base::error_code_from(reader.optional_string("code").value_or("internal")),
      reader.optional_string("message").value_or("the worker gave no reason"),
      reader.optional_string("param").value_or(""),
      reader.optional_string("reason").value_or("")};
}

}  // namespace hub::hub
