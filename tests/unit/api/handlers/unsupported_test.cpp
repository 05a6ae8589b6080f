#include "api/handlers/unsupported.h"

#include <filesystem>
#include <string>

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include "api/server/admission.h"
#include "api/server/router.h"
#include "core/base/error.h"
#include "core/base/json.h"
#include "tests/unit/api/server/raw_client.h"
#include "tests/unit/api/server/test_server.h"

namespace hub::api {
namespace {

using ::testing::HasSubstr;
using ::testing::StartsWith;

HeadFacts facts() {
  HeadFacts head;
  head.host_count = 1;
  return head;
}

TEST(UnsupportedRoutes, SayWhatIsNotThere) {
  const Router router(unsupported_routes());
  for (const auto& [method, path] : {
           std::pair{"POST", "/v1/audio/transcriptions"},
           std::pair{"POST", "/v1/images/generations"},
           std::pair{"POST", "/v1/moderations"},
           std::pair{"GET", "/v1/files"},
           std::pair{"DELETE", "/v1/files/file-1"},
           std::pair{"POST", "/v1/fine_tuning/jobs"},
           std::pair{"GET", "/v1/batches/batch_1"},
           std::pair{"POST", "/v1/assistants"},
       }) {
    Request request;
    request.method = method;
    request.target = path;
    const Admission admission = admit_request(request, facts(), router, {});
    ASSERT_TRUE(admission.answer) << path;
    EXPECT_EQ(admission.answer->status, 501);
    const base::Json error = base::Json::parse(admission.answer->body)["error"];
    EXPECT_EQ(error["type"], "not_supported_error");
    EXPECT_EQ(error["code"], "not_supported");
    EXPECT_THAT(error["message"].get<std::string>(), HasSubstr(path));
  }
}

TEST(UnsupportedRoutes, AFileIsRefusedByItsHeadAndNotStored) {
  const test::TempFolder uploads;
  Server::Options options = test::loopback_options();
  options.upload_folder = uploads.path();
  const test::TestServer server(unsupported_routes(), options);
  for (const char* type : {"multipart/form-data; boundary=x", "audio/wav"}) {
    test::RawClient client(server.port());
    client.send(
        std::string("POST /v1/audio/transcriptions HTTP/1.1\r\nHost: localhost\r\n") +
        "Content-Length: 1000000\r\nContent-Type: " + type +
        "\r\n\r\n--x\r\nContent-Disposition: form-data; name=\"file\"; filename=\"a\"\r\n\r\nRIFF");
    const std::string answer = client.read_answer();  // though most of the body is still to come
    EXPECT_THAT(answer, StartsWith("HTTP/1.1 501 "));
    EXPECT_THAT(answer, HasSubstr("\"not_supported\""));
    EXPECT_TRUE(std::filesystem::is_empty(uploads.path()));
  }
}

TEST(UnsupportedRoutes, WhoMayNotCallHearsThatFirst) {
  Server::Options options;
  options.authorize = [](Request&, const Route&) {
    throw base::Error(base::ErrorCode::kUnauthenticated, "no key");
  };
  Request request;
  request.method = "POST";
  request.target = "/v1/files";
  const Router router(unsupported_routes());
  EXPECT_EQ(admit_request(request, facts(), router, options).answer->status, 401);
}

}  // namespace
}  // namespace hub::api
