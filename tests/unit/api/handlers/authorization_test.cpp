#include "api/handlers/authorization.h"

#include <gmock/gmock.h>

#include "api/handlers/inference.h"
#include "api/handlers/openapi.h"
#include "api/handlers/responses.h"
#include "api/handlers/system.h"
#include "api/server/http_error.h"
#include "tests/unit/api/handlers/handler_fixture.h"

namespace hub::api {
namespace {

using base::Error;
using base::ErrorCode;
using base::Json;
using registry::Scope;
using testing::HasSubstr;
using testing::Not;

class Authorized : public test::HandlerFixture {
 protected:
  std::string key(const std::string& name, std::set<Scope> scopes) {
    return hub.keys.create({.name = name, .scopes = std::move(scopes)}).secret;
  }

  // The status that a call with these headers gets from the check; 200 where it passes.
  int status(
      const std::string& method,
      const std::string& pattern,
      const Headers& headers,
      bool beyond_loopback = true) {
    const Authorization check(
        {hub.keys, hub.key_meter, hub.key_metrics}, hub.audit, hub.settings, beyond_loopback);
    Route route{method, pattern, [](const Request&) { return Response{}; }};
    route.permission = permission_of(route);
    last = Request{};
    last.method = method;
    last.path = pattern;
    last.route = pattern;
    last.headers = headers;
    last.request_id = "r";
    try {
      check.check(last, route);
      return 200;
    } catch (const Error& error) {
      answer = error_response(error);
      code = error.reason();
      return status_of(error.code());
    }
  }

  Request last;
  Response answer;
  std::string code;
};

TEST_F(Authorized, EachScopeOpensWhatItIsFor) {
  const std::map<std::string, std::string> secrets = {
      {"read", key("read", {Scope::kRead})},
      {"infer", key("infer", {Scope::kInfer})},
      {"train", key("train", {Scope::kTrain})},
      {"admin", key("admin", {Scope::kAdmin})}};
  const std::vector<std::tuple<std::string, std::string, std::string>> calls = {
      {"GET", "/models", "read train admin"},
      {"GET", "/jobs/{id}/events", "read train admin"},
      {"GET", "/settings", "read train admin"},
      {"POST", "/v1/chat/completions", "infer admin"},
      {"POST", "/completions", "infer admin"},
      {"POST", "/embeddings", "infer admin"},
      {"GET", "/v1/models", "read infer train admin"},
      {"POST", "/v1/messages/count_tokens", "infer admin"},
      {"POST", "/api/chat", "infer admin"},
      {"GET", "/api/ps", "infer admin"},
      {"GET", "/api/tags", "read infer train admin"},
      {"POST", "/completion", "infer admin"},
      {"POST", "/tokenize", "infer admin"},
      {"GET", "/props", "infer admin"},
      {"GET", "/slots", "read train admin"},
      {"POST", "/jobs", "train admin"},
      {"POST", "/datasets", "train admin"},
      {"DELETE", "/models/{id}", "train admin"},
      {"POST", "/models/{id}/pull", "train admin"},
      {"POST", "/models/{id}/push", "admin"},
      {"POST", "/jobs/queue/pause", "admin"},
      {"PATCH", "/settings", "admin"},
      {"GET", "/keys", "admin"},
      {"GET", "/audit", "admin"},
      {"GET", "/logs", "admin"},
      {"GET", "/logs/level", "admin"},
      {"PUT", "/logs/level", "admin"},
      {"POST", "/engines/{model}/load", "admin"},
      {"POST", "/something/new", "admin"}};
  for (const auto& [method, pattern, allowed] : calls) {
    for (const auto& [scope, secret] : secrets) {
      const int wanted = allowed.find(scope) != std::string::npos ? 200 : 403;
      EXPECT_EQ(status(method, pattern, {{"Authorization", "Bearer " + secret}}), wanted)
          << scope << " " << method << " " << pattern;
    }
  }
  EXPECT_EQ(code, "insufficient_scope");
  EXPECT_THAT(answer.headers["WWW-Authenticate"], HasSubstr("insufficient_scope"));
  EXPECT_THAT(answer.body, HasSubstr("permission_error"));
}

TEST_F(Authorized, BeyondLoopbackEveryCallNeedsAGoodKey) {
  const std::string secret = key("a", {Scope::kRead});
  EXPECT_EQ(status("GET", "/models", {}), 401);
  EXPECT_EQ(code, "missing_api_key");
  EXPECT_EQ(answer.headers["WWW-Authenticate"], "Bearer realm=\"mlx-hub\"");
  for (const char* open : {"/healthz", "/readyz", "/openapi.json", "/ui", "/ui/{path*}"}) {
    EXPECT_EQ(status("GET", open, {}), 200) << open;
  }
  for (const Headers& wrong :
       {Headers{{"Authorization", "Bearer none"}},
        Headers{{"Authorization", "Bearer " + secret + "x"}},
        Headers{{"Authorization", "Basic " + secret}},
        Headers{{"X-Api-Key", secret.substr(0, 20)}}}) {
    EXPECT_EQ(status("GET", "/models", wrong), 401);
    EXPECT_THAT(answer.body, Not(HasSubstr(secret.substr(3, 10)))) << "no word of the key";
  }
  EXPECT_EQ(status("GET", "/models", {{"authorization", "bearer " + secret}}), 200);
  EXPECT_EQ(status("GET", "/models", {{"x-api-key", secret}}), 200);
  EXPECT_EQ(last.key_name, "a");
  hub.keys.revoke("a", false);
  EXPECT_EQ(status("GET", "/models", {{"x-api-key", secret}}), 401);
  EXPECT_EQ(code, "invalid_api_key");
  EXPECT_THAT(answer.headers["WWW-Authenticate"], HasSubstr("invalid_token"));
  EXPECT_THAT(answer.body, HasSubstr("was revoked"));
}

TEST_F(Authorized, OnLoopbackKeysAreNeededOnlyWhenTheSettingSaysSo) {
  EXPECT_EQ(status("DELETE", "/models/{id}", {}, false), 200);
  EXPECT_EQ(status("POST", "/v1/completions", {{"Authorization", "Bearer none"}}, false), 200);
  EXPECT_EQ(status("GET", "/models", {{"X-Api-Key", "mh-unknown"}}, false), 401)
      << "what looks like one of ours is meant as one";
  const auto refused = with_body("PATCH", "/settings", R"({"require_keys":true})");
  EXPECT_EQ(refused.status, 409);
  EXPECT_EQ(refused.code(), "no_admin_key");
  const std::string secret = key("a", {Scope::kRead});
  EXPECT_EQ(status("DELETE", "/models/{id}", {{"X-Api-Key", secret}}, false), 403)
      << "a key that comes is held to";
  key("admin", {Scope::kAdmin});
  EXPECT_EQ(with_body("PATCH", "/settings", R"({"require_keys":true})").status, 200);
  EXPECT_EQ(status("GET", "/models", {}, false), 401);
  EXPECT_EQ(status("GET", "/models", {{"X-Api-Key", secret}}, false), 200);
  EXPECT_EQ(del("/keys/admin").code(), "last_admin_key");
  EXPECT_EQ(with_body("PATCH", "/settings", R"({"require_keys":null})").status, 200);
  EXPECT_EQ(del("/keys/admin").status, 204);
}

TEST_F(Authorized, EveryRouteThatChangesSomethingNeedsMoreThanLooking) {
  std::vector<Route> routes = system_routes(hub);
  for (const auto& part : {inference_routes(hub), registry_routes(hub), openapi_routes()}) {
    routes.insert(routes.end(), part.begin(), part.end());
  }
  const std::set<std::string> open = {"/healthz", "/readyz", "/openapi.json"};
  for (const Route& route : with_audit(std::move(routes), hub.keys, hub.audit)) {
    const std::string name = route.method + " " + route.pattern;
    EXPECT_EQ(route.permission == Permission::kOpen, open.contains(route.pattern)) << name;
    if (route.method != "GET") {
      EXPECT_GE(route.permission, Permission::kInfer) << name;
    }
  }
}

TEST_F(Authorized, ChangingCallsAreInTheAuditLogWithWhoAndWhat) {
  std::vector<Route> routes = registry_routes(hub);
  for (const auto& part : inference_routes(hub)) {
    routes.push_back(part);
  }
  router = Router(with_audit(std::move(routes), hub.keys, hub.audit));
  const Json dataset = add_dataset("facts");
  EXPECT_EQ(get("/datasets/facts").status, 200);
  Request removal = request("DELETE", "/datasets/none");
  removal.key_id = "01234567-0123-7123-8123-0123456789ab";
  removal.key_name = "laptop";
  EXPECT_EQ(send(removal).status, 404);
  static_cast<void>(post("/v1/completions", {{"model", "none"}, {"prompt", "x"}}));
  EXPECT_EQ(status("POST", "/jobs", {{"X-Api-Key", "mh-wrong"}}), 401);
  const Json log = get("/audit").json["data"];
  ASSERT_EQ(log.size(), 3U) << log.dump(2);
  EXPECT_EQ(log[0]["status"], 401);
  EXPECT_EQ(log[0]["actor"]["name"], "unknown");
  EXPECT_EQ(log[1]["actor"]["name"], "laptop");
  EXPECT_EQ(log[1]["actor"]["key_id"], "01234567-0123-7123-8123-0123456789ab");
  EXPECT_EQ(log[1]["status"], 404);
  EXPECT_EQ(log[1]["code"], "dataset_not_found");
  EXPECT_EQ(log[1]["subject"], "none");
  EXPECT_EQ(log[1]["route"], "/datasets/{id}");
  EXPECT_EQ(log[2]["actor"]["name"], "loopback");
  EXPECT_EQ(log[2]["status"], 201);
  EXPECT_EQ(log[2]["subject"], dataset["id"]);
  EXPECT_EQ(get("/audit?key_id=01234567-0123-7123-8123-0123456789ab").json["data"].size(), 1U);
  const Json page = get("/audit?limit=2").json;
  EXPECT_EQ(page["data"].size(), 2U);
  EXPECT_EQ(
      get("/audit?cursor=" + page["next_cursor"].get<std::string>()).json["data"][0]["id"],
      log[2]["id"]);
}

TEST_F(Authorized, RemovedAnswersAreInTheAuditLogToo) {
  router = Router(with_audit(responses_routes(hub), hub.keys, hub.audit));
  EXPECT_EQ(del("/v1/responses/resp_1").status, 404);
  static_cast<void>(post("/v1/responses", {{"model", "none"}, {"input", "x"}}));
  const auto log = hub.audit.list({.limit = 10});
  ASSERT_EQ(log.size(), 1U);
  EXPECT_EQ(log[0].method, "DELETE");
  EXPECT_EQ(log[0].subject, "resp_1");
  EXPECT_EQ(log[0].status, 404);
}

TEST_F(Authorized, KeysAreMadeListedAndRevoked) {
  const Answer made =
      post("/keys", {{"name", "ci"}, {"scopes", {"read", "infer"}}, {"expires_in_seconds", 3600}});
  ASSERT_EQ(made.status, 201) << made.response.body;
  const std::string secret = made.json["secret"];
  EXPECT_EQ(made.json["scopes"], Json::parse(R"(["read","infer"])"));
  EXPECT_EQ(made.json["state"], "active");
  EXPECT_EQ(made.response.headers.at("Cache-Control"), "no-store");
  const Answer list = get("/keys");
  EXPECT_EQ(list.json["data"].size(), 1U);
  EXPECT_EQ(list.json["data"][0]["prefix"], secret.substr(0, 7));
  EXPECT_EQ(list.response.body.find(secret), std::string::npos);
  EXPECT_EQ(post("/keys", {{"name", "ci"}, {"scopes", {"read"}}}).code(), "key_exists");
  EXPECT_EQ(post("/keys", {{"name", "x"}, {"scopes", {"root"}}}).param(), "scopes");
  EXPECT_EQ(post("/keys", {{"name", "x"}, {"scopes", Json::array()}}).param(), "scopes");
  EXPECT_EQ(post("/keys", {{"name", "x"}}).param(), "scopes");
  EXPECT_EQ(post("/keys", {{"scopes", {"read"}}}).param(), "name");
  EXPECT_EQ(
      post("/keys", {{"name", "x"}, {"scopes", {"read"}}, {"secret", "mh-mine"}}).code(),
      "unknown_field");
  EXPECT_EQ(
      post("/keys", {{"name", "x"}, {"scopes", {"read"}}, {"expires_in_seconds", 0}}).param(),
      "expires_in_seconds");
  EXPECT_EQ(del("/keys/" + made.json["id"].get<std::string>()).status, 204);
  EXPECT_EQ(get("/keys").json["data"][0]["state"], "revoked");
  EXPECT_EQ(del("/keys/none").code(), "key_not_found");
}

TEST_F(Authorized, AnAnswerWithASecretIsNeverKept) {
  const Json body = {{"name", "ci"}, {"scopes", {"read"}}};
  EXPECT_EQ(post("/keys", body, "same-key").status, 201);
  EXPECT_EQ(post("/keys", body, "same-key").code(), "key_exists") << "no replay of a secret";
}

TEST_F(Authorized, SettingsAreListedAndChanged) {
  const Json list = get("/settings").json["data"];
  EXPECT_EQ(list[0]["name"], "require_keys");
  EXPECT_EQ(with_body("PATCH", "/settings", R"({"colour":1})").code(), "unknown_field");
  EXPECT_EQ(
      with_body("PATCH", "/settings", R"({"default_model":"nothing"})").code(), "model_not_found");
  static_cast<void>(add_model("tiny"));
  const Answer changed = with_body("PATCH", "/settings", R"({"default_model":"tiny"})");
  ASSERT_EQ(changed.status, 200) << changed.response.body;
  EXPECT_EQ(hub.settings.text(hub::kDefaultModel), "tiny");
}

}  // namespace
}  // namespace hub::api
