#include "core/hub/gguf_import.h"

#include <filesystem>

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include "core/base/file.h"
#include "core/base/json_reader.h"
#include "tests/support/gguf_builder.h"
#include "tests/support/progress_record.h"
#include "tests/support/stopped_import.h"
#include "tests/support/temp_dir.h"

namespace hub::hub {
namespace {

namespace fs = std::filesystem;
using testing::ElementsAre;

class GgufImportTest : public testing::Test {
 protected:
  registry::NewVersion import(const ImportWatch& watch, const std::string& tag = "v1") {
    return import_gguf(store_, file_, place_.path() / "scratch", "model-1", tag, watch);
  }
  ImportWatch recorder() {
    return [this](ImportStage stage, std::int64_t done, std::int64_t total) {
      return record_.add(done, total, std::string(to_string(stage)));
    };
  }

  test::TempDir place_;
  fs::path file_ = place_.write("tiny.gguf", test::tiny_gguf().build());
  artifacts::ArtifactStore store_{place_.path() / "data"};
  test::ProgressRecord record_;
};

TEST_F(GgufImportTest, TellsHowFarEachStageIs) {
  const registry::NewVersion version = import(recorder());
  EXPECT_THAT(record_.stages(), ElementsAre("converting", "hashing", "storing", "verifying"));
  record_.expect_whole();
  std::int64_t made_bytes = 0;
  for (const auto& file : version.files) {
    made_bytes += file.size_bytes;
  }
  const auto source_bytes = static_cast<std::int64_t>(fs::file_size(file_));
  EXPECT_EQ(record_.total_of("hashing"), made_bytes + source_bytes);
  EXPECT_EQ(record_.total_of("storing"), made_bytes);
  EXPECT_EQ(record_.total_of("verifying"), made_bytes);
  const base::Json source = base::parse_json(version.config_json, "config").at("source");
  EXPECT_EQ(source.at("gguf"), "tiny.gguf");
  EXPECT_EQ(source.at("sha256"), base::sha256_file(file_));
  EXPECT_EQ(source.at("size_bytes"), source_bytes);
}

TEST_F(GgufImportTest, TheSameFileAgainIsFollowedToo) {
  import({});
  import(recorder(), "v2");
  EXPECT_THAT(record_.stages(), ElementsAre("converting", "hashing", "storing", "verifying"));
  record_.expect_whole();
}

TEST_F(GgufImportTest, StopsInEveryStageAndLeavesNothing) {
  ASSERT_EQ(test::files_below(place_.path() / "data"), 0U);
  test::expect_nothing_left_when_stopped(
      [this](const ImportWatch& watch) { import(watch); },
      place_.path() / "data",
      place_.path() / "scratch");
}

}  // namespace
}  // namespace hub::hub
