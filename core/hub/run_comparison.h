#pragma once

#include <optional>
#include <string>
#include <vector>

#include "core/base/json.h"

namespace hub::hub {

// A job that completed, as far as it can be compared with one that did the same.
struct RunFacts {
  std::string environment_json;           // job_environment.h; "": not recorded
  int environments = 1;                   // that it ran in, its attempts together
  std::vector<std::string> reports_json;  // {"step","train_loss"?,"eval_loss"?,…}, oldest first
  std::string result_json = "{}";         // the worker's
  std::optional<std::string> digest;  // of the version it made; nullopt: made none, or it is gone
};

// How far two runs differ.
//  "environment"  environment_differences(); "same" only where both ran in one environment
//  "digest"       {"then","now","equal"}; "equal" is null unless both are known
//  "reports"      for each loss that either reported {"name","compared","missing",
//                 "largest_difference","at_step"}: steps that both reported, steps that one did not
//  "metrics"      [{"name","then","now","difference"}] of the results' figures, time and memory
//                 left out; "difference" is null where one has no number
//  "deviation"    the largest difference of all, each divided by the figure then where that is
//                 above 1; null where a figure or a step is missing, or there is none
//  "tolerance"    as given
//  "verdict"      "identical": the digests are equal or, where they are not known, every report
//                 and figure is; else "different" in the same environment; in another
//                 "within_tolerance" where the deviation is at most `tolerance`, else "different"
base::Json compare_runs(const RunFacts& then, const RunFacts& now, double tolerance);

}  // namespace hub::hub
