// The engine on the real default model.
#include "tests/support/default_model.h"

#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include "core/engine/engine.h"
#include "core/engine/text_stream.h"
#include "core/text/chat_template.h"

namespace hub::engine {
namespace {

class DefaultModel : public testing::Test {
 protected:
  static EngineConfig config() {
    EngineConfig config;
    config.model_folder = test::default_model_folder();
    config.prefill_chunk = 32;  // so that prompts come in pieces
    return config;
  }
  GenerateRequest question(const std::string& text, int max_tokens, float temperature) const {
    const base::Json messages = base::Json::array({{{"role", "user"}, {"content", text}}});
    GenerateRequest request;
    request.prompt = tokenizer_->encode(template_->render({.messages = messages}));
    request.max_tokens = max_tokens;
    request.sampling = {.temperature = temperature, .top_p = 0.95F, .seed = 11};
    request.stop_ids = engine_.model_config().eos_token_ids;
    return request;
  }
  std::string collect(TokenStream tokens) const {
    TextStream stream(std::move(tokens), tokenizer_, {});
    std::string text;
    while (const auto delta = stream.next()) {
      text += delta->text;
    }
    return text;
  }

  Engine engine_{config()};
  std::shared_ptr<const text::Tokenizer> tokenizer_ =
      text::Tokenizer::load(test::default_model_folder());
  std::shared_ptr<const text::ChatTemplate> template_ =
      text::ChatTemplate::load(test::default_model_folder());
};

TEST_F(DefaultModel, KnowsTheCapitalOfFrance) {
  const std::string answer =
      collect(engine_.submit(question("What is the capital of France?", 40, 0.0F)));
  EXPECT_NE(answer.find("Paris"), std::string::npos) << answer;
}

TEST_F(DefaultModel, ThreeAtOnceSayWhatEachSaysAlone) {
  const std::vector<GenerateRequest> requests = {
      question("What is the capital of France?", 24, 0.0F),
      question("Write a poem about the sea, the wind and a small red boat.", 24, 0.8F),
      question("Name three animals that live in the forests of northern Europe.", 24, 0.0F)};
  std::vector<std::string> alone;
  alone.reserve(requests.size());
  for (const GenerateRequest& request : requests) {
    alone.push_back(collect(engine_.submit(request)));
  }
  std::vector<TokenStream> streams;
  streams.reserve(requests.size());
  for (const GenerateRequest& request : requests) {
    streams.push_back(engine_.submit(request));
  }
  for (std::size_t i = 0; i < streams.size(); ++i) {
    EXPECT_EQ(collect(std::move(streams[i])), alone[i]);
  }
}

}  // namespace
}  // namespace hub::engine
