#include "core/data/preview.h"

#include <gmock/gmock.h>

#include "tests/unit/data/fixture.h"

namespace hub::data {
namespace {

const char* const kTemplate =
    "{% for m in messages %}<{{ m.role }}>{{ m.content }}<|eot_id|>{% endfor %}"
    "{% if add_generation_prompt %}<assistant>{% endif %}";

TEST(Preview, ShowsWhatIsTrained) {
  const Row row = row_of(
      {{"messages",
        {message("user", "Frage 😀"),
         message("assistant", "Antwort 👩‍👩‍👧"),
         message("user", "x")}}});
  const Json json = preview_row(row, builder_with(template_of(kTemplate)));
  EXPECT_EQ(
      json["pieces"],
      Json::array(
          {{{"text", "<user>Frage 😀<|eot_id|><assistant>"}, {"trained", false}},
           {{"text", "Antwort 👩‍👩‍👧<|eot_id|>"}, {"trained", true}},
           {{"text", "<user>x<|eot_id|>"}, {"trained", false}}}));
  EXPECT_EQ(json["line"], 1);
  EXPECT_EQ(json["format"], "chat");
  EXPECT_EQ(json["truncated"], false);
  EXPECT_TRUE(json["problem"].is_null());
  EXPECT_GT(json["trained_tokens"], 1);
  EXPECT_LT(json["trained_tokens"], json["tokens"]);
}

TEST(Preview, PiecesJoinToTheDecodedTextEvenWhenCutInsideACharacter) {
  const Row row = row_of({{"prompt", "p"}, {"completion", "😀😀😀😀😀😀😀😀"}});
  for (int limit = 6; limit < 40; ++limit) {
    const auto builder = builder_with(template_of(kTemplate), {.max_seq_length = limit});
    const BuiltRow built = builder.build(row);
    if (!built.example) {
      continue;
    }
    std::string joined;
    for (const PreviewPiece& piece : preview_pieces(*built.example, small_tokenizer())) {
      joined += piece.text;
    }
    EXPECT_EQ(joined, small_tokenizer()->decode(built.example->tokens, false));
  }
}

TEST(Preview, ASkippedRowHasNoPiecesButAReason) {
  const Json json = preview_row(
      row_of({{"messages", {message("user", "q")}}}), builder_with(template_of(kTemplate)));
  EXPECT_EQ(json["pieces"].size(), 0U);
  EXPECT_THAT(json["problem"].get<std::string>(), testing::HasSubstr("skipped"));
}

}  // namespace
}  // namespace hub::data
