#include "core/data/examples.h"

#include <algorithm>

#include <gmock/gmock.h>

#include "core/base/file.h"
#include "tests/unit/data/fixture.h"

namespace hub::data {
namespace {

using testing::HasSubstr;

const char* const kTemplate =
    "{% for m in messages %}<{{ m.role }}>{{ m.content }}<|eot_id|>{% endfor %}"
    "{% if add_generation_prompt %}<assistant>{% endif %}";

// mlx-lm trains from its offset to the end; where only the last turn is the assistant's, we do the
// same.
TEST(Examples, TokensAndTheTrainedSpanAreMlxLms) {
  const Json golden = text::read_golden("datasets.json");
  const ExampleBuilder own = ExampleBuilder::load(text::default_model(), {});
  std::size_t compared = 0;
  for (const Json& entry : golden["rows"]) {
    SCOPED_TRACE(entry["row"].dump());
    const std::string other = entry.value("template", "");
    const ExampleBuilder builder =
        other.empty() ? own : ExampleBuilder(own.tokenizer(), golden_template(other), {}, {});
    const BuiltRow built = builder.build(row_of(entry["row"]));
    ASSERT_TRUE(built.example) << built.problem;
    EXPECT_EQ(built.problem, "");
    const std::vector<int> tokens = entry["tokens"];
    EXPECT_EQ(built.example->tokens, tokens);
    const auto& messages = entry["row"].value("messages", Json::array());
    const auto assistants = std::count_if(messages.begin(), messages.end(), [](const Json& one) {
      return one["role"] == "assistant";
    });
    if (assistants <= 1) {
      std::vector<std::uint8_t> trained(tokens.size(), 1);
      std::fill_n(
          trained.begin(),
          std::max(entry["offset"].get<std::size_t>(), std::size_t{1}),
          std::uint8_t{0});
      EXPECT_EQ(built.example->trained, trained);
      ++compared;
    }
  }
  EXPECT_EQ(golden["rows"].size(), 13U);
  EXPECT_EQ(compared, 11U);
}

TEST(Examples, EveryAssistantTurnIsTrainedWithItsEndOfTurn) {
  const ExampleBuilder builder = builder_with(template_of(kTemplate));
  const Row row = row_of(
      {{"messages",
        {message("user", "one"),
         message("assistant", "eins 😀"),
         message("user", "two"),
         message("assistant", "zwei")}}});
  const BuiltRow built = builder.build(row);
  ASSERT_TRUE(built.example);
  EXPECT_EQ(trained_text(*built.example, *small_tokenizer()), "eins 😀<|eot_id|>|zwei<|eot_id|>");
  EXPECT_EQ(built.full_length, built.example->tokens.size());
}

TEST(Examples, ATokenThatAlsoHoldsThePromptsLastBytesIsNotTrained) {
  // "\n" ends the generation prompt and "\n" begins the answer: one token.
  const auto chat_template = template_of(
      "{% for m in messages %}{{ m.role }}:{{ '\\n' }}{{ m.content }}<|eot_id|>{% endfor %}"
      "{% if add_generation_prompt %}assistant:{{ '\\n' }}{% endif %}");
  const Row row =
      row_of({{"messages", {message("user", "q"), message("assistant", "\n\nanswer")}}});
  const BuiltRow built = builder_with(chat_template).build(row);
  ASSERT_TRUE(built.example);
  const std::string trained = trained_text(*built.example, *small_tokenizer());
  EXPECT_THAT(trained, testing::EndsWith("answer<|eot_id|>"));
  // Which bytes share a token is the tokenizer's choice; none of them may be the prompt's.
  EXPECT_LE(trained.size(), std::string("\n\nanswer<|eot_id|>").size());
}

TEST(Examples, TrainOnPromptTrainsEverythingButTheFirstToken) {
  const ExampleBuilder builder = builder_with(template_of(kTemplate), {.train_on_prompt = true});
  const BuiltRow built =
      builder.build(row_of({{"messages", {message("user", "q"), message("assistant", "a")}}}));
  ASSERT_TRUE(built.example);
  EXPECT_EQ(built.example->trained_count(), built.example->tokens.size() - 1);
  EXPECT_EQ(built.example->trained[0], 0);
  EXPECT_TRUE(builder.build(row_of({{"messages", {message("user", "only")}}})).example);
}

TEST(Examples, TextIsTrainedWholeAndEnds) {
  const ExampleBuilder builder = builder_with(nullptr);
  const BuiltRow built = builder.build(row_of({{"text", "some text"}}));
  ASSERT_TRUE(built.example);
  // This tokenizer puts BOS in front and EOS behind; no second EOS.
  EXPECT_EQ(
      small_tokenizer()->decode(built.example->tokens, false),
      "<|begin_of_text|>some text<|eot_id|>");
  EXPECT_EQ(built.example->trained_count(), built.example->tokens.size() - 1);
}

TEST(Examples, WithoutAChatTemplateACompletionIsPlainText) {
  const auto tokenizer = text::Tokenizer::load(text::tokenizer_folder("sentencepiece_style"));
  const ExampleBuilder builder(tokenizer, nullptr, tokenizer->token_to_id("</s>"), {});
  const BuiltRow built = builder.build(row_of({{"prompt", "Q:"}, {"completion", " the answer"}}));
  ASSERT_TRUE(built.example);
  EXPECT_EQ(tokenizer->decode(built.example->tokens, false), "<s> Q: the answer</s>");
  EXPECT_EQ(trained_text(*built.example, *tokenizer), "the answer</s>");
  const BuiltRow chat = builder.build(row_of({{"messages", {message("user", "q")}}}));
  EXPECT_FALSE(chat.example);
  EXPECT_THAT(chat.problem, HasSubstr("no chat template"));
}

TEST(Examples, LongRowsLoseTheirEndAndAreFlagged) {
  const Row row =
      row_of({{"messages", {message("user", "q"), message("assistant", std::string(400, 'x'))}}});
  const BuiltRow whole = builder_with(template_of(kTemplate)).build(row);
  ASSERT_TRUE(whole.example);
  EXPECT_FALSE(whole.truncated);
  const int limit = static_cast<int>(whole.full_length) - 3;
  const BuiltRow cut = builder_with(template_of(kTemplate), {.max_seq_length = limit}).build(row);
  ASSERT_TRUE(cut.example);
  EXPECT_TRUE(cut.truncated);
  EXPECT_EQ(cut.full_length, whole.full_length);
  EXPECT_EQ(cut.example->trained.size(), static_cast<std::size_t>(limit));
  EXPECT_TRUE(
      std::equal(
          cut.example->tokens.begin(), cut.example->tokens.end(), whole.example->tokens.begin()));
}

TEST(Examples, RowsWithoutATrainedTokenAreSkippedAndSaySo) {
  const auto chat_template = template_of(kTemplate);
  const Row row =
      row_of({{"messages", {message("user", "long question"), message("assistant", "a")}}});
  const BuiltRow cut = builder_with(chat_template, {.max_seq_length = 3}).build(row);
  EXPECT_FALSE(cut.example);
  EXPECT_THAT(cut.problem, HasSubstr("max_seq_length 3"));
  const BuiltRow none =
      builder_with(chat_template).build(row_of({{"messages", {message("user", "q")}}}));
  EXPECT_FALSE(none.example);
  EXPECT_THAT(none.problem, HasSubstr("no assistant message"));
  const BuiltRow empty =
      ExampleBuilder(small_tokenizer(), nullptr, std::nullopt, {.max_seq_length = 1})
          .build(row_of({{"text", "x"}}));
  EXPECT_FALSE(empty.example);
}

TEST(Examples, WhatTheTemplateRefusesIsTheRowsProblem) {
  const BuiltRow built = builder_with(golden_template("inst"))
                             .build(row_of({{"messages", {message("assistant", "I begin")}}}));
  EXPECT_FALSE(built.example);
  EXPECT_THAT(built.problem, HasSubstr("roles must alternate"));
}

TEST(Examples, ASetKeepsTheOrderAndCountsWhatItLeavesOut) {
  const Json longer = {
      {"messages", {message("user", "q"), message("assistant", std::string(400, 'x'))}}};
  const std::string bytes =
      R"({"messages":[{"role":"user","content":"q"},{"role":"assistant","content":"one"}]})"
      "\nbroken\n"
      R"({"messages":[{"role":"user","content":"q"}]})"
      "\n" +
      longer.dump();
  const auto [examples, report] =
      examples_of(bytes, builder_with(template_of(kTemplate), {.max_seq_length = 30}));
  ASSERT_EQ(examples.size(), 2U);
  EXPECT_EQ(report.examples, 2U);
  EXPECT_EQ(report.digest, base::sha256_hex(bytes));
  EXPECT_EQ(trained_text(examples[0], *small_tokenizer()), "one<|eot_id|>");
  EXPECT_EQ(report.skipped, 1U);
  EXPECT_EQ(report.truncated, 1U);
  ASSERT_EQ(report.problems.count(), 2U);
  EXPECT_EQ(report.problems.first()[0].line, 2U);
  EXPECT_EQ(report.problems.first()[1].line, 3U);
}

// The same conversation in every way of writing it gives the same tokens, of which the same are
// trained.
TEST(Examples, EveryFormatOfAConversationTrainsTheSame) {
  const ExampleBuilder builder = builder_with(template_of(kTemplate));
  const auto built = [&builder](const Json& json) {
    const BuiltRow row = builder.build(row_of(json));
    EXPECT_TRUE(row.example) << row.problem;
    return row.example.value_or(Example{});
  };
  const Example chat =
      built({{"messages", {message("user", "q\n\ni"), message("assistant", "a")}}});
  EXPECT_EQ(trained_text(chat, *small_tokenizer()), "a<|eot_id|>");
  for (const char* const text :
       {R"({"prompt":"q\n\ni","completion":"a"})",
        R"({"instruction":"q","input":"i","output":"a"})",
        R"({"instruction":"q\n\ni","output":"a"})",
        R"({"conversations":[{"from":"human","value":"q\n\ni"},{"from":"gpt","value":"a"}]})"}) {
    const Json same = Json::parse(text);
    SCOPED_TRACE(same.dump());
    EXPECT_EQ(built(same).tokens, chat.tokens);
    EXPECT_EQ(built(same).trained, chat.trained);
  }
  const Example turns = built(
      {{"messages",
        {message("system", "s"),
         message("user", "q"),
         message("assistant", "a"),
         message("user", "r"),
         message("assistant", "b")}}});
  EXPECT_EQ(trained_text(turns, *small_tokenizer()), "a<|eot_id|>|b<|eot_id|>");
  const Example alpaca = built(
      {{"system", "s"},
       {"history", Json::parse(R"([["q","a"]])")},
       {"instruction", "r"},
       {"output", "b"}});
  EXPECT_EQ(alpaca.tokens, turns.tokens);
  EXPECT_EQ(alpaca.trained, turns.trained);
  const Example shared = built(
      {{"system", "s"},
       {"conversations",
        {{{"from", "user"}, {"value", "q"}},
         {{"from", "assistant"}, {"value", "a"}},
         {{"role", "user"}, {"content", "r"}},
         {{"from", "chatgpt"}, {"value", "b"}}}}});
  EXPECT_EQ(shared.tokens, turns.tokens);
  EXPECT_EQ(shared.trained, turns.trained);
}

TEST(Examples, ShareGptToolTurnsBecomeOpenAis) {
  const auto chat_template = template_of(
      "{% for m in messages %}<{{ m.role }}>{{ m.content }}{% for c in m.tool_calls or [] %}"
      "{{ c.function.name }}({{ c.function.arguments.x }}){% endfor %}<|eot_id|>{% endfor %}"
      "{% if add_generation_prompt %}<assistant>{% endif %}");
  const BuiltRow built =
      builder_with(chat_template)
          .build(row_of(
              {{"tools", "[{\"name\":\"f\"}]"},
               {"conversations",
                {{{"from", "human"}, {"value", "q"}},
                 {{"from", "function_call"}, {"value", R"({"name":"f","arguments":{"x":7}})"}},
                 {{"from", "observation"}, {"value", "o"}},
                 {{"from", "gpt"}, {"value", "a"}}}}}));
  ASSERT_TRUE(built.example) << built.problem;
  EXPECT_EQ(trained_text(*built.example, *small_tokenizer()), "f(7)<|eot_id|>|a<|eot_id|>");
  EXPECT_THAT(
      small_tokenizer()->decode(built.example->tokens, false), HasSubstr("<tool>o<|eot_id|>"));
}

TEST(Examples, WithoutAChatTemplateAlpacaHasItsOwnPrompt) {
  const ExampleBuilder builder = builder_with(nullptr);
  const BuiltRow built =
      builder.build(row_of({{"instruction", "Add."}, {"input", "1 2"}, {"output", "3"}}));
  ASSERT_TRUE(built.example) << built.problem;
  EXPECT_EQ(trained_text(*built.example, *small_tokenizer()), "3<|eot_id|>");
  EXPECT_THAT(
      small_tokenizer()->decode(built.example->tokens, false),
      HasSubstr("### Instruction:\nAdd.\n\n### Input:\n1 2\n\n### Response:\n3"));
  const BuiltRow refused =
      builder.build(row_of({{"instruction", "Add."}, {"system", "Be brief."}, {"output", "3"}}));
  EXPECT_FALSE(refused.example);
  EXPECT_THAT(refused.problem, HasSubstr("'system'"));
}

}  // namespace
}  // namespace hub::data
