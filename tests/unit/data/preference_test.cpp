#include "core/data/preference.h"

#include <gmock/gmock.h>

#include "core/data/preview.h"
#include "core/data/report.h"
#include "core/data/row_sizes.h"
#include "tests/unit/data/fixture.h"

namespace hub::data {
namespace {

using testing::HasSubstr;

const char* const kTemplate =
    "{% for m in messages %}<{{ m.role }}>{{ m.content }}<|eot_id|>{% endfor %}"
    "{% if add_generation_prompt %}<assistant>{% endif %}";

Json list(std::initializer_list<Json> messages) {
  return Json::array_t(messages);
}

TEST(Preference, EveryShapeOfTheFieldIsTheSamePair) {
  const Json user = message("user", "q");
  const Json good = message("assistant", "good");
  const Json bad = message("assistant", "bad");
  const std::vector<Json> rows = {
      {{"prompt", "q"}, {"chosen", "good"}, {"rejected", "bad"}},
      {{"prompt", "q"}, {"chosen", good}, {"rejected", bad}},
      {{"prompt", "q"}, {"chosen", list({good})}, {"rejected", list({bad})}},
      {{"prompt", list({user})}, {"chosen", list({good})}, {"rejected", list({bad})}},
      {{"messages", list({user})}, {"chosen", "good"}, {"rejected", list({bad})}},
      {{"chosen", list({user, good})}, {"rejected", list({user, bad})}},
      // UltraFeedback repeats the prompt, and the chosen conversation.
      {{"prompt", "q"},
       {"messages", list({user, good})},
       {"chosen", list({user, good})},
       {"rejected", list({user, bad})}},
  };
  for (const Json& row : rows) {
    SCOPED_TRACE(row.dump());
    const Dataset dataset = read_lines(row.dump());
    ASSERT_EQ(dataset.format(), "preference") << dataset.problems.first().at(0).message;
    const Json pair = preference_pair(row);
    EXPECT_EQ(pair["chosen"], list({user, good}));
    EXPECT_EQ(pair["rejected"], list({user, bad}));
    EXPECT_EQ(pair["shared"], 1U);
  }
}

TEST(Preference, ASystemMessageGoesInFrontOnce) {
  const Json system = message("system", "s");
  const Json user = message("user", "q");
  const Json good = message("assistant", "good");
  const Json bad = message("assistant", "bad");
  const auto pair =
      preference_pair({{"system", "s"}, {"prompt", "q"}, {"chosen", "good"}, {"rejected", "bad"}});
  EXPECT_EQ(pair["chosen"], list({system, user, good}));
  EXPECT_EQ(pair["shared"], 2U);
  const auto twice = preference_pair(
      {{"system", "other"},
       {"chosen", list({system, user, good})},
       {"rejected", list({system, user, bad})}});
  EXPECT_EQ(twice["chosen"], list({system, user, good}));
  EXPECT_EQ(twice["shared"], 2U);
}

// What begins alike is the prompt, but each answer keeps its last turn.
TEST(Preference, AnswersThatHoldTheirPromptShareWhatBeginsAlike) {
  const Json a = message("user", "a");
  const Json b = message("assistant", "b");
  const Json c = message("user", "c");
  const auto later = preference_pair(
      {{"chosen", list({a, b, c, message("assistant", "d")})},
       {"rejected", list({a, b, c, message("assistant", "e")})}});
  EXPECT_EQ(later["shared"], 3U);
  const auto longer = preference_pair(
      {{"chosen", list({a, b})}, {"rejected", list({a, b, c, message("assistant", "e")})}});
  EXPECT_EQ(longer["shared"], 1U);
}

TEST(Preference, EachBrokenRowIsNamedWithItsReason) {
  const std::vector<std::pair<std::string, std::string>> broken = {
      {R"({"prompt":"a","chosen":"b"})", "this one has no 'rejected'"},
      {R"({"prompt":"a","chosen":null,"rejected":"b"})", "this one has no 'chosen'"},
      {R"({"prompt":"a","chosen":"b","rejected":""})", "'rejected' must be a text"},
      {R"({"prompt":"a","chosen":[],"rejected":"b"})", "'chosen' must be a text"},
      {R"({"prompt":"a","chosen":7,"rejected":"b"})", "not empty, got 7"},
      {R"({"chosen":"a","rejected":"b"})", "'prompt' is required"},
      {R"({"prompt":"","chosen":"a","rejected":"b"})", "'prompt' is required"},
      {R"({"prompt":7,"chosen":"a","rejected":"b"})", "'prompt' must be a string"},
      {R"({"prompt":"a","chosen":[{"role":"user","content":"b"}],"rejected":"c"})",
       "'chosen' must be an answer: its last message is not the assistant's"},
      {R"({"chosen":[{"role":"user","content":"a"},{"role":"assistant","content":"b"}],"rejected":"c"})",
       "'rejected' must be as 'chosen': with the prompt in front in both, or in none"},
      {R"({"chosen":[{"role":"user","content":"a"},{"role":"assistant","content":"b"}],)"
       R"("rejected":[{"role":"user","content":"c"},{"role":"assistant","content":"b"}]})",
       "their first messages differ"},
      {R"({"prompt":[{"role":"user"}],"chosen":"b","rejected":"c"})",
       "with 'chosen' as the answer: 'messages[0].content' is required"},
      {R"({"prompt":"a","chosen":"b","rejected":[{"content":"x"},{"role":"assistant","content":"c"}]})",
       "'rejected' must be as 'chosen'"},
  };
  std::string bytes;
  for (const auto& [line, reason] : broken) {
    bytes += line + "\n";
  }
  const Dataset dataset = read_lines(bytes);
  EXPECT_EQ(dataset.rows.size(), 0U);
  ASSERT_EQ(dataset.problems.first().size(), broken.size());
  for (std::size_t i = 0; i < broken.size(); ++i) {
    EXPECT_THAT(dataset.problems.first()[i].message, HasSubstr(broken[i].second));
  }
}

TEST(Preference, TablesMayHoldMessagesAsJson) {
  const TempFolder folder;
  folder.write(
      "data.csv",
      "prompt,chosen,rejected\n"
      "q,[1] is one,\"[{\"\"role\"\":\"\"assistant\"\",\"\"content\"\":\"\"bad\"\"}]\"\n");
  const Dataset dataset = read_dataset(folder.path() / "data.csv");
  ASSERT_EQ(dataset.rows.size(), 1U);
  const Json pair = preference_pair(Json::parse(dataset.rows[0].json));
  EXPECT_EQ(pair["chosen"].back()["content"], "[1] is one") << "a text that only looks like a list";
  EXPECT_EQ(pair["rejected"].back()["content"], "bad");
}

TEST(Preference, OnlyTheAnswersAreTrained) {
  const Json row = {
      {"prompt",
       list({message("user", "one"), message("assistant", "eins"), message("user", "two")})},
      {"chosen", "zwei"},
      {"rejected", "drei vier"}};
  const BuiltRow built = builder_with(template_of(kTemplate)).build(row_of(row));
  ASSERT_TRUE(built.example) << built.problem;
  ASSERT_TRUE(built.example->rejected);
  EXPECT_EQ(trained_text(*built.example, *small_tokenizer()), "zwei<|eot_id|>");
  EXPECT_EQ(trained_text(*built.example->rejected, *small_tokenizer()), "drei vier<|eot_id|>");
  EXPECT_EQ(built.full_length, built.example->rejected->tokens.size());
  EXPECT_EQ(counts_of(*built.example).longest(), built.full_length);
}

TEST(Preference, WithoutAChatTemplateTextsArePlain) {
  const auto builder = builder_with(nullptr);
  const BuiltRow built =
      builder.build(row_of({{"prompt", "Q:"}, {"chosen", " good"}, {"rejected", " bad"}}));
  ASSERT_TRUE(built.example) << built.problem;
  EXPECT_THAT(trained_text(*built.example, *small_tokenizer()), HasSubstr("good<|eot_id|>"));
  EXPECT_THAT(
      trained_text(*built.example->rejected, *small_tokenizer()), HasSubstr("bad<|eot_id|>"));
  const BuiltRow chat = builder.build(
      row_of({{"prompt", list({message("user", "q")})}, {"chosen", "good"}, {"rejected", "bad"}}));
  EXPECT_FALSE(chat.example);
  EXPECT_THAT(chat.problem, HasSubstr("no chat template"));
}

TEST(Preference, APairThatTeachesNothingIsSkippedAndSaysSo) {
  const auto problem_of = [](const Json& row, int limit) {
    const BuiltRow built =
        builder_with(template_of(kTemplate), {.max_seq_length = limit}).build(row_of(row));
    EXPECT_FALSE(built.example);
    return built.problem;
  };
  const Json same = {{"prompt", "q"}, {"chosen", "a"}, {"rejected", "a"}};
  EXPECT_EQ(problem_of(same, 100), "skipped: 'chosen' and 'rejected' are the same");
  const Json cut = {{"prompt", "q"}, {"chosen", "a"}, {"rejected", "b"}};
  EXPECT_THAT(
      problem_of(cut, 3), HasSubstr("with 'chosen' as the answer: skipped: nothing to train"));
  const std::string long_text(300, 'x');
  const Json tail = {{"prompt", "q"}, {"chosen", long_text + "a"}, {"rejected", long_text + "b"}};
  const BuiltRow whole = builder_with(template_of(kTemplate)).build(row_of(tail));
  ASSERT_TRUE(whole.example);
  const int shorter = static_cast<int>(whole.full_length) - 8;  // both end alike
  EXPECT_THAT(problem_of(tail, shorter), HasSubstr("are the same after cutting at max_seq_length"));
}

TEST(Preference, ReportPreviewAndSizesCountBothAnswers) {
  const Row row = row_of({{"prompt", "q"}, {"chosen", "a"}, {"rejected", "b c d"}});
  const auto builder = builder_with(template_of(kTemplate));
  const BuiltRow built = builder.build(row);
  ASSERT_TRUE(built.example);
  const Example& chosen = *built.example;
  const Example& rejected = *chosen.rejected;
  const std::size_t tokens = chosen.tokens.size() + rejected.tokens.size();
  const std::size_t trained = chosen.trained_count() + rejected.trained_count();
  ASSERT_GT(rejected.tokens.size(), chosen.tokens.size());

  const Json preview = preview_row(row, builder);
  EXPECT_EQ(preview["format"], "preference");
  EXPECT_EQ(preview["tokens"], rejected.tokens.size());
  EXPECT_EQ(preview["trained_tokens"], trained);
  EXPECT_EQ(preview["pieces"].back(), Json({{"text", "a<|eot_id|>"}, {"trained", true}}));
  EXPECT_EQ(
      preview["rejected_pieces"].back(), Json({{"text", "b c d<|eot_id|>"}, {"trained", true}}));
  EXPECT_TRUE(preview_row(row_of({{"text", "a"}}), builder)["rejected_pieces"].is_null());

  Dataset dataset;
  dataset.rows.push_back(row);
  const Json report = make_report(dataset, &builder).to_json();
  EXPECT_EQ(report["tokens"]["total"], tokens);
  EXPECT_EQ(report["tokens"]["trained"], trained);
  EXPECT_EQ(report["tokens"]["max"], rejected.tokens.size());

  const RowSizes sizes(std::vector<RowCounts>{counts_of(chosen), counts_of(chosen)});
  EXPECT_EQ(sizes.count(), 2U);
  EXPECT_EQ(sizes.largest_batch(1, 1000, 1).tokens, 2 * rejected.tokens.size());
  EXPECT_EQ(sizes.largest_batch(1, 1000, 1).trained, 2 * rejected.trained_count());
  EXPECT_EQ(sizes.largest_batch(2, 1000, 1).tokens, 4 * rejected.tokens.size());
}

TEST(Preference, AnObjectiveTakesItsOwnRowsOnly) {
  const std::string pairs = R"({"prompt":"q","chosen":"a","rejected":"b"})";
  const std::string texts = R"({"text":"a"})";
  const auto error_of = [](const std::string& rows, const std::string& objective) {
    const auto builder = builder_with(template_of(kTemplate), {.objective = objective});
    return thrown_by([&] { examples_of(rows, builder); });
  };
  const base::Error sft = error_of(pairs, "sft");
  EXPECT_EQ(sft.code(), base::ErrorCode::kUnprocessable);
  EXPECT_EQ(sft.reason(), "dataset_format");
  EXPECT_THAT(sft.what(), HasSubstr("use objective dpo or orpo"));
  for (const char* objective : {"dpo", "orpo"}) {
    const base::Error error = error_of(texts, objective);
    EXPECT_EQ(error.reason(), "dataset_format");
    EXPECT_THAT(error.what(), HasSubstr("the data set's rows are of format 'text'"));
    const auto builder = builder_with(template_of(kTemplate), {.objective = objective});
    EXPECT_EQ(examples_of(pairs, builder).examples.size(), 1U);
  }
  EXPECT_EQ(examples_of(pairs, builder_with(template_of(kTemplate))).examples.size(), 1U);
}

}  // namespace
}  // namespace hub::data
