#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/base/clock.h"
#include "core/base/json.h"
#include "core/db/pool.h"
#include "core/registry/records.h"

namespace hub::registry {

struct EvaluationFilter {
  std::optional<std::string> version_id;
  std::optional<std::string> dataset_id;
  std::string after_id;
  int limit = 50;
};

// Evaluations: a version's figures on a data set. The work is a job of kind evaluate; its state is
// the job's. Thread-safe.
class EvaluationRegistry {
 public:
  EvaluationRegistry(db::Pool& pool, const base::Clock& clock);

  // `id` and `created_at_ms` are set here.
  Evaluation add(Evaluation evaluation);
  // The job ended well: stores its figures (the worker's result {"loss","perplexity","tokens",
  // "rows"}). Throws kNotFound when no evaluation belongs to that job.
  Evaluation finish(const std::string& job_id, const base::Json& metrics);
  // Throws kNotFound, reason "evaluation_not_found".
  Evaluation get(std::string_view id);
  std::optional<Evaluation> find_by_job(const std::string& job_id);
  std::vector<Evaluation> list(const EvaluationFilter& filter);

 private:
  db::Pool& pool_;
  const base::Clock& clock_;
};

}  // namespace hub::registry
