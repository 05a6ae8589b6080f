#include "api/handlers/key_limits.h"

#include <future>
#include <string>
#include <thread>

#include <gmock/gmock.h>

#include "api/handlers/authorization.h"
#include "api/server/guard.h"
#include "api/server/http_error.h"
#include "core/base/busy_error.h"
#include "tests/unit/api/handlers/handler_fixture.h"

namespace hub::api {
namespace {

using base::Json;
using registry::KeyLimits;
using registry::Scope;
using testing::HasSubstr;
using testing::IsEmpty;

class Limited : public test::HandlerFixture {
 protected:
  std::string key(const KeyLimits& limits) {
    const auto made =
        hub.keys.create({.name = "k", .scopes = {Scope::kInfer, Scope::kRead}, .limits = limits});
    id_ = made.key.id;
    return made.secret;
  }

  // What a call with this key is answered before its handler runs: 200 where it passes.
  Response call(const std::string& secret, const std::string& method, const std::string& pattern) {
    const Authorization check(with_, hub.audit, hub.settings, true);
    Route route{method, pattern, [](const Request&) { return Response{}; }};
    route.permission = permission_of(route);
    Request request;
    request.method = method;
    request.route = pattern;
    request.headers["Authorization"] = "Bearer " + secret;
    Response response;
    try {
      check.check(request, route);
    } catch (const base::Error& error) {
      response = error_response(error);
    }
    response.headers.merge(request.answer_headers);
    return response;
  }

  // A request of that key, as the handler gets it.
  Request admitted() {
    Request request;
    request.key_id = id_;
    request.key_name = "k";
    return request;
  }

  static Route streaming(const std::string& method, const std::string& pattern) {
    return {method, pattern, [](const Request&) {
              Response response;
              response.stream = [](BodyWriter&) {};
              return response;
            }};
  }

  const KeyLimiting with_{hub.keys, hub.key_meter, hub.key_metrics, std::chrono::milliseconds(0)};
  std::string id_;
};

TEST_F(Limited, AnswersSayHowTheKeyStandsAsOpenAiNamesIt) {
  const std::string secret = key({.requests_per_minute = 2, .tokens_per_minute = 600});
  Response response = call(secret, "POST", "/v1/chat/completions");
  EXPECT_EQ(response.status, 200);
  EXPECT_EQ(response.headers.at("x-ratelimit-limit-requests"), "2");
  EXPECT_EQ(response.headers.at("x-ratelimit-remaining-requests"), "1");
  EXPECT_EQ(response.headers.at("x-ratelimit-reset-requests"), "30s");
  EXPECT_EQ(response.headers.at("x-ratelimit-limit-tokens"), "600");
  EXPECT_EQ(response.headers.at("x-ratelimit-remaining-tokens"), "600");
  EXPECT_EQ(response.headers.at("x-ratelimit-reset-tokens"), "0ms");
  EXPECT_FALSE(response.headers.contains("anthropic-ratelimit-requests-limit"));
  hub.key_meter.add_tokens(id_, 1000, 500);
  response = call(secret, "POST", "/v1/chat/completions");
  EXPECT_EQ(response.status, 429);
  EXPECT_THAT(response.body, HasSubstr(R"("code":"rate_limit_exceeded")"));
  EXPECT_THAT(response.body, HasSubstr("600 tokens a minute"));
  EXPECT_GE(std::stoi(response.headers.at("Retry-After")), 60);
  EXPECT_THAT(response.headers.at("x-ratelimit-reset-tokens"), HasSubstr("2m"));
}

TEST_F(Limited, TheRequestBeyondTheLimitIs429WithRetryAfter) {
  const std::string secret = key({.requests_per_minute = 1});
  EXPECT_EQ(call(secret, "GET", "/models").status, 200);
  const Response refused = call(secret, "GET", "/models");
  EXPECT_EQ(refused.status, 429);
  EXPECT_EQ(refused.headers.at("x-ratelimit-remaining-requests"), "0");
  const int wait = std::stoi(refused.headers.at("Retry-After"));
  EXPECT_TRUE(wait == 59 || wait == 60) << wait;
  EXPECT_THAT(hub.audit.list({.limit = 10}), IsEmpty()) << "a limit is no refusal to be audited";
  EXPECT_THAT(hub.metrics.text(), HasSubstr(R"(mlx_hub_key_requests_total{key="k"} 1)"));
  EXPECT_THAT(
      hub.metrics.text(),
      HasSubstr(R"(mlx_hub_key_refused_requests_total{key="k",limit="requests"} 1)"));
}

TEST_F(Limited, OnAnthropicsRouteAnthropicsNamesAreThereToo) {
  const std::string secret = key({.requests_per_minute = 5});
  const Response response = call(secret, "POST", "/v1/messages");
  EXPECT_EQ(response.headers.at("anthropic-ratelimit-requests-limit"), "5");
  EXPECT_EQ(response.headers.at("anthropic-ratelimit-requests-remaining"), "4");
  EXPECT_THAT(response.headers.at("anthropic-ratelimit-requests-reset"), HasSubstr("T"));
}

TEST_F(Limited, PagesOfAllowedOriginsMayReadAllOfThem) {
  const std::string secret = key({.requests_per_minute = 5, .tokens_per_minute = 5});
  const Guard guard({.allowed_hosts = {}, .allowed_origins = {"https://app.example.org"}});
  Request request;
  request.headers["Origin"] = "https://app.example.org";
  const std::string exposed =
      guard.cors_headers(request).at("Access-Control-Expose-Headers") + ", ";
  const Headers headers = call(secret, "POST", "/v1/messages").headers;
  EXPECT_EQ(headers.size(), 12U);
  for (const auto& [name, value] : headers) {
    EXPECT_THAT(exposed, HasSubstr(" " + name + ", "));
  }
  EXPECT_THAT(exposed, HasSubstr(" request-id, ")) << "Anthropic's errors have it";
}

TEST_F(Limited, WhatRemovesOrStopsAnAnswerTakesNeitherTokensNorAPlace) {
  const std::string secret = key({.tokens_per_minute = 60, .concurrent_streams = 1});
  static_cast<void>(call(secret, "POST", "/v1/responses"));
  hub.key_meter.add_tokens(id_, 1000, 0);
  EXPECT_EQ(call(secret, "POST", "/v1/responses").status, 429);
  EXPECT_EQ(call(secret, "DELETE", "/v1/responses/{id}").status, 200);
  EXPECT_EQ(call(secret, "POST", "/v1/responses/{id}/cancel").status, 200);
  const auto done = [](const Request&) { return Response{}; };
  const auto routes = with_limits(
      {streaming("POST", "/v1/responses"),
       {"DELETE", "/v1/responses/{id}", done},
       {"POST", "/v1/responses/{id}/cancel", done}},
      with_);
  const Response stream = routes[0].handler(admitted());
  EXPECT_NO_THROW(static_cast<void>(routes[1].handler(admitted())));
  EXPECT_NO_THROW(static_cast<void>(routes[2].handler(admitted())));
}

TEST_F(Limited, WhoAsksAgainAsTheAnswerEndsWaitsForItsPlace) {
  static_cast<void>(key({.concurrent_streams = 1}));
  KeyLimiting patient = with_;
  patient.patience = std::chrono::seconds(30);
  const auto routes = with_limits({streaming("POST", "/v1/completions")}, patient);
  Response ending = routes[0].handler(admitted());
  auto next = std::async(
      std::launch::async, [&] { return static_cast<bool>(routes[0].handler(admitted()).stream); });
  std::this_thread::sleep_for(std::chrono::milliseconds(50));  // it most likely waits by then
  ending = {};
  EXPECT_TRUE(next.get());
}

TEST_F(Limited, AKeyWithoutLimitsHasNoHeaders) {
  EXPECT_THAT(call(key({}), "GET", "/models").headers, IsEmpty());
}

TEST_F(Limited, GenerationHoldsAPlaceBeforeItsWorkAndWhileItStreams) {
  static_cast<void>(key({.concurrent_streams = 1}));
  bool ran = false;
  const auto routes = with_limits(
      {{"POST",
        "/v1/completions",
        [&ran](const Request&) {
          ran = true;
          return Response{};
        }},
       streaming("POST", "/v1/chat/completions")},
      with_);
  {
    const Response stream = routes[1].handler(admitted());
    ran = false;
    try {
      static_cast<void>(routes[0].handler(admitted()));
      FAIL() << "wanted a refusal";
    } catch (const base::BusyError& error) {
      EXPECT_EQ(error.reason(), "too_many_streams");
      EXPECT_EQ(error.code(), base::ErrorCode::kRateLimited);
    }
    EXPECT_FALSE(ran);
  }
  static_cast<void>(routes[0].handler(admitted()));  // the stream is gone
  EXPECT_TRUE(ran);
  static_cast<void>(routes[0].handler(admitted()));  // and so is an answer that was whole
}

TEST_F(Limited, OfOtherRoutesOnlyStreamsHoldAPlace) {
  static_cast<void>(key({.concurrent_streams = 1}));
  const auto routes = with_limits(
      {streaming("GET", "/events"), {"GET", "/models", [](const Request&) { return Response{}; }}},
      with_);
  const Response stream = routes[0].handler(admitted());
  EXPECT_NO_THROW(static_cast<void>(routes[1].handler(admitted())));
  EXPECT_THROW(static_cast<void>(routes[0].handler(admitted())), base::BusyError);
  Request without;
  EXPECT_NO_THROW(static_cast<void>(routes[0].handler(without)));
}

TEST_F(Limited, LimitsAreSetAtCreationChangedAndTakenAway) {
  const Answer made = post(
      "/keys", {{"name", "ci"}, {"scopes", {"infer"}}, {"limits", {{"requests_per_minute", 10}}}});
  ASSERT_EQ(made.status, 201) << made.response.body;
  EXPECT_EQ(
      made.json["limits"],
      Json::parse(
          R"({"requests_per_minute":10,"tokens_per_minute":null,"concurrent_streams":null})"));
  EXPECT_EQ(
      made.json["usage"],
      Json::parse(
          R"({"requests":0,"refused_requests":0,"prompt_tokens":0,"completion_tokens":0})"));
  const std::string path = "/keys/" + made.json["id"].get<std::string>();
  Answer changed =
      with_body("PATCH", path, R"({"limits":{"tokens_per_minute":500,"concurrent_streams":2}})");
  ASSERT_EQ(changed.status, 200) << changed.response.body;
  EXPECT_EQ(changed.json["limits"]["requests_per_minute"], 10) << "what is left out stays";
  EXPECT_EQ(changed.json["limits"]["tokens_per_minute"], 500);
  EXPECT_FALSE(changed.json.contains("secret"));
  changed = with_body("PATCH", "/keys/ci", R"({"limits":{"requests_per_minute":null}})");
  EXPECT_TRUE(changed.json["limits"]["requests_per_minute"].is_null());
  EXPECT_EQ(changed.json["limits"]["concurrent_streams"], 2);
  EXPECT_EQ(get("/keys").json["data"][0]["limits"], changed.json["limits"]);
  const registry::KeyRegistry again(hub.database, hub.clock);
  EXPECT_EQ(again.list()[0].limits, hub.keys.list()[0].limits) << "they are kept";
}

TEST_F(Limited, WhatIsNoLimitIsRefusedAndChangesNothing) {
  ASSERT_EQ(post("/keys", {{"name", "ci"}, {"scopes", {"infer"}}}).status, 201);
  for (const char* body :
       {R"({"limits":{"requests_per_minute":0}})",
        R"({"limits":{"requests_per_minute":-1}})",
        R"({"limits":{"requests_per_minute":1.5}})",
        R"({"limits":{"requests_per_minute":"10"}})"}) {
    const Answer refused = with_body("PATCH", "/keys/ci", body);
    EXPECT_EQ(refused.status, 400) << body;
    EXPECT_EQ(refused.param(), "limits.requests_per_minute") << body;
  }
  EXPECT_EQ(with_body("PATCH", "/keys/ci", R"({"limits":{"colour":1}})").code(), "unknown_field");
  EXPECT_EQ(with_body("PATCH", "/keys/ci", R"({"scopes":["admin"]})").code(), "unknown_field");
  EXPECT_EQ(with_body("PATCH", "/keys/none", "{}").code(), "key_not_found");
  EXPECT_EQ(hub.keys.list()[0].limits, KeyLimits());
  const std::string id = get("/keys").json["data"][0]["id"];
  EXPECT_EQ(del("/keys/" + id).status, 204);
  EXPECT_EQ(with_body("PATCH", "/keys/" + id, "{}").code(), "key_revoked");
}

}  // namespace
}  // namespace hub::api
