#include "api/server/negotiation.h"

#include <string>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/unit/api/server/raw_client.h"
#include "tests/unit/api/server/test_server.h"
#include "tests/unit/api/server/unpack.h"

namespace hub::api {
namespace {

using test::RawClient;
using test::TestServer;
using test::unpack;
using ::testing::HasSubstr;
using ::testing::Not;
using ::testing::StartsWith;

TEST(Negotiation, TheHighestWeightChoosesTheCodingAndOursComeFirstAmongEqualOnes) {
  const std::vector<std::string_view> there{"br", "gzip"};
  EXPECT_EQ(choose_coding("gzip, deflate, br", there), "br");
  EXPECT_EQ(choose_coding("br;q=0.5, gzip;q=0.8", there), "gzip");
  EXPECT_EQ(choose_coding("GZIP ; Q=1", there), "gzip");
  EXPECT_EQ(choose_coding("*", there), "br");
  EXPECT_EQ(choose_coding("br;q=0, *;q=0.1", there), "gzip");
  EXPECT_EQ(choose_coding("gzip", {"br"}), "");
}

TEST(Negotiation, AWeightOfZeroAndAPreferredIdentityLeaveTheBodyAsItIs) {
  for (const char* header :
       {"",
        "identity",
        "gzip;q=0",
        "gzip;q=0.0",
        "gzip;q=0.000",
        "*;q=0",
        "deflate, zstd",
        "identity, gzip;q=0.5",
        "x-gzip2"}) {
    EXPECT_EQ(choose_coding(header, {"gzip"}), "") << header;
  }
  EXPECT_EQ(choose_coding("identity;q=0.5, gzip;q=0.5", {"gzip"}), "gzip");
  EXPECT_EQ(choose_coding("gzip;q=nonsense", {"gzip"}), "gzip");
}

TEST(Negotiation, TheMostSpecificMediaRangeCounts) {
  const std::string json = "application/json";
  for (const char* header :
       {"",
        "*/*",
        "application/json",
        "Application/JSON; charset=utf-8",
        "application/*",
        "text/html, application/xml;q=0.9, */*;q=0.8",
        "text/html;q=0, application/json;q=0.001"}) {
    EXPECT_TRUE(takes_media(header, json)) << header;
  }
  for (const char* header :
       {"text/html",
        "text/*",
        "application/json;q=0",
        "application/json;q=0, */*",
        "application/*;q=0, */*"}) {
    EXPECT_FALSE(takes_media(header, json)) << header;
  }
}

class Packing : public ::testing::Test {
 protected:
  static Request from(const std::string& accepted) {
    Request request;
    request.method = "GET";
    request.headers["Accept-Encoding"] = accepted;
    return request;
  }
  const std::string large_ = "[" + std::string(5000, ' ') + "]";
};

TEST_F(Packing, LargeTextIsPackedForThoseWhoTakeItAndVaries) {
  Response response = json_response(200, large_);
  const std::string plain = response.body;
  response.headers["ETag"] = "\"1\"";
  pack(response, from("gzip"));
  EXPECT_EQ(response.headers.at("Content-Encoding"), "gzip");
  EXPECT_EQ(response.headers.at("Vary"), "Accept-Encoding");
  EXPECT_EQ(response.headers.at("ETag"), "W/\"1\"");
  EXPECT_LT(response.body.size(), 200U);
  EXPECT_EQ(unpack(response.body, plain.size()), plain);

  Response refused = json_response(200, large_);
  refused.headers["Vary"] = "Origin";
  pack(refused, from("gzip;q=0"));
  EXPECT_EQ(refused.body, plain);
  EXPECT_EQ(refused.headers.at("Vary"), "Origin, Accept-Encoding");
}

TEST_F(Packing, SmallSecretBinaryAndPackedAnswersStayAsTheyAre) {
  Response small = json_response(200, "[]");
  Response secret = json_response(200, large_);
  secret.headers["Cache-Control"] = "no-store";
  Response binary = json_response(200, large_);
  binary.headers["Content-Type"] = "application/octet-stream";
  Response packed = json_response(200, large_);
  packed.headers["Content-Encoding"] = "br";
  for (Response* response : {&small, &secret, &binary, &packed}) {
    const std::string before = response->body;
    pack(*response, from("gzip"));
    EXPECT_EQ(response->body, before);
    EXPECT_FALSE(response->headers.contains("Vary"));
  }
}

TEST_F(Packing, OverTheWireHeadSaysWhatGetSends) {
  TestServer server({test::route(
      "GET", "/large", [this](const Request&) { return json_response(200, large_); })});
  RawClient client(server.port());
  const std::string rest = " /large HTTP/1.1\r\nHost: a\r\nAccept-Encoding: gzip\r\n\r\n";
  client.send("GET" + rest + "HEAD" + rest);
  const std::string got = client.read_answer();
  EXPECT_THAT(got, HasSubstr("Content-Encoding: gzip\r\n"));
  const std::string head = client.read_until("\r\n\r\n");
  EXPECT_THAT(head, HasSubstr("Content-Encoding: gzip\r\n"));
  const auto length = [](const std::string& answer) {
    return std::stoul(answer.substr(answer.find("Content-Length: ") + 16));
  };
  EXPECT_EQ(length(got), length(head));
  EXPECT_LT(length(got), 200U);
}

TEST(NegotiationServer, StreamsAreNeverPacked) {
  TestServer server({test::route("GET", "/events", [](const Request&) {
    Response response;
    response.headers["Content-Type"] = "text/event-stream";
    response.stream = [](BodyWriter& writer) { writer.write(std::string(5000, 'x')); };
    return response;
  })});
  RawClient client(server.port());
  client.send("GET /events HTTP/1.1\r\nHost: a\r\nAccept-Encoding: gzip\r\n\r\n");
  const std::string answer = client.read_until("0\r\n\r\n");
  EXPECT_THAT(answer, Not(HasSubstr("Content-Encoding")));
  EXPECT_THAT(answer, HasSubstr(std::string(5000, 'x')));
}

TEST(NegotiationServer, AGetWhoseTypeTheClientLeavesOutIs406AndAPostIsNot) {
  TestServer server({test::hello(), test::echo()});
  RawClient client(server.port());
  client.send("GET /hello HTTP/1.1\r\nHost: a\r\nAccept: text/csv\r\n\r\n");
  const std::string refused = client.read_answer();
  EXPECT_THAT(refused, StartsWith("HTTP/1.1 406 Not Acceptable\r\n"));
  EXPECT_THAT(refused, HasSubstr("\"code\":\"not_acceptable\""));
  client.send("GET /hello HTTP/1.1\r\nHost: a\r\nAccept: application/json\r\n\r\n");
  EXPECT_THAT(client.read_answer(), StartsWith("HTTP/1.1 200"));
  client.send("POST /echo HTTP/1.1\r\nHost: a\r\nAccept: text/csv\r\nContent-Length: 2\r\n\r\n[]");
  EXPECT_THAT(client.read_answer(), StartsWith("HTTP/1.1 200"));
}

}  // namespace
}  // namespace hub::api
