#include "core/mlflow/client.h"

#include <cmath>
#include <string>
#include <utility>
#include <vector>

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include "core/base/error.h"
#include "core/base/json_reader.h"
#include "tests/support/fake_server.h"

namespace hub::mlflow {
namespace {

using base::Error;
using base::ErrorCode;
using base::Json;
using testing::HasSubstr;
using testing::StartsWith;

std::string answer(const std::string& status, const std::string& body) {
  return fmt::format("HTTP/1.1 {}\r\nContent-Length: {}\r\n\r\n{}", status, body.size(), body);
}

std::string ok(const std::string& body = "{}") {
  return answer("200 OK", body);
}

Client client_of(const test::FakeServer& server) {
  return Client({.uri = server.url("")});
}

Json body_of(const std::string& request) {
  return base::parse_json(request.substr(request.find("\r\n\r\n") + 4), "request");
}

// What a call throws; kInternal when it throws nothing.
template <class Call>
std::pair<ErrorCode, std::string> failure(const Call& call) {
  try {
    call();
  } catch (const Error& error) {
    return {error.code(), error.reason() + ": " + error.what()};
  }
  return {ErrorCode::kInternal, ""};
}

TEST(MlflowClient, MakesAnExperimentThatIsMissingAndTakesOneThatSomebodyElseMade) {
  const std::string missing =
      answer("404 Not Found", R"({"error_code":"RESOURCE_DOES_NOT_EXIST","message":"no"})");
  test::FakeServer server(
      {missing,
       answer("400 Bad Request", R"({"error_code":"RESOURCE_ALREADY_EXISTS","message":"UNIQUE"})"),
       ok(R"({"experiment":{"experiment_id":"7","name":"a b"}})"),
       missing,
       ok(R"({"experiment_id":"8"})")});
  Client client = client_of(server);
  EXPECT_EQ(client.experiment("a b"), "7");
  EXPECT_EQ(client.experiment("c"), "8");
  EXPECT_THAT(
      server.requests()[0],
      StartsWith("GET /api/2.0/mlflow/experiments/get-by-name?experiment_name=a%20b HTTP/1.1"));
}

TEST(MlflowClient, SaysWhetherTheServerOrTheCallIsToBlame) {
  test::FakeServer server(
      {answer("500 Internal Server Error", "<html>oh</html>"),
       answer("403 Forbidden", "Invalid Host header - possible DNS rebinding attack detected"),
       answer("400 Bad Request", R"({"error_code":"INVALID_PARAMETER_VALUE","message":"bad key"})"),
       answer("429 Too Many Requests", "{}"),
       ok("<html>another program</html>")});
  Client client = client_of(server);
  const auto update = [&] { client.update_run("r", "FINISHED", 5); };
  EXPECT_EQ(failure(update).first, ErrorCode::kUnavailable);
  const auto denied = failure(update);
  EXPECT_EQ(denied.first, ErrorCode::kPermissionDenied);
  EXPECT_THAT(
      denied.second, HasSubstr("mlflow_forbidden: MLflow refused runs/update: 403 Invalid Host"));
  const auto refused = failure(update);
  EXPECT_EQ(refused.first, ErrorCode::kUnprocessable);
  EXPECT_THAT(refused.second, HasSubstr("400 INVALID_PARAMETER_VALUE: bad key"));
  EXPECT_EQ(failure(update).first, ErrorCode::kUnavailable);
  const auto other = failure(update);
  EXPECT_EQ(other.first, ErrorCode::kUnavailable);
  EXPECT_THAT(other.second, HasSubstr("is it an MLflow server?"));
  Client nobody({.uri = "http://127.0.0.1:1"});
  const auto unreachable = failure([&] { nobody.update_run("r", "FINISHED", 5); });
  EXPECT_EQ(unreachable.first, ErrorCode::kUnavailable);
  EXPECT_THAT(unreachable.second, StartsWith("mlflow_unreachable: "));
}

TEST(MlflowClient, LogsInAsManyCallsAsTheLimitsAskFor) {
  test::FakeServer server({ok(), ok(), ok()});
  Client client = client_of(server);
  std::vector<Metric> metrics;
  metrics.reserve(1500);
  for (int step = 0; step < 1500; ++step) {
    metrics.push_back({"loss", step == 0 ? std::nan("") : 0.5, 1000 + step, step});
  }
  Tags params;
  params.reserve(120);
  for (int i = 0; i < 120; ++i) {
    params.emplace_back(fmt::format("p{}", i), std::string(7000, 'x'));
  }
  params[0].second = std::string(5999, 'x') + "\u00e9";  // two bytes, of which one would fit
  client.log("r", metrics, params, {});
  ASSERT_EQ(server.requests().size(), 2U);
  const Json first = body_of(server.requests()[0]);
  const Json second = body_of(server.requests()[1]);
  EXPECT_EQ(first["params"].size(), 100U);
  EXPECT_EQ(first["metrics"].size(), 900U);
  EXPECT_EQ(second["params"].size(), 20U);
  EXPECT_EQ(second["metrics"].size(), 600U);
  EXPECT_EQ(first["metrics"][0]["value"], "NaN");
  EXPECT_EQ(first["metrics"][1]["timestamp"], 1001);
  EXPECT_EQ(first["params"][0]["value"].get<std::string>().size(), 5999U);
  EXPECT_EQ(first["params"][1]["value"].get<std::string>().size(), 6000U);
  client.log("r", {}, {}, {});  // nothing is no call
}

TEST(MlflowClient, AnOutputThatIsThereIsNotAddedAgain) {
  test::FakeServer server(
      {ok(R"({"run":{"outputs":{"model_outputs":[{"model_id":"m-1","step":"0"}]}}})"),
       ok(R"({"run":{"info":{}}})"),
       ok()});
  Client client = client_of(server);
  client.add_output("r", "m-1", 0);
  client.add_output("r", "m-1", 3);
  ASSERT_EQ(server.requests().size(), 3U);
  EXPECT_EQ(body_of(server.requests()[2])["models"][0]["step"], 3);
}

TEST(MlflowClient, FindsAVersionByItsTagOnAnyPage) {
  test::FakeServer server(
      {ok(R"({"model_versions":[{"version":"1","tags":[{"key":"t","value":"x"}]}],"next_page_token":"p/2"})"),
       ok(R"({"model_versions":[{"version":"2"},{"version":"3","tags":[{"key":"t","value":"y"}]}]})"),
       ok()});
  Client client = client_of(server);
  EXPECT_EQ(client.find_version("it's", "t", "y"), "3");
  EXPECT_EQ(client.find_version("it's", "t", "z"), std::nullopt);
  EXPECT_THAT(server.requests()[0], HasSubstr("filter=name%3D%27it%27%27s%27 "));
  EXPECT_THAT(server.requests()[1], HasSubstr("page_token=p%2F2"));
}

TEST(MlflowClient, ArtifactsGoToTheServersOwnStoreWithCredentials) {
  test::FakeServer server({ok(), ok()});
  Client client({.uri = server.url(""), .username = "me", .password = "secret"});
  EXPECT_TRUE(Client::takes_artifacts("mlflow-artifacts:/1/models/m-1/artifacts"));
  EXPECT_FALSE(Client::takes_artifacts("file:///srv/mlruns/1"));
  client.put_artifact("mlflow-artifacts:/1/models/m-1/artifacts", "a b.json", "[]");
  client.put_artifact("mlflow-artifacts://host:5/1/x", "MLmodel", "flavors:");
  EXPECT_THAT(
      server.requests()[0],
      StartsWith("PUT /api/2.0/mlflow-artifacts/artifacts/1/models/m-1/artifacts/a%20b.json "));
  EXPECT_THAT(server.requests()[0], HasSubstr("Authorization: Basic bWU6c2VjcmV0\r\n"));
  EXPECT_THAT(
      server.requests()[1], StartsWith("PUT /api/2.0/mlflow-artifacts/artifacts/1/x/MLmodel "));
}

TEST(MlflowClient, NamesKeepWhatMlflowTakes) {
  EXPECT_EQ(registered_name("org/Llama-3.2:1b"), "org_Llama-3.2_1b");
  EXPECT_EQ(logged_name("Llama-3.2%-1"), "Llama-3_2_-1");
}

}  // namespace
}  // namespace hub::mlflow
