#pragma once

#include <algorithm>
#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

#include <mlx/array.h>
#include <nlohmann/json.hpp>

#include "core/base/json_reader.h"
#include "core/model_config/safetensors_header.h"
#include "core/models/language_model.h"
#include "tests/support/temp_dir.h"
#include "tests/support/tiny_model.h"

namespace hub::models {

// A tiny model of a family and what mlx-lm computed with it: scripts/make_family_goldens.py.
class FamilyCase {
 public:
  static std::filesystem::path folder() {
    return std::filesystem::path(HUB_SOURCE_DIR) / "tests/golden/models/families";
  }

  static std::vector<std::string> names() {
    std::vector<std::string> all;
    for (const auto& entry : std::filesystem::directory_iterator(folder())) {
      all.push_back(entry.path().stem().string());
    }
    std::sort(all.begin(), all.end());
    return all;
  }

  explicit FamilyCase(const std::string& name) {
    const auto file = folder() / (name + ".safetensors");
    const auto header = model_config::SafetensorsHeader::read(file);
    record = base::parse_json(header.metadata.at("record"), "record");
    golden = tensor::load_safetensors(file);
  }

  [[nodiscard]] const base::Json& config() const { return record.at("config"); }

  // The model's tensors, as make_family_goldens.py › make_tensor.
  [[nodiscard]] test::Tensors tensors() const {
    test::Tensors all;
    for (const base::Json& tensor : record.at("tensors")) {
      const auto name = tensor.at("name").get<std::string>();
      all.insert({name, made(tensor, name)});
    }
    return all;
  }

  void write_model(const std::filesystem::path& to) const {
    test::write_model(to, config(), tensors());
  }
  [[nodiscard]] std::unique_ptr<LanguageModel> load() const {
    const test::TempDir folder;
    write_model(folder.path());
    return load_model(folder.path());
  }

  // The adapter of the LoRA step; factors() in the order of their names.
  [[nodiscard]] std::vector<std::string> factor_names() const {
    return record.at("adapter").at("factors").get<std::vector<std::string>>();
  }
  [[nodiscard]] mx::array factor(const std::string& name) const {
    const double spread = name.ends_with("a") ? 0.3 : 0.1;
    return values(name, golden.at(name).shape(), 0.0, spread);
  }
  [[nodiscard]] nn::LoraAdapter adapter(const std::vector<mx::array>& factors) const {
    nn::LoraAdapter result;
    result.scale = record.at("adapter").at("scale").get<float>();
    const auto names = factor_names();
    for (std::size_t i = 0; i < names.size(); i += 2) {
      const std::string path = names[i].substr(0, names[i].rfind('.'));
      result.layers.insert({path, {factors[i], factors[i + 1]}});
    }
    return result;
  }

  [[nodiscard]] std::vector<std::vector<int>> sequences(const char* key) const {
    return record.at(key).get<std::vector<std::vector<int>>>();
  }

  base::Json record;
  test::Tensors golden;

 private:
  // FNV-1a of the name plus multiples of the golden ratio, through MurmurHash3's finalizer.
  static std::vector<std::uint32_t> words(const std::string& name, const mx::Shape& shape) {
    std::uint32_t seed = 2166136261U;
    for (const char byte : name) {
      seed = (seed ^ static_cast<unsigned char>(byte)) * 16777619U;
    }
    std::size_t count = 1;
    for (const int dimension : shape) {
      count *= static_cast<std::size_t>(dimension);
    }
    std::vector<std::uint32_t> result(count);
    for (std::size_t i = 0; i < count; ++i) {
      std::uint32_t x = seed + static_cast<std::uint32_t>(i) * 0x9E3779B1U;
      x = (x ^ (x >> 16U)) * 0x85EBCA6BU;
      x = (x ^ (x >> 13U)) * 0xC2B2AE35U;
      result[i] = x ^ (x >> 16U);
    }
    return result;
  }

  static mx::array values(
      const std::string& name, const mx::Shape& shape, double mean, double spread) {
    std::vector<float> result;
    for (const std::uint32_t word : words(name, shape)) {
      const double unit = static_cast<double>(word >> 8U) / (1 << 23) - 1.0;
      result.push_back(static_cast<float>(mean + spread * unit));
    }
    return mx::array(result.begin(), shape, mx::float32);
  }

  static mx::array made(const base::Json& tensor, const std::string& name) {
    const auto sizes = tensor.at("shape").get<std::vector<int>>();
    const mx::Shape shape(sizes.begin(), sizes.end());
    const auto dtype = tensor.at("dtype").get<std::string>();
    if (dtype == "F32") {
      return values(
          name, shape, tensor.at("mean").get<double>(), tensor.at("spread").get<double>());
    }
    const auto random = words(name, shape);
    if (dtype == "U32") {
      return mx::array(random.begin(), shape, mx::uint32);
    }
    std::vector<std::uint8_t> exponents;
    exponents.reserve(random.size());
    for (const std::uint32_t word : random) {
      exponents.push_back(static_cast<std::uint8_t>(124U + word % 4U));
    }
    return mx::array(exponents.begin(), shape, mx::uint8);
  }
};

}  // namespace hub::models
