#pragma once

#include <optional>
#include <string>

#include <gtest/gtest.h>

#include "core/base/file.h"
#include "core/registry/alias_registry.h"
#include "core/registry/dataset_registry.h"
#include "core/registry/evaluation_registry.h"
#include "core/registry/model_registry.h"
#include "core/registry/model_resolver.h"
#include "tests/support/storage.h"

namespace hub::test {

// A registry on a database of its own, and short ways to fill it.
class RegistryFixture : public ::testing::Test {
 protected:
  static registry::NewVersion ready(const std::string& digest_of, std::string metrics = "{}") {
    registry::NewVersion version;
    version.state = registry::VersionState::kReady;
    version.digest = base::sha256_hex(digest_of);
    version.folder = "/models/" + digest_of;
    version.by_reference = true;
    version.metrics_json = std::move(metrics);
    version.files = {{"config.json", 2, base::sha256_hex("{}")}};
    return version;
  }
  registry::NewVersion adapter_of(const registry::Version& base, const std::string& digest_of) {
    registry::NewVersion version = ready(digest_of);
    version.kind = registry::VersionKind::kAdapter;
    version.base_version_id = base.id;
    return version;
  }
  registry::Model add_model(
      const std::string& name, const std::optional<registry::NewVersion>& first) {
    return models.add_model({.name = name, .base_model = "somewhere/" + name}, first);
  }

  Storage storage;
  registry::ModelRegistry models{storage.pool, storage.clock};
  registry::AliasRegistry aliases{storage.pool, storage.clock};
  registry::DatasetRegistry datasets{storage.pool, storage.clock};
  registry::EvaluationRegistry evaluations{storage.pool, storage.clock};
  registry::ModelResolver resolver{storage.pool, models, aliases};
};

}  // namespace hub::test
