#include "api/handlers/dashboard.h"

#include <string>
#include <tuple>

#include <gtest/gtest.h>

#include "api/handlers/authorization.h"
#include "api/server/router.h"
#include "core/base/error.h"
#include "tests/support/temp_dir.h"

namespace hub::api {
namespace {

constexpr const char* kIndex = R"({"version": 1, "files": {
  "index.html": {"type": "text/html; charset=utf-8", "size": 6, "gzip_size": 3, "br_size": 2,
                 "script_hashes": ["sha256-AAAA", "sha256-BBBB"]},
  "jobs/view/index.html": {"type": "text/html; charset=utf-8", "size": 4, "script_hashes": []},
  "docs/index.html": {"type": "text/html; charset=utf-8", "size": 4, "script_hashes": []},
  "404.html": {"type": "text/html; charset=utf-8", "size": 4, "script_hashes": []},
  "_next/static/chunks/a.js": {"type": "text/javascript; charset=utf-8", "size": 4}
}})";

class Dashboard : public ::testing::Test {
 protected:
  Dashboard() {
    static_cast<void>(folder_.write("site.json", kIndex));
    for (const char* name :
         {"index.html",
          "index.html.gz",
          "index.html.br",
          "docs/index.html",
          "jobs/view/index.html",
          "404.html",
          "_next/static/chunks/a.js",
          "secret.txt"}) {
      static_cast<void>(folder_.write(name, name));
    }
  }

  Response get(const std::string& path, const Headers& headers = {}) {
    const Router router(dashboard_routes(folder_.path()));
    const auto match = router.match("GET", path);
    if (match.route == nullptr) {
      throw base::Error(base::ErrorCode::kNotFound, "no route leads there");
    }
    Request request;
    request.method = "GET";
    request.path = path;
    request.params = match.params;
    request.headers = headers;
    return match.route->handler(request);
  }

  [[nodiscard]] std::string file(const std::string& name) const {
    return (folder_.path() / name).string();
  }

  test::TempDir folder_;
};

TEST_F(Dashboard, SendsThePageOfAFolderWithItsPolicy) {
  const Response response = get("/ui/");
  EXPECT_EQ(response.status, 200);
  EXPECT_EQ(response.file, file("index.html"));
  EXPECT_EQ(response.headers.at("Content-Type"), "text/html; charset=utf-8");
  EXPECT_EQ(response.headers.at("Cache-Control"), "no-cache");
  const std::string& policy = response.headers.at("Content-Security-Policy");
  EXPECT_NE(policy.find("script-src 'self' 'sha256-AAAA' 'sha256-BBBB';"), std::string::npos);
  EXPECT_EQ(policy.find("unsafe"), std::string::npos);
  EXPECT_EQ(get("/ui/jobs/view/").file, file("jobs/view/index.html"));
  EXPECT_EQ(get("/ui/jobs/view").file, file("jobs/view/index.html"));
}

TEST_F(Dashboard, LetsBrowsersKeepWhatIsNamedByItsContents) {
  EXPECT_EQ(
      get("/ui/_next/static/chunks/a.js").headers.at("Cache-Control"),
      "public, max-age=31536000, immutable");
}

TEST_F(Dashboard, SendsTheCompressedTwinToThoseWhoTakeIt) {
  for (const auto& [accepted, coding, ending] :
       {std::tuple("br, gzip;q=0.8", "br", ".br"),
        std::tuple("gzip, deflate", "gzip", ".gz"),
        std::tuple("gzip;q=1.0, br;q=0.5", "gzip", ".gz")}) {
    const Response packed = get("/ui/", {{"Accept-Encoding", accepted}});
    EXPECT_EQ(packed.file, file(std::string("index.html") + ending));
    EXPECT_EQ(packed.headers.at("Content-Encoding"), coding);
    EXPECT_EQ(packed.headers.at("Vary"), "Accept-Encoding");
  }
  for (const char* refusing : {"zstd", "gzip;q=0", "identity"}) {
    const Response plain = get("/ui/", {{"Accept-Encoding", refusing}});
    EXPECT_EQ(plain.file, file("index.html")) << refusing;
    EXPECT_EQ(plain.headers.at("Vary"), "Accept-Encoding");
    EXPECT_FALSE(plain.headers.contains("Content-Encoding"));
  }
  EXPECT_EQ(
      get("/ui/jobs/view/", {{"Accept-Encoding", "gzip"}}).file, file("jobs/view/index.html"));
}

TEST_F(Dashboard, SendsOnlyWhatTheIndexNames) {
  for (const char* path :
       {"/ui/secret.txt", "/ui/site.json", "/ui/..%2Fsecret.txt", "/ui/index.html.gz"}) {
    EXPECT_THROW(static_cast<void>(get(path)), base::Error) << path;
  }
}

TEST_F(Dashboard, ShowsBrowsersItsOwnPageForWhatIsMissing) {
  const Response page = get("/ui/nothing", {{"Accept", "text/html,*/*"}});
  EXPECT_EQ(page.status, 404);
  EXPECT_EQ(page.file, file("404.html"));
}

TEST_F(Dashboard, IsReachedFromTheRoot) {
  const Response response = get("/");
  EXPECT_EQ(response.status, 307);
  EXPECT_EQ(response.headers.at("Location"), "/ui/");
}

TEST_F(Dashboard, HasThePageOfTheApiAtDocs) {
  const Response response = get("/docs");
  EXPECT_EQ(response.file, file("docs/index.html"));
  EXPECT_NE(
      response.headers.at("Content-Security-Policy").find("default-src 'none'"), std::string::npos);
}

TEST_F(Dashboard, NeedsNoKeyForItsPages) {
  for (const Route& route : dashboard_routes(folder_.path())) {
    EXPECT_EQ(permission_of(route), Permission::kOpen) << route.pattern;
  }
}

TEST_F(Dashboard, SaysWhatToDoWhereThereIsNone) {
  const test::TempDir empty;
  const Router router(dashboard_routes(empty.path()));
  Request request;
  const auto match = router.match("GET", "/ui");
  request.params = match.params;
  try {
    static_cast<void>(match.route->handler(request));
    FAIL() << "wanted an error";
  } catch (const base::Error& error) {
    EXPECT_EQ(error.reason(), "no_dashboard");
  }
}

TEST_F(Dashboard, RefusesADamagedIndex) {
  for (const char* index : {"", "{", R"({"version": 2, "files": {}})", R"({"version": 1})"}) {
    static_cast<void>(folder_.write("site.json", index));
    EXPECT_THROW(static_cast<void>(dashboard_routes(folder_.path())), base::Error) << index;
  }
}

}  // namespace
}  // namespace hub::api
