#pragma once

#include <cstdint>
#include <filesystem>
#include <string>

#include "core/base/build_info.h"
#include "core/base/json.h"

namespace hub::hub {

// The server's part of what a job runs in; the worker tells its own (api/worker/environment.h).
// Looked up once: a server keeps the settings file that it read at its start. Any thread.
class ServerEnvironment {
 public:
  // `settings_file` may be empty: none was read.
  ServerEnvironment(const base::BuildInfo& build, const std::filesystem::path& settings_file);

  // {"hub": BuildInfo, "hardware", "system", "memory": {"budget_bytes","wired_limit_bytes"},
  //  "settings": {"commit","dirty"} or null}
  [[nodiscard]] base::Json facts(std::uint64_t budget_bytes) const;

 private:
  std::string facts_json_;
};

// What went into a job, of its worker's specification: {"base_digest","adapter_digest",
// "dataset_digest","seed","params"}; null for what it has not.
base::Json job_inputs(const base::Json& worker_spec);

// The whole environment of a job, as it is kept: the server's facts, the worker's, and "inputs".
base::Json job_environment(
    const base::Json& server, const base::Json& worker, const base::Json& inputs);

// {"known","same","differences":[{"name","then","now","may_change_results"}]} of two environments,
// "name" like "blas.core"; inputs left out. "same" says that nothing differs that may change
// results: what the server is, how much memory there is and where the settings came from does not.
// Where one of them is null, "known" is false and so is "same".
base::Json environment_differences(const base::Json& then, const base::Json& now);

}  // namespace hub::hub
