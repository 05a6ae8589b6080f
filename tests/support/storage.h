#pragma once

#include <string>

#include "core/base/error.h"
#include "core/db/migrations.h"
#include "core/db/pool.h"
#include "tests/support/fake_clock.h"
#include "tests/support/temp_dir.h"

namespace hub::test {

// A migrated database of its own for one test.
struct Storage {
  TempDir folder;
  FakeClock clock;
  db::Pool pool{migrated(folder, clock)};

 private:
  static std::filesystem::path migrated(const TempDir& folder, const FakeClock& clock) {
    const std::filesystem::path file = folder.path() / "hub.db";
    db::migrate(file, clock.now_ms());
    return file;
  }
};

// What `work` threw: its code, reason and message; fails the comparison when it threw nothing.
struct Thrown {
  base::ErrorCode code = base::ErrorCode::kInternal;
  std::string reason;
  std::string message = "nothing was thrown";
  std::string param;
};

template <typename Work>
Thrown thrown_by(Work&& work) {
  try {
    work();
  } catch (const base::Error& error) {
    return {error.code(), error.reason(), error.what(), error.param()};
  }
  return {};
}

}  // namespace hub::test
