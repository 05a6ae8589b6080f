// Large artifacts in parts (client_artifacts.cpp).
#include <filesystem>
#include <fstream>
#include <string>
#include <utility>

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include "core/base/error.h"
#include "core/base/json_reader.h"
#include "core/mlflow/client.h"
#include "tests/support/fake_server.h"
#include "tests/support/temp_dir.h"

namespace hub::mlflow {
namespace {

using base::Error;
using base::ErrorCode;
using base::Json;
using testing::AllOf;
using testing::EndsWith;
using testing::HasSubstr;
using testing::Not;
using testing::StartsWith;

constexpr const char* kUri = "mlflow-artifacts:/1/models/m-1/artifacts";
constexpr const char* kContent = "0123456789abcdefghijklmno";  // parts of 10, 10 and 5 bytes

std::string answer(const std::string& status, const std::string& body) {
  return fmt::format("HTTP/1.1 {}\r\nContent-Length: {}\r\n\r\n{}", status, body.size(), body);
}

std::string stored(const std::string& etag) {
  return fmt::format("HTTP/1.1 200 OK\r\nETag: \"{}\"\r\nContent-Length: 0\r\n\r\n", etag);
}

// mpu/create's answer: parts that lie at `store`.
std::string offer(const test::FakeServer& store, int parts) {
  Json credentials = Json::array();
  for (int i = 1; i <= parts; ++i) {
    credentials.push_back(
        {{"url", store.url(fmt::format("/bucket/model?partNumber={}&Signature=s3cr3t", i))},
         {"part_number", i},
         {"headers", {{"x-store", "yes"}}}});
  }
  return answer("200 OK", Json({{"upload_id", "u-1"}, {"credentials", credentials}}).dump());
}

Json body_of(const std::string& request) {
  return base::parse_json(request.substr(request.find("\r\n\r\n") + 4), "request");
}

class MlflowArtifacts : public ::testing::Test {
 protected:
  MlflowArtifacts() { std::ofstream(file_) << kContent; }

  static Client client_of(const test::FakeServer& server) {
    return Client(
        {.uri = server.url(""), .username = "me", .password = "secret", .part_bytes = 10});
  }
  void put(Client& client) { client.put_artifact_file(kUri, "weights/model.bin", file_, 25); }
  // What put() throws.
  std::pair<ErrorCode, std::string> failure(Client& client) {
    try {
      put(client);
    } catch (const Error& error) {
      return {error.code(), error.reason() + ": " + error.what()};
    }
    return {ErrorCode::kInternal, "nothing"};
  }

  test::TempDir folder_;
  std::filesystem::path file_ = folder_.path() / "model.bin";
};

TEST_F(MlflowArtifacts, LargeFilesGoInPartsAndAPartIsTriedAgain) {
  test::FakeServer store(
      {stored("a"),
       answer("503 Slow Down", ""),
       answer("503 Slow Down", ""),
       stored("b"),
       stored("c")});
  test::FakeServer server({offer(store, 3), answer("200 OK", "{}")});
  Client client = client_of(server);
  put(client);

  ASSERT_EQ(server.requests().size(), 2U);
  const std::string& create = server.requests()[0];
  EXPECT_THAT(
      create,
      StartsWith(
          "POST /api/2.0/mlflow-artifacts/mpu/create/1/models/m-1/artifacts/weights HTTP/1.1"));
  EXPECT_THAT(create, HasSubstr("Authorization: Basic "));
  EXPECT_EQ(body_of(create)["path"], "model.bin");
  EXPECT_EQ(body_of(create)["num_parts"], 3);
  const std::string& complete = server.requests()[1];
  EXPECT_THAT(
      complete,
      StartsWith(
          "POST /api/2.0/mlflow-artifacts/mpu/complete/1/models/m-1/artifacts/weights HTTP/1.1"));
  const Json body = body_of(complete);
  EXPECT_EQ(body["upload_id"], "u-1");
  ASSERT_EQ(body["parts"].size(), 3U);
  EXPECT_EQ(body["parts"][1]["part_number"], 2);
  EXPECT_EQ(body["parts"][1]["etag"], "\"b\"");

  ASSERT_EQ(store.requests().size(), 5U);
  EXPECT_THAT(
      store.requests()[0],
      AllOf(
          StartsWith("PUT /bucket/model?partNumber=1&Signature=s3cr3t HTTP/1.1"),
          HasSubstr("x-store: yes\r\n"),
          Not(HasSubstr("Authorization")),
          EndsWith("\r\n\r\n0123456789")));
  for (const int attempt : {1, 2, 3}) {
    EXPECT_THAT(
        store.requests()[static_cast<std::size_t>(attempt)], EndsWith("\r\n\r\nabcdefghij"));
  }
  EXPECT_THAT(store.requests()[4], EndsWith("\r\n\r\nklmno"));
}

TEST_F(MlflowArtifacts, APartThatFailsForGoodEndsTheUploadAndIsTheObjectsAffair) {
  const std::string refusal =
      "<Error><Code>AccessDenied</Code><AWSAccessKeyId>key</AWSAccessKeyId></Error>";
  test::FakeServer store({stored("a"), answer("403 Forbidden", refusal)});
  test::FakeServer server({offer(store, 3), answer("200 OK", "{}")});
  Client client = client_of(server);
  const auto [code, message] = failure(client);
  EXPECT_EQ(code, ErrorCode::kUnprocessable);
  EXPECT_EQ(
      message,
      "mlflow_refused: the store behind MLflow refused part 2 of 3 of weights/model.bin: 403 "
      "AccessDenied");
  ASSERT_EQ(server.requests().size(), 2U);
  EXPECT_THAT(
      server.requests()[1],
      StartsWith(
          "POST /api/2.0/mlflow-artifacts/mpu/abort/1/models/m-1/artifacts/weights HTTP/1.1"));
  EXPECT_EQ(body_of(server.requests()[1])["path"], "model.bin");
  EXPECT_EQ(body_of(server.requests()[1])["upload_id"], "u-1");
}

TEST_F(MlflowArtifacts, AStoreThatIsDownDoesNotStopWhatElseTheServerIsTold) {
  std::string credentials;
  {
    const test::FakeServer gone({});
    credentials = offer(gone, 3);
  }
  test::FakeServer server({credentials, answer("500 Oh", "")});  // the abort fails, too
  Client client = client_of(server);
  const auto [code, message] = failure(client);
  EXPECT_EQ(code, ErrorCode::kUnprocessable);
  EXPECT_THAT(message, HasSubstr("refused part 1 of 3 of weights/model.bin: cannot reach "));
  EXPECT_THAT(message, Not(HasSubstr("s3cr3t")));
}

TEST_F(MlflowArtifacts, AnOfferOfTooFewPartsIsRefusedAndGivenBack) {
  const test::FakeServer store({});
  test::FakeServer server({offer(store, 2), answer("200 OK", "{}")});
  Client client = client_of(server);
  const auto [code, message] = failure(client);
  EXPECT_EQ(code, ErrorCode::kUnprocessable);
  EXPECT_THAT(message, HasSubstr("MLflow offers 2 parts for 3 asked for"));
  ASSERT_EQ(server.requests().size(), 2U);
  EXPECT_THAT(server.requests()[1], StartsWith("POST /api/2.0/mlflow-artifacts/mpu/abort/"));
}

TEST_F(MlflowArtifacts, WhereNoPartsAreOfferedAFileGoesWholeAndThatIsRemembered) {
  test::FakeServer server(
      {answer("501 Not Implemented", R"({"error_code":"NOT_IMPLEMENTED","message":"no"})"),
       answer("200 OK", "{}"),
       answer("200 OK", "{}")});
  Client client = client_of(server);
  put(client);
  put(client);
  ASSERT_EQ(server.requests().size(), 3U);
  for (const std::size_t whole : {1U, 2U}) {
    EXPECT_THAT(
        server.requests()[whole],
        AllOf(
            StartsWith(
                "PUT /api/2.0/mlflow-artifacts/artifacts/1/models/m-1/artifacts/weights/"
                "model.bin HTTP/1.1"),
            EndsWith(kContent)));
  }
}

TEST_F(MlflowArtifacts, CredentialsThatAreRefusedAreNotTakenForAServerWithoutParts) {
  test::FakeServer server({answer("401 Unauthorized", "who?")});
  Client client = client_of(server);
  EXPECT_EQ(failure(client).first, ErrorCode::kPermissionDenied);
}

}  // namespace
}  // namespace hub::mlflow
