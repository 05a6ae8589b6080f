#include "api/handlers/unsupported.h"

#include <string>

#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include "api/server/http_error.h"
#include "api/server/router.h"
#include "core/base/json.h"

namespace hub::api {
namespace {

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
    const Router::Match match = router.match(method, path);
    ASSERT_NE(match.route, nullptr) << path;
    Request request;
    request.method = method;
    request.path = path;
    const Response response = answer(match.route->handler, request);
    EXPECT_EQ(response.status, 501);
    const base::Json error = base::Json::parse(response.body)["error"];
    EXPECT_EQ(error["type"], "not_supported_error");
    EXPECT_EQ(error["code"], "not_supported");
    EXPECT_NE(error["message"].get<std::string>().find(path), std::string::npos);
  }
}

TEST(UnsupportedRoutes, FilesAreNoWrongMediaType) {
  const Router router(unsupported_routes());
  EXPECT_TRUE(router.match("POST", "/v1/audio/transcriptions").route->upload);
  EXPECT_FALSE(router.match("POST", "/v1/moderations").route->upload);
}

}  // namespace
}  // namespace hub::api
