#pragma once

#include <memory>

#include "api/server/http.h"
#include "core/registry/idempotency_store.h"

namespace hub::api {

// `handler` for a POST that creates: with an Idempotency-Key header (1 to 255 visible characters) a
// repeated request within 24 h gets the first one's answer, marked `Idempotency-Replayed: true`.
// The same key with another body is a conflict. Failures are not kept: the request may be repeated.
Handler idempotent(std::shared_ptr<registry::IdempotencyStore> store, Handler handler);

}  // namespace hub::api
