#include "api/server/upload.h"

#include <filesystem>
#include <random>
#include <string>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "api/server/multipart.h"
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

// A body whose file contains what looks like boundaries.
const std::string kFile =
    "{\"a\":1}\r\n--Xa\r\n--X\n\r\n--\r\n\0binary\r"
    "\n--"
    "end";

std::string form() {
  return "preamble\r\n--XaYb\r\n"
         "Content-Disposition: form-data; name=\"name\"\r\n\r\nfacts\r\n"
         "--XaYb  \r\n"
         "content-disposition: form-data; name=\"file\"; filename=\"C:\\data\\my "
         "\\\"facts\\\".jsonl\"\r\n"
         "Content-Type: application/octet-stream\r\n\r\n" +
         kFile +
         "\r\n--XaYb\r\n"
         "Content-Disposition: form-data; name=\"empty\"\r\n\r\n\r\n"
         "--XaYb--\r\nepilogue";
}

constexpr std::string_view kType = "multipart/form-data; boundary=\"XaYb\"";

std::size_t files_in(const std::filesystem::path& folder) {
  std::size_t count = 0;
  for (const auto& entry : std::filesystem::directory_iterator(folder)) {
    count += entry.exists() ? 1 : 0;
  }
  return count;
}

TEST(Multipart, IsTheSameHoweverTheBytesAreCut) {
  const std::string body = form();
  std::mt19937 random(7);  // NOLINT: the same cuts every time
  for (int round = 0; round < 300; ++round) {
    std::vector<std::string> parts;
    MultipartParser parser(
        kType,
        {.begin =
             [&](const MultipartParser::Part& part) {
               parts.push_back(part.name + "|" + part.file_name + "|");
             },
         .data = [&](std::string_view bytes) { parts.back() += bytes; },
         .end = [&] { parts.back() += "."; }});
    const std::size_t most = round == 0 ? 1 : 1 + random() % 40;
    for (std::size_t at = 0; at < body.size();) {
      const std::size_t size = std::min<std::size_t>(1 + random() % most, body.size() - at);
      parser.feed(std::string_view(body).substr(at, size));
      at += size;
    }
    parser.finish();
    ASSERT_EQ(parts.size(), 3U);
    EXPECT_EQ(parts[0], "name||facts.");
    EXPECT_EQ(parts[1], "file|C:\\data\\my \"facts\".jsonl|" + kFile + ".");
    EXPECT_EQ(parts[2], "empty||.");
  }
}

TEST(Multipart, RefusesWhatIsNoForm) {
  const MultipartParser::Events nothing{
      [](const MultipartParser::Part&) {}, [](std::string_view) {}, [] {}};
  EXPECT_THROW(MultipartParser("multipart/form-data", nothing), base::Error);
  EXPECT_THROW(MultipartParser("multipart/form-data; boundary=", nothing), base::Error);
  for (const std::string bad :
       {"--XaYb\r\n\r\nno header\r\n--XaYb--",
        "--XaYb\r\nContent-Type: text/plain\r\n\r\nx\r\n--XaYb--",
        "--XaYb\r\nContent-Disposition: form-data\r\n\r\nx\r\n--XaYb--",
        "--XaYb\r\nContent-Disposition: attachment; name=\"a\"\r\n\r\nx\r\n--XaYb--",
        "--XaYb\r\nContent-Disposition: form-data; name=\"a\r\n\r\nx\r\n--XaYb--",
        "--XaYbc\r\n\r\n",
        "--XaYb\r\nContent-Disposition: form-data; name=\"a\"\r\n\r\nno end",
        "nothing at all",
        ""}) {
    MultipartParser parser(kType, nothing);
    EXPECT_THROW(
        {
          parser.feed(bad);
          parser.finish();
        },
        base::Error)
        << bad;
  }
  MultipartParser parser(kType, nothing);
  EXPECT_THROW(parser.feed("--XaYb\r\n" + std::string(20000, 'a')), base::Error);
}

TEST(UploadSink, HoldsItsLimitsAndLeavesNoFile) {
  const test::TempFolder folder;
  {
    UploadSink raw(folder.path(), {.file_bytes = 10, .field_bytes = 10}, "text/plain");
    raw.write("12345");
    EXPECT_THROW(raw.write("678901"), base::Error);
  }
  {
    UploadSink fields(folder.path(), {.file_bytes = 10, .field_bytes = 4}, std::string(kType));
    EXPECT_THROW(fields.write(form()), base::Error);
  }
  EXPECT_EQ(files_in(folder.path()), 0U);
  EXPECT_THROW(
      UploadSink(folder.path() / "absent", {.file_bytes = 1, .field_bytes = 1}, "text/plain"),
      base::Error);
}

TEST(UploadSink, RefusesASecondFile) {
  const test::TempFolder folder;
  UploadSink sink(folder.path(), {.file_bytes = 100, .field_bytes = 100}, std::string(kType));
  const std::string part =
      "--XaYb\r\nContent-Disposition: form-data; name=\"f\"; filename=\"a\"\r\n\r\nx\r\n";
  sink.write(part);
  EXPECT_THROW(sink.write(part + "--XaYb--"), base::Error);
}

TEST(Upload, BaseNameHasNoFolders) {
  EXPECT_EQ(base_name("../../etc/passwd"), "passwd");
  EXPECT_EQ(base_name("C:\\a\\b.jsonl"), "b.jsonl");
  EXPECT_EQ(base_name("a\nb"), "ab");
  EXPECT_EQ(base_name("folder/"), "");
}

// What the handler of an upload saw.
struct Seen {
  std::string file;
  std::string bytes;
  std::string name;
  std::string file_name;
  std::string body;
};

class UploadServer : public ::testing::Test {
 protected:
  static Server::Options options(const test::TempFolder& folder) {
    Server::Options options = test::loopback_options();
    options.upload_folder = folder.path();
    options.body_limit_bytes = 1000;
    options.upload_limit_bytes = 3'000'000;
    return options;
  }

  test::TempFolder folder_;
  Seen seen_;
  TestServer server_{
      {route(
          "POST",
          "/up",
          [this](const Request& request) {
            seen_ = {
                request.body_file,
                request.body_file.empty() ? "" : base::read_file(request.body_file),
                request.query_value("name"),
                request.file_name,
                request.body};
            return json_response(200, "1");
          },
          true)},
      options(folder_)};
  RawClient client_{server_.port()};

  std::string post(const std::string& type, const std::string& body) {
    client_.send(
        "POST /up?name=query HTTP/1.1\r\nHost: a\r\nContent-Type: " + type +
        "\r\nContent-Length: " + std::to_string(body.size()) + "\r\n\r\n" + body);
    return client_.read_answer();
  }
};

TEST_F(UploadServer, StreamsAFormsFileToDiskAndRemovesIt) {
  EXPECT_THAT(post(std::string(kType), form()), StartsWith("HTTP/1.1 200"));
  EXPECT_EQ(seen_.bytes, kFile);
  EXPECT_EQ(seen_.name, "facts");
  EXPECT_EQ(seen_.file_name, "my \"facts\".jsonl");
  EXPECT_EQ(files_in(folder_.path()), 0U);
}

TEST_F(UploadServer, TakesRawBodiesBeyondTheBodyLimit) {
  std::string body(2'500'000, 'x');
  for (std::size_t i = 0; i < body.size(); ++i) {
    body[i] = static_cast<char>(i * 7 % 251);
  }
  EXPECT_THAT(post("application/jsonl", body), StartsWith("HTTP/1.1 200"));
  EXPECT_TRUE(seen_.bytes == body);
  EXPECT_EQ(seen_.name, "query");
}

TEST_F(UploadServer, TakesChunkedBodies) {
  client_.send(
      "POST /up HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\nContent-Type: a/b\r\n\r\n"
      "5\r\nhello\r\n");
  client_.send("6\r\n world\r\n0\r\n\r\n");
  EXPECT_THAT(client_.read_answer(), StartsWith("HTTP/1.1 200"));
  EXPECT_EQ(seen_.bytes, "hello world");
}

TEST_F(UploadServer, KeepsJsonInMemory) {
  EXPECT_THAT(post("application/json", "{\"path\":\"x\"}"), StartsWith("HTTP/1.1 200"));
  EXPECT_EQ(seen_.body, "{\"path\":\"x\"}");
  EXPECT_EQ(seen_.file, "");
}

TEST_F(UploadServer, RefusesBrokenFormsAndTooMuch) {
  EXPECT_THAT(post(std::string(kType), "--XaYb\r\nbroken"), StartsWith("HTTP/1.1 400"));
  EXPECT_THAT(post("text/plain", std::string(3'000'001, 'x')), StartsWith("HTTP/1.1 413"));
  RawClient chunked(server_.port());
  chunked.send(
      "POST /up HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\nContent-Type: a/b\r\n\r\n"
      "400000\r\n" +
      std::string(0x400000, 'x') + "\r\n0\r\n\r\n");
  EXPECT_THAT(chunked.read_all(), StartsWith("HTTP/1.1 413"));
  EXPECT_EQ(files_in(folder_.path()), 0U);
}

TEST_F(UploadServer, LeavesNothingOfAClientThatGoesAway) {
  client_.send(
      "POST /up HTTP/1.1\r\nHost: a\r\nContent-Type: a/b\r\nContent-Length: 1000000\r\n\r\nhalf");
  client_.close();
  server_->stop(std::chrono::seconds(10));
  EXPECT_EQ(files_in(folder_.path()), 0U);
}

}  // namespace
}  // namespace hub::api
