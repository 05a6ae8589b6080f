#include "core/hub/local_model.h"

#include <gtest/gtest.h>

#include "core/artifacts/artifact_store.h"
#include "tests/support/progress_record.h"
#include "tests/support/small_model.h"
#include "tests/support/storage.h"

namespace hub::hub {
namespace {

class LocalModelTest : public testing::Test {
 protected:
  std::int64_t size_of(const registry::NewVersion& version) {
    std::int64_t bytes = 0;
    for (const auto& file : version.files) {
      bytes += file.size_bytes;
    }
    return bytes;
  }
  artifacts::BytesProgress recorder() {
    return [this](std::int64_t done, std::int64_t total) { return record_.add(done, total); };
  }

  test::TempDir place_;
  std::filesystem::path model_ = test::write_small_model(place_.path() / "model");
  std::filesystem::path adapter_ = test::write_small_adapter(place_.path() / "adapter");
  test::ProgressRecord record_;
};

TEST_F(LocalModelTest, CountsEveryByteAsOftenAsItIsRead) {
  const auto version = describe_local_model(model_, {}, recorder());
  record_.expect_whole();
  EXPECT_EQ(record_.total_of(), 2 * size_of(version));
}

TEST_F(LocalModelTest, KnownFilesAreReadOnce) {
  const auto known = artifacts::ArtifactStore::scan_folder(model_);
  const auto version = describe_local_model(model_, known, recorder());
  record_.expect_whole();
  EXPECT_EQ(record_.total_of(), size_of(version));
  EXPECT_EQ(version.digest, describe_local_model(model_).digest);
}

TEST_F(LocalModelTest, AnAdapterTellsItToo) {
  registry::Version base;
  base.digest = "base";
  const auto version = describe_local_adapter(adapter_, base, {}, recorder());
  record_.expect_whole();
  EXPECT_EQ(record_.total_of(), 2 * size_of(version));
  EXPECT_EQ(version.digest, describe_local_adapter(adapter_, base).digest);
}

TEST_F(LocalModelTest, StopsWhenAsked) {
  const auto known = artifacts::ArtifactStore::scan_folder(model_);
  for (const auto& files : {std::vector<artifacts::StoredFile>(), known}) {
    const auto thrown = test::thrown_by([&] {
      static_cast<void>(
          describe_local_model(model_, files, [](std::int64_t, std::int64_t) { return false; }));
    });
    EXPECT_EQ(thrown.code, base::ErrorCode::kCancelled) << thrown.message;
  }
}

}  // namespace
}  // namespace hub::hub
