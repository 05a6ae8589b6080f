#include "api/server/file_answer.h"

#include <filesystem>
#include <string>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "api/server/response_head.h"
#include "api/server/server.h"
#include "core/base/error.h"
#include "core/base/file.h"
#include "tests/unit/api/server/raw_client.h"
#include "tests/unit/api/server/test_server.h"

namespace hub::api {
namespace {

using test::RawClient;
using test::route;
using test::TestServer;
using ::testing::HasSubstr;
using ::testing::StartsWith;

class FileAnswers : public ::testing::Test {
 protected:
  FileAnswers() {
    base::write_file_atomically(folder_.path() / "f", "0123456789");
    response_.file = (folder_.path() / "f").string();
    request_.method = "GET";
  }
  FileAnswer plan() { return plan_file(response_, request_); }

  test::TempFolder folder_;
  Response response_;
  Request request_;
};

TEST_F(FileAnswers, WholeFileWithTagAndDate) {
  const FileAnswer whole = plan();
  EXPECT_EQ(whole.status, 200);
  EXPECT_EQ(whole.length, 10U);
  EXPECT_THAT(whole.headers.at("ETag"), StartsWith("\"a-"));
  EXPECT_EQ(whole.headers.at("Accept-Ranges"), "bytes");
  EXPECT_EQ(whole.headers.at("Content-Type"), "application/octet-stream");
}

TEST_F(FileAnswers, Ranges) {
  const auto range = [this](const std::string& text) {
    request_.headers["Range"] = text;
    const FileAnswer answer = plan();
    const auto found = answer.headers.find("Content-Range");
    return std::to_string(answer.status) + " " +
           (found == answer.headers.end() ? "" : found->second);
  };
  EXPECT_EQ(range("bytes=2-4"), "206 bytes 2-4/10");
  EXPECT_EQ(range("bytes=8-"), "206 bytes 8-9/10");
  EXPECT_EQ(range("bytes=-3"), "206 bytes 7-9/10");
  EXPECT_EQ(range("bytes=-30"), "206 bytes 0-9/10");
  EXPECT_EQ(range("bytes=5-500"), "206 bytes 5-9/10");
  EXPECT_EQ(range("bytes=10-"), "416 bytes */10");
  EXPECT_EQ(range("bytes=-0"), "416 bytes */10");
  EXPECT_EQ(range("bytes=4-2"), "200 ");
  EXPECT_EQ(range("bytes=0-1,4-5"), "200 ");
  EXPECT_EQ(range("lines=0-1"), "200 ");
  EXPECT_EQ(range("bytes=99999999999999999999-"), "200 ");
}

TEST_F(FileAnswers, Conditions) {
  const std::string tag = plan().headers.at("ETag");
  const std::string date = plan().headers.at("Last-Modified");
  request_.headers["If-None-Match"] = "\"x\", W/" + tag;
  EXPECT_EQ(plan().status, 304);
  EXPECT_EQ(plan().length, 0U);
  request_.headers["If-None-Match"] = "\"x\"";
  request_.headers["If-Modified-Since"] = date;  // the tag decides when both are there
  EXPECT_EQ(plan().status, 200);
  request_.headers.erase("If-None-Match");
  EXPECT_EQ(plan().status, 304);
  request_.headers["If-Modified-Since"] = "Sun, 06 Nov 1994 08:49:37 GMT";
  EXPECT_EQ(plan().status, 200);
  request_.headers["Range"] = "bytes=0-0";
  request_.headers["If-Range"] = "\"old\"";
  EXPECT_EQ(plan().status, 200);
  request_.headers["If-Range"] = tag;
  EXPECT_EQ(plan().status, 206);
}

TEST_F(FileAnswers, OnlyRegularFiles) {
  response_.file = folder_.path().string();
  EXPECT_THROW(plan(), base::Error);
  response_.file = (folder_.path() / "absent").string();
  EXPECT_THROW(plan(), base::Error);
}

TEST_F(FileAnswers, OverTheWire) {
  std::string big(3'000'000, 'x');
  big[1'000'000] = 'y';
  base::write_file_atomically(folder_.path() / "big", big);
  TestServer server({route("GET", "/files/{name}", [this](const Request& request) {
    Response response;
    response.file = (folder_.path() / request.params.at("name")).string();
    response.headers["ETag"] = "\"sha\"";
    return response;
  })});
  RawClient client(server.port());
  const std::string get = "GET /files/big HTTP/1.1\r\nHost: a\r\n";
  client.send(get + "\r\n");
  const std::string whole = client.read_answer();
  EXPECT_THAT(whole.substr(0, 400), HasSubstr("ETag: \"sha\""));
  EXPECT_TRUE(whole.ends_with(big));
  client.send(get + "Range: bytes=1000000-1000001\r\n\r\n");
  const std::string part = client.read_answer();
  EXPECT_THAT(part, StartsWith("HTTP/1.1 206"));
  EXPECT_TRUE(part.ends_with("\r\n\r\nyx"));
  client.send(get + "If-None-Match: \"sha\"\r\n\r\n");
  EXPECT_THAT(client.read_until("\r\n\r\n"), StartsWith("HTTP/1.1 304"));
  client.send("HEAD" + get.substr(3) + "\r\n");
  EXPECT_THAT(client.read_until("\r\n\r\n"), HasSubstr("Content-Length: 3000000"));
  client.send(get + "Range: bytes=3000000-\r\n\r\n");
  EXPECT_THAT(client.read_answer(), HasSubstr("range_not_satisfiable"));
  client.send("GET /files/absent HTTP/1.1\r\nHost: a\r\n\r\n");
  EXPECT_THAT(client.read_answer(), StartsWith("HTTP/1.1 404"));
}

TEST(ResponseHead, KeepsLineBreaksOutOfHeaders) {
  const std::string head =
      response_head(200, {{"X-A", "b\r\nEvil: 1"}, {"Connection", "keep-alive"}}, {}, "id");
  EXPECT_THAT(head, HasSubstr("X-A: b  Evil: 1\r\n"));
  EXPECT_EQ(head.find("Connection"), std::string::npos);
}

TEST(ResponseHead, Dates) {
  EXPECT_EQ(http_date(784111777), "Sun, 06 Nov 1994 08:49:37 GMT");
  EXPECT_EQ(parse_http_date("Sun, 06 Nov 1994 08:49:37 GMT"), 784111777);
  EXPECT_EQ(parse_http_date("yesterday"), std::nullopt);
}

}  // namespace
}  // namespace hub::api
