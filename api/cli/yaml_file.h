#pragma once

#include <filesystem>
#include <string>

#include "core/base/json.h"

namespace hub::api {

// A YAML document as JSON, with plain scalars typed as mlx-lm's loader types them (PyYAML's
// SafeLoader, to which mlx_lm/lora.py adds 1e-5 and the like as numbers). Throws kInvalidArgument
// with the line for what is no YAML, kInvalidArgument for more than a mapping of a few thousand
// values. The only place that knows the YAML library.
base::Json parse_yaml(const std::string& text);

// The same of a file. Throws kNotFound, and names the file.
base::Json read_yaml(const std::filesystem::path& file);

}  // namespace hub::api
