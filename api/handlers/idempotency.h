#pragma once

#include <functional>
#include <memory>

#include "api/server/http.h"
#include "core/registry/idempotency_store.h"

namespace hub::api {

// Runs `make`, which writes the rows of what was asked for and makes the answer, in one transaction
// with keeping that answer: after a crash either both are there or neither, so that a client that
// sends again never creates a second one. Quick work only: it holds the writers' turn.
using Commit = std::function<Response(const std::function<Response()>& make)>;
using CreatingHandler = std::function<Response(const Request&, const Commit&)>;

// `handler` for a POST that creates: with an Idempotency-Key header (1 to 255 visible characters) a
// repeated request within 24 h gets the first one's answer, marked `Idempotency-Replayed: true`.
// The same key with another body is a conflict. Failures are not kept: the request may be repeated.
Handler idempotent(std::shared_ptr<registry::IdempotencyStore> store, CreatingHandler handler);

}  // namespace hub::api
