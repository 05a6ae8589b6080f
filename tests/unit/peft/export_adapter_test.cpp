#include "core/peft/export_adapter.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "core/base/error.h"
#include "core/base/file.h"
#include "core/model_config/safetensors_writer.h"
#include "tests/support/temp_dir.h"

namespace hub::peft {
namespace {

// An adapter with one pair of zeros.
void write_adapter(
    const std::filesystem::path& folder,
    const std::string& module,
    const std::vector<std::uint64_t>& a,
    const std::vector<std::uint64_t>& b) {
  base::write_file_atomically(
      folder / "adapter_config.json",
      R"({"fine_tune_type": "lora", "num_layers": 1,
          "lora_parameters": {"rank": 2, "scale": 4.0, "dropout": 0.0}})");
  const auto bytes_of = [](const std::vector<std::uint64_t>& shape) {
    std::uint64_t bytes = sizeof(float);
    for (const std::uint64_t width : shape) {
      bytes *= width;
    }
    return bytes;
  };
  const std::string path = "model.layers.0." + module;
  model_config::SafetensorsWriter writer(
      folder / "adapters.safetensors",
      {{path + ".lora_a", "F32", a, bytes_of(a)}, {path + ".lora_b", "F32", b, bytes_of(b)}});
  const std::vector<char> zeros(std::max(bytes_of(a), bytes_of(b)), 0);
  writer.write(path + ".lora_a", 0, zeros.data(), bytes_of(a));
  writer.write(path + ".lora_b", 0, zeros.data(), bytes_of(b));
  writer.finish();
}

TEST(ExportedAdapter, RefusesFactorsOfExperts) {
  const test::TempDir folder;
  write_adapter(folder.path(), "mlp.gate", {8, 2}, {2, 5});
  EXPECT_NO_THROW(ExportedAdapter(folder.path(), "base", 1));
  write_adapter(folder.path(), "mlp.switch_mlp.up_proj", {5, 2, 8}, {5, 6, 2});
  try {
    const ExportedAdapter exported(folder.path(), "base", 1);
    FAIL() << "was exported";
  } catch (const base::Error& error) {
    EXPECT_EQ(error.reason(), "adapter_not_supported");
    EXPECT_THAT(error.what(), testing::HasSubstr("factors for each expert"));
  }
}

}  // namespace
}  // namespace hub::peft
