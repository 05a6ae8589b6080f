#include "api/worker/prompt_room.h"

#include <numeric>

#include "api/worker/chat_handler.h"
#include "api/worker/completion_handler.h"
#include "tests/unit/api/worker/generation_test.h"

namespace hub::api {
namespace {

constexpr int kContext = 160;

// The default model with memory for so many tokens alone.
class SmallContext : public GenerationTest {
 protected:
  SmallContext() : GenerationTest(small_config()) {}
  static engine::EngineConfig small_config() {
    engine::EngineConfig config = GenerationTest::config();
    constexpr std::uint64_t token_bytes = 2ULL * 30 * 3 * 64 * sizeof(float);
    config.kv_budget_bytes = kContext * token_bytes;
    return config;
  }
  int prompt_tokens(const Json& answer) { return answer["usage"]["prompt_tokens"].get<int>(); }
};

TEST_F(SmallContext, RoomIsLeftForTheAnswer) {
  ASSERT_EQ(engine_.context_length(), kContext);
  GenerationOptions options;
  EXPECT_EQ(prompt_room(model_, options), 120);
  options.max_tokens = 10;
  EXPECT_EQ(prompt_room(model_, options), 150);
  options.max_tokens = 5000;
  EXPECT_EQ(prompt_room(model_, options), 80);
}

TEST_F(SmallContext, ALongConversationLosesItsOldestTurns) {
  Json messages = Json::array();
  messages.push_back({{"role", "system"}, {"content", "Answer in one word."}});
  for (int i = 0; i < 20; ++i) {
    messages.push_back({{"role", "user"}, {"content", "What is the capital of France?"}});
    messages.push_back({{"role", "assistant"}, {"content", "Paris."}});
  }
  messages.push_back({{"role", "user"}, {"content", "And of Italy?"}});
  Json body{{"messages", messages}, {"max_tokens", 4}, {"temperature", 0}};
  EXPECT_EQ(refusal(handle_chat, body).code(), base::ErrorCode::kInsufficientMemory);
  body["truncation"] = "auto";
  const Json answer = json_of(handle_chat(model_, post(body)));
  EXPECT_LE(prompt_tokens(answer), kContext - 4);
  EXPECT_GT(prompt_tokens(answer), kContext - 4 - 40);  // one turn more would not fit
  // What is left is what a client would have sent that left those turns out itself.
  for (std::size_t dropped = 2; dropped < 40; dropped += 2) {
    Json shorter = messages;
    shorter.erase(shorter.begin() + 1, shorter.begin() + 1 + static_cast<std::ptrdiff_t>(dropped));
    try {
      const Json same = json_of(handle_chat(
          model_, post({{"messages", shorter}, {"max_tokens", 4}, {"temperature", 0}})));
      if (prompt_tokens(same) <= kContext - 4) {
        EXPECT_EQ(prompt_tokens(same), prompt_tokens(answer));
        EXPECT_EQ(same["choices"], answer["choices"]);
        break;
      }
    } catch (const base::Error&) {
      continue;  // still too long
    }
  }
}

TEST_F(SmallContext, OneTurnThatIsTooLongIsRefusedStill) {
  std::string text;
  for (int i = 0; i < 400; ++i) {
    text += "word ";
  }
  const Json body{{"messages", {{{"role", "user"}, {"content", text}}}}, {"truncation", "auto"}};
  EXPECT_EQ(refusal(handle_chat, body).code(), base::ErrorCode::kInsufficientMemory);
}

TEST_F(SmallContext, APromptLosesItsBeginning) {
  std::vector<int> prompt(400);
  std::iota(prompt.begin(), prompt.end(), 1000);
  const auto ask = [&](const Json& tokens, const Json& more) {
    Json body{{"prompt", tokens}, {"max_tokens", 4}, {"temperature", 0}};
    body.update(more);
    return json_of(handle_completion(model_, post(body)));
  };
  const Json cut = ask(prompt, {{"truncation", "auto"}});
  EXPECT_EQ(prompt_tokens(cut), kContext - 4);
  EXPECT_EQ(ask(prompt, {{"truncate_prompt_tokens", -1}})["choices"], cut["choices"]);
  const Json ten = ask(prompt, {{"truncate_prompt_tokens", 10}});
  EXPECT_EQ(prompt_tokens(ten), 10);
  EXPECT_EQ(
      ten["choices"],
      ask(std::vector<int>(prompt.end() - 10, prompt.end()), Json::object())["choices"]);
}

}  // namespace
}  // namespace hub::api
