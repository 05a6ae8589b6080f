#pragma once

#include <optional>
#include <string>

#include "core/jobs/job.h"
#include "core/registry/records.h"

namespace hub::hub {

// What is told of a version where it is published.
struct CardFacts {
  std::string repository;  // "org/name": where it goes
  registry::Model model;
  registry::Version version;
  std::optional<registry::Version> base;   // of an adapter
  std::optional<std::string> base_on_hub;  // the base's repository, where it has one
  std::optional<jobs::Job> job;            // that made it, while it is kept
};

// README.md with the metadata block that the Hub reads: what it is, base model, data set's digest,
// settings and metrics of the training, and how to use it with mlx-lm and with this hub. Nothing of
// it is a path of this machine.
std::string model_card(const CardFacts& facts);

// mlx_hub.json: digests by which another hub knows the version and its base again.
//   {"format":1,"kind","digest","base_digest"?,"base_model"?,"dataset_digest"?,"metrics","params"?}
std::string provenance_note(const CardFacts& facts);

}  // namespace hub::hub
