#pragma once

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "core/base/json.h"
#include "core/gguf/gguf_file.h"

namespace hub::gguf {

// The JSON files of a model folder, made from a GGUF file's metadata.

// What the weights became: config.json's "quantization".
struct QuantizedModules {
  std::map<std::string, int> bits;       // by module path
  std::vector<std::string> unquantized;  // matrices that stay as they are

  // {"group_size","bits","<module>":{…}|false}; nullopt when nothing is quantized.
  [[nodiscard]] std::optional<base::Json> to_json() const;
};

// config.json. Throws kUnprocessable naming the field that is missing, another architecture than
// llama, or a rotary scaling that the Hub's format cannot say.
base::Json config_json(const GgufFile& file, bool tied, const QuantizedModules& quantized);
base::Json generation_config_json(const base::Json& config);

// tokenizer.json of Hugging Face's `tokenizers`. Throws kUnprocessable for a pre-tokenizer that is
// not known, naming it.
base::Json tokenizer_json(const GgufFile& file);
// tokenizer_config.json: special tokens and the chat template.
base::Json tokenizer_config_json(const GgufFile& file);

}  // namespace hub::gguf
