#pragma once

#include <memory>

#include "core/hub/hub.h"
#include "core/registry/idempotency_store.h"

namespace hub::api {

// What the routes of this folder share. The hub outlives them.
struct RouteContext {
  hub::Hub& hub;
  std::shared_ptr<registry::IdempotencyStore> idempotency;
};

}  // namespace hub::api
