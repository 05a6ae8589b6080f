#include "core/models/attend.h"

#include <gtest/gtest.h>

#include "core/base/error.h"
#include "tests/support/temp_dir.h"
#include "tests/support/tiny_model.h"
#include "tests/unit/models/forward.h"

namespace hub::models {
namespace {

TEST(Attend, RowsThatAreNoBatchAreRefused) {
  const test::TempDir folder;
  test::write_tiny_model(folder.path());
  const auto model = load_model(folder.path());
  EXPECT_THROW(
      static_cast<void>(model->hidden(tokens_of({1, 2, 3}), causal_attend(*model, 2, 2), {})),
      base::Error);
}

}  // namespace
}  // namespace hub::models
