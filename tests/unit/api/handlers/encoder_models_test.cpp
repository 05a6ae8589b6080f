// A text encoder among the models: what it may be asked for, and what is refused.
#include <filesystem>

#include <gmock/gmock.h>

#include "api/handlers/inference.h"
#include "tests/unit/api/handlers/handler_fixture.h"

namespace hub::api {
namespace {

using base::Json;
using testing::HasSubstr;

class EncoderModels : public test::HandlerFixture {
 protected:
  Json add_encoder() {
    const auto folder = files.path() / "data/imports/encoder";
    std::filesystem::create_directories(folder.parent_path());
    std::filesystem::copy(
        std::filesystem::path(HUB_SOURCE_DIR) / "tests/golden/models/encoders/bert", folder);
    static_cast<void>(
        files.write("data/imports/encoder/1_Pooling/config.json", R"({"pooling_mode":"cls"})"));
    const Answer answer = post("/models", {{"name", "encoder"}, {"base_model", folder.string()}});
    EXPECT_EQ(answer.status, 201) << answer.response.body;
    return answer.json;
  }
  // A call of a route that no registry_routes() has.
  Answer infer(const std::string& path, const Json& body) {
    Answer answer;
    answer.request = std::make_shared<Request>(request("POST", path));
    answer.request->body = body.dump();
    const Router routes(inference_routes(hub));
    const auto match = routes.match("POST", path);
    answer.response = api::answer(match.route->handler, *answer.request);
    answer.status = answer.response.status;
    answer.json = Json::parse(answer.response.body);
    return answer;
  }
};

TEST_F(EncoderModels, TellWhatTheyCan) {
  const Json model = add_encoder();
  const Json wanted = {
      {"chat", false}, {"completions", false}, {"embeddings", true}, {"finetune", false}};
  EXPECT_EQ(model.at("capabilities"), wanted);
  EXPECT_EQ(model.at("architecture"), "bert");
  const Json version = get("/versions/" + model["versions"][0]["id"].get<std::string>()).json;
  EXPECT_EQ(version.at("capabilities"), wanted);
  const std::string folder = version.at("folder");
  EXPECT_TRUE(std::filesystem::exists(folder + "/1_Pooling_config.json"));
  const Json chat = add_chat_model("talks");
  EXPECT_EQ(
      chat.at("capabilities"),
      Json({{"chat", true}, {"completions", true}, {"embeddings", true}, {"finetune", true}}));
  EXPECT_EQ(add_model("plain").at("capabilities").at("chat"), false);
  const Answer pending = post("/models", {{"name", "later"}, {"base_model", "a/b"}});
  EXPECT_EQ(pending.json.at("capabilities"), nullptr);
}

TEST_F(EncoderModels, DoNotChat) {
  add_encoder();
  const Json messages = {{{"role", "user"}, {"content", "Hi"}}};
  for (const Answer& answer :
       {infer("/v1/chat/completions", {{"model", "encoder"}, {"messages", messages}}),
        infer("/v1/completions", {{"model", "encoder"}, {"prompt", "Hi"}})}) {
    EXPECT_EQ(answer.status, 400);
    EXPECT_EQ(answer.code(), "model_makes_embeddings_only");
    EXPECT_EQ(answer.param(), "model");
    EXPECT_THAT(answer.message(), HasSubstr("'encoder' makes embeddings, it cannot chat"));
  }
}

TEST_F(EncoderModels, EmbeddingRequestsAreCheckedBeforeAnEngineIsLoaded) {
  add_encoder();
  EXPECT_EQ(infer("/v1/embeddings", {{"model", "encoder"}, {"input", ""}}).param(), "input");
  EXPECT_EQ(infer("/embeddings", {{"input", "a"}}).param(), "model");
  EXPECT_EQ(infer("/v1/embeddings", {{"model", "none"}, {"input", "a"}}).code(), "model_not_found");
}

TEST_F(EncoderModels, JobsRefuseThem) {
  add_encoder();
  const Answer answer =
      post("/jobs", {{"type", "quantize"}, {"model", "encoder"}, {"params", {{"bits", 4}}}});
  EXPECT_EQ(answer.status, 400) << answer.response.body;
  EXPECT_EQ(answer.code(), "model_makes_embeddings_only");
  EXPECT_EQ(answer.param(), "model");
}

}  // namespace
}  // namespace hub::api
