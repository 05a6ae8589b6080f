#include "api/handlers/evaluation_comparison.h"

#include <gmock/gmock.h>

#include "tests/unit/api/handlers/handler_fixture.h"

namespace hub::api {
namespace {

using base::Json;
using testing::HasSubstr;

class Comparison : public test::HandlerFixture {
 protected:
  Comparison() {
    add_chat_model("tiny");
    add_dataset("facts");
    add_dataset("others", 5);
  }
  // An evaluation with these figures; null: not ended.
  std::string measured(const Json& metrics, const Json& params, const std::string& data = "facts") {
    const Answer made =
        post("/evaluations", {{"model", "tiny"}, {"dataset", data}, {"params", params}});
    EXPECT_EQ(made.status, 202) << made.response.body;
    if (!metrics.is_null()) {
      hub.evaluations.finish(made.json["job_id"].get<std::string>(), metrics);
    }
    return made.json["id"];
  }
};

TEST_F(Comparison, ShowsWhatDiffersFromTheFirst) {
  const std::string before = measured({{"loss", 2.0}, {"rows", 3}, {"seconds", 9}}, Json::object());
  const std::string after =
      measured({{"loss", 1.5}, {"rows", 3}, {"seconds", 1}}, {{"batch_size", 2}});
  const Answer found = get("/evaluations?compare=" + before + "," + after);
  ASSERT_EQ(found.status, 200) << found.response.body;
  ASSERT_EQ(found.json["data"].size(), 2U);
  EXPECT_EQ(found.json["data"][0]["id"], before);
  EXPECT_EQ(found.json["data"][0]["difference"]["loss"], 0.0);
  EXPECT_EQ(found.json["data"][1]["difference"], (Json{{"loss", -0.5}, {"rows", 0.0}}));
  EXPECT_EQ(found.json["next_cursor"], nullptr);
}

TEST_F(Comparison, RefusesWhatDoesNotCompare) {
  const std::string one = measured({{"loss", 2.0}}, Json::object());
  const auto with = [&](const std::string& other) {
    return get("/evaluations?compare=" + one + "," + other);
  };
  EXPECT_THAT(with(measured({{"loss", 1.0}}, {{"max_rows", 2}})).message(), HasSubstr("params"));
  EXPECT_THAT(
      with(measured({{"loss", 1.0}}, Json::object(), "others")).message(), HasSubstr("data"));
  const Answer unended = with(measured(nullptr, Json::object()));
  EXPECT_EQ(unended.status, 409);
  EXPECT_EQ(unended.code(), "not_comparable");
  EXPECT_EQ(with("none").code(), "evaluation_not_found");
  EXPECT_EQ(get("/evaluations?compare=" + one).param(), "compare");
}

}  // namespace
}  // namespace hub::api
