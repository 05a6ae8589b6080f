#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <functional>

#include <gtest/gtest.h>

#include "core/base/error.h"
#include "core/hub/import_progress.h"
#include "tests/support/storage.h"

namespace hub::test {

inline std::size_t files_below(const std::filesystem::path& folder) {
  std::size_t files = 0;
  for (const auto& entry : std::filesystem::recursive_directory_iterator(folder)) {
    files += entry.is_regular_file() ? 1 : 0;
  }
  return files;
}

// Stops a conversion's import in each of its stages: it throws kCancelled, `data` holds as many
// files as before, and `scratch` is empty.
inline void expect_nothing_left_when_stopped(
    const std::function<void(const hub::ImportWatch&)>& import,
    const std::filesystem::path& data,
    const std::filesystem::path& scratch) {
  using hub::ImportStage;
  const std::size_t before = files_below(data);
  for (const ImportStage last :
       {ImportStage::kConverting,
        ImportStage::kHashing,
        ImportStage::kStoring,
        ImportStage::kVerifying}) {
    const auto thrown = thrown_by([&] {
      import([last](ImportStage stage, std::int64_t, std::int64_t) { return stage != last; });
    });
    EXPECT_EQ(thrown.code, base::ErrorCode::kCancelled) << to_string(last) << thrown.message;
    EXPECT_EQ(files_below(data), before) << to_string(last);
    EXPECT_TRUE(std::filesystem::is_empty(scratch)) << to_string(last);
  }
}

}  // namespace hub::test
