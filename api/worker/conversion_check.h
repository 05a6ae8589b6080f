#pragma once

#include <filesystem>
#include <vector>

#include "api/worker/job_control.h"
#include "api/worker/job_spec.h"
#include "core/base/json.h"
#include "core/convert/logit_check.h"

namespace hub::api {

// Measures what a merge or a quantization did to a model's predictions: the logits of a few texts
// before, kept while the model is converted, against those after. The texts are the first rows of
// the job's data set where it names one, else sentences that are built in. One thread, that of MLX.
class ConversionCheck {
 public:
  // Loads the specification's model (and adapter), computes, and lets go of it. Does nothing when
  // not `wanted`, when the model has no tokenizer or when memory does not reach, and says so in the
  // log.
  ConversionCheck(const JobSpec& spec, bool wanted, const EmitEvent& emit);

  // {"logit_tokens","logit_max_abs","logit_mean_kl","top1_agreement","perplexity_before",
  // "perplexity_after"} of the model at `folder`; empty where there is nothing to compare with, or
  // memory does not reach.
  base::Json compare(const std::filesystem::path& folder) const;

 private:
  [[nodiscard]] bool fits(const std::filesystem::path& folder) const;
  void load_texts();
  void say(const std::string& message) const;

  const JobSpec& spec_;
  const EmitEvent& emit_;
  std::vector<convert::CheckText> texts_;
  std::vector<convert::mx::array> before_;
};

// "progress" events in bytes, at most two a second; stops when the control says so.
class ConversionProgress {
 public:
  ConversionProgress(JobControl& control, const EmitEvent& emit);
  bool operator()(std::uint64_t done, std::uint64_t total);

 private:
  JobControl& control_;
  const EmitEvent& emit_;
  double start_;
  double last_ = -1e9;
};

}  // namespace hub::api
