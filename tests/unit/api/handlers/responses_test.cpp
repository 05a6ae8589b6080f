#include "api/handlers/responses.h"

#include "api/handlers/stored_stream.h"
#include "tests/unit/api/handlers/handler_fixture.h"

namespace hub::api {
namespace {

using base::Json;
using test::Recorder;

class Responses : public test::HandlerFixture {
 protected:
  Responses() { router = Router{responses_routes(hub)}; }

  void add(const std::string& id, const std::string& owner = "") {
    const Json response = {{"id", id}, {"output", {{{"id", "msg_9"}, {"type", "message"}}}}};
    Json items = Json::array();
    for (const char* item : {"msg_1", "msg_2", "msg_3"}) {
      items.push_back(
          {{"id", item}, {"type", "message"}, {"role", "user"}, {"content", Json::array()}});
    }
    hub.responses.add({id, owner, response.dump(), items.dump()});
  }
};

TEST_F(Responses, WhatIsStoredIsFoundListedAndRemoved) {
  add("resp_1");
  EXPECT_EQ(get("/v1/responses/resp_1").json["id"], "resp_1");
  const Json items = get("/v1/responses/resp_1/input_items").json;
  ASSERT_EQ(items["data"].size(), 3U);
  EXPECT_EQ(items["first_id"], "msg_3") << "the newest first";
  EXPECT_EQ(items["has_more"], false);
  EXPECT_EQ(
      del("/v1/responses/resp_1").json,
      Json::parse(R"({"id":"resp_1","object":"response.deleted","deleted":true})"));
  const Answer gone = get("/v1/responses/resp_1");
  EXPECT_EQ(gone.status, 404);
  EXPECT_EQ(gone.code(), "response_not_found");
}

TEST_F(Responses, ItemsComeInPages) {
  add("resp_1");
  const std::string path = "/v1/responses/resp_1/input_items";
  const Json first = get(path + "?order=asc&limit=2").json;
  EXPECT_EQ(first["last_id"], "msg_2");
  EXPECT_EQ(first["has_more"], true);
  const Json rest = get(path + "?order=asc&limit=2&after=msg_2").json;
  EXPECT_EQ(rest["first_id"], "msg_3");
  EXPECT_EQ(rest["has_more"], false);
  EXPECT_TRUE(get(path + "?order=asc&after=msg_3").json["first_id"].is_null());
  EXPECT_EQ(get(path + "?order=up").param(), "order");
  EXPECT_EQ(get(path + "?limit=101").param(), "limit");
  EXPECT_EQ(get(path + "?limit=x").param(), "limit");
  EXPECT_EQ(get(path + "?after=msg_7").param(), "after");
}

TEST_F(Responses, AKeyFindsItsOwnOnly) {
  add("resp_1", "key-a");
  Request asked = request("GET", "/v1/responses/resp_1");
  asked.key_id = "key-b";
  EXPECT_EQ(send(asked).status, 404);
  asked.key_id = "key-a";
  EXPECT_EQ(send(asked).status, 200);
  EXPECT_EQ(get("/v1/responses/resp_1").status, 404);
}

TEST_F(Responses, WhatCannotBeIsRefusedBeforeAnEngineIsAsked) {
  const Json asked = {{"model", "m"}, {"input", "Hi"}, {"previous_response_id", "resp_9"}};
  const Answer unknown = post("/v1/responses", asked);
  EXPECT_EQ(unknown.status, 404);
  EXPECT_EQ(unknown.param(), "previous_response_id");
  const Answer background =
      post("/v1/responses", {{"model", "m"}, {"input", "Hi"}, {"background", true}});
  EXPECT_EQ(background.status, 400);
  EXPECT_EQ(background.code(), "unsupported_parameter");
  EXPECT_EQ(
      post("/v1/responses", {{"model", "no-such"}, {"input", "Hi"}}).code(), "model_not_found");
  add("resp_1");
  EXPECT_EQ(post("/v1/responses/resp_1/cancel", Json::object()).status, 400);
  EXPECT_EQ(post("/v1/responses/resp_2/cancel", Json::object()).status, 404);
  EXPECT_EQ(get("/v1/responses/resp_1?stream=true").param(), "stream");
}

TEST(StoredStream, KeepsTheAnswerBeforeItsClientSeesIt) {
  const std::string completed =
      "event: response.completed\n"
      "data: "
      "{\"type\":\"response.completed\",\"sequence_number\":2,\"response\":{\"id\":\"r\"}}\n\n";
  const std::string text =
      "event: response.created\n"
      "data: {\"type\":\"response.created\",\"response\":{\"id\":\"early\"}}\n\n" +
      completed;
  for (const std::size_t cut : {std::size_t{1}, std::size_t{7}, text.size()}) {
    Recorder out;
    std::vector<std::string> kept;
    std::string seen;  // by the client when it was kept
    StoredStream stream(out, [&](std::string_view response) {
      kept.emplace_back(response);
      seen = out.text;
    });
    for (std::size_t at = 0; at < text.size(); at += cut) {
      EXPECT_TRUE(stream.write(std::string_view(text).substr(at, cut)));
    }
    EXPECT_EQ(out.text, text);
    EXPECT_EQ(kept, std::vector<std::string>{R"({"id":"r"})"});
    EXPECT_FALSE(seen.ends_with("\n\n") && seen.size() == text.size());
  }
}

TEST(StoredStream, KeepsNothingThatFailedOrBrokeOff) {
  Recorder out(2);
  int kept = 0;
  StoredStream stream(out, [&](std::string_view) { ++kept; });
  EXPECT_TRUE(stream.write("data: {\"type\":\"response.failed\",\"response\":{\"id\":\"r\"}}\n\n"));
  EXPECT_FALSE(stream.write("data: {\"type\":\"response.completed\",\"resp"))
      << "the client is gone";
  EXPECT_EQ(kept, 0);
}

}  // namespace
}  // namespace hub::api
