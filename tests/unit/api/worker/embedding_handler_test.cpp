#include "api/worker/embedding_handler.h"

#include <cmath>
#include <thread>

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include "api/worker/chat_handler.h"
#include "api/worker/completion_handler.h"
#include "core/base/error.h"
#include "tests/support/encoder_model.h"

namespace hub::api {
namespace {

using base::Error;
using base::ErrorCode;
using base::Json;
using testing::HasSubstr;
using Vector = std::vector<float>;

// The routes of a worker that has a text encoder.
class EmbeddingHandlerTest : public testing::Test {
 protected:
  static engine::EngineConfig config() {
    engine::EngineConfig config;
    config.model_folder = test::encoder_model_folder();
    return config;
  }
  static Request post(const Json& body) {
    Request request;
    request.method = "POST";
    request.body = body.dump();
    request.request_id = "req-1";
    request.headers["x-hub-model"] = "the/name";
    return request;
  }
  Json answer(const Json& body) {
    const Response response = handle_embeddings(model_, post(body));
    EXPECT_EQ(response.status, 200);
    return Json::parse(response.body);
  }
  Vector vector(const Json& body) {
    return answer(body).at("data").at(0).at("embedding").get<Vector>();
  }
  Error refusal(const Json& body) {
    try {
      handle_embeddings(model_, post(body));
    } catch (const Error& error) {
      return error;
    }
    ADD_FAILURE() << "accepted: " << body.dump();
    return Error(ErrorCode::kInternal, "accepted");
  }
  static double cosine(const Vector& left, const Vector& right) {
    double sum = 0.0;
    for (std::size_t i = 0; i < left.size(); ++i) {
      sum += static_cast<double>(left[i]) * static_cast<double>(right[i]);
    }
    return sum;
  }

  engine::Engine engine_{config()};
  std::vector<base::EngineUsage> usages_;
  std::shared_ptr<const text::Tokenizer> tokenizer_ =
      text::Tokenizer::load(test::encoder_model_folder());
  ServedModel model_{
      .name = "minilm",
      .engine = engine_,
      .tokenizer = tokenizer_,
      .chat_template = text::ChatTemplate::load(test::encoder_model_folder()),
      .stop_ids = {},
      .grammars = std::make_shared<const Grammars>(
          tokenizer_, engine_.model_config().vocab_size, std::vector<int>{}),
      .on_usage = [this](const base::EngineUsage& usage) { usages_.push_back(usage); }};
};

TEST_F(EmbeddingHandlerTest, AnswersInOpenAisForm) {
  const Json whole = answer({{"input", {"A man is eating food.", "x"}}});
  EXPECT_EQ(whole.at("object"), "list");
  EXPECT_EQ(whole.at("model"), "the/name");
  // [CLS] and [SEP] are counted: 6 and 1 tokens of text.
  EXPECT_EQ(whole.at("usage"), Json({{"prompt_tokens", 11}, {"total_tokens", 11}}));
  EXPECT_EQ(whole.at("data").size(), 2U);
  EXPECT_EQ(whole.at("data").at(1).at("index"), 1);
  EXPECT_EQ(whole.at("data").at(1).at("embedding").get<Vector>(), vector({{"input", "x"}}));
  ASSERT_EQ(usages_.size(), 2U);
  EXPECT_EQ(usages_[0].request_id, "req-1");
  EXPECT_EQ(usages_[0].prompt_tokens, 11);
  EXPECT_EQ(usages_[0].finish_reason, "stop");
  EXPECT_LE(usages_[0].queue_seconds + usages_[0].prefill_seconds, usages_[0].seconds + 1e-6);
}

TEST_F(EmbeddingHandlerTest, TokenIdsAreTakenAsTheyAre) {
  const auto ids = tokenizer_->encode("A man is eating food.", true);
  EXPECT_EQ(vector({{"input", ids}}), vector({{"input", "A man is eating food."}}));
  EXPECT_NE(
      vector({{"input", tokenizer_->encode("A man is eating food.", false)}}),
      vector({{"input", ids}}));
}

TEST_F(EmbeddingHandlerTest, WhatMeansTheSameIsNear) {
  const Vector eats = vector({{"input", "A man is eating food."}});
  const Vector bites = vector({{"input", "Someone is having a meal."}});
  const Vector drives = vector({{"input", "The stock market fell by four percent."}});
  EXPECT_GT(cosine(eats, bites), 0.5);
  EXPECT_LT(cosine(eats, drives), 0.2);
}

TEST_F(EmbeddingHandlerTest, DimensionsAreTheFirstOnesScaledAnew) {
  const Vector whole = vector({{"input", "x"}});
  const Vector cut = vector({{"input", "x"}, {"dimensions", 64}});
  ASSERT_EQ(cut.size(), 64U);
  EXPECT_NEAR(cosine(cut, cut), 1.0, 1e-6);
  EXPECT_NEAR(cut[3] / cut[5], whole[3] / whole[5], 1e-4);
  const Error error = refusal({{"input", "x"}, {"dimensions", 385}});
  EXPECT_EQ(error.param(), "dimensions");
  EXPECT_THAT(error.what(), HasSubstr("from 1 to 384"));
  EXPECT_THAT(error.what(), HasSubstr("got 385"));
}

TEST_F(EmbeddingHandlerTest, PoolingAndLengthCanBeChosen) {
  const Vector mean = vector({{"input", "x"}});
  EXPECT_EQ(vector({{"input", "x"}, {"pooling", "mean"}}), mean) << "as its 1_Pooling says";
  EXPECT_NE(vector({{"input", "x"}, {"pooling", "cls"}}), mean);
  const Vector raw = vector({{"input", "x"}, {"normalize", false}});
  EXPECT_GT(std::abs(cosine(raw, raw) - 1.0), 0.1);
}

TEST_F(EmbeddingHandlerTest, TextsThatCannotWorkAreRefusedByName) {
  std::string longer = "word";
  for (int i = 0; i < 300; ++i) {
    longer += " word";
  }
  const Error error = refusal({{"input", {"x", longer}}});
  EXPECT_EQ(error.code(), ErrorCode::kInvalidArgument);
  EXPECT_EQ(error.reason(), "context_length_exceeded");
  EXPECT_EQ(error.param(), "input[1]");
  EXPECT_THAT(error.what(), HasSubstr("256 tokens"));
  EXPECT_THAT(error.what(), HasSubstr("has 303"));
  const Error outside = refusal({{"input", {{5, 30522}}}});
  EXPECT_EQ(outside.param(), "input[0]");
  EXPECT_THAT(outside.what(), HasSubstr("from 0 to 30521 were wanted, got 30522"));
  EXPECT_EQ(usages_.size(), 0U) << "what is refused made no answer";
}

TEST_F(EmbeddingHandlerTest, WhatIsTooLongIsCutWhereThatIsAskedFor) {
  std::string longer = "word";
  for (int i = 0; i < 300; ++i) {
    longer += " word";
  }
  EmbeddingRequest asked;
  asked.inputs = {longer, std::string("x")};
  asked.truncates = true;
  const Embedded cut = embed(model_, post({}), asked);
  EXPECT_EQ(cut.tokens, 256 + 3);
  EXPECT_EQ(cut.vectors.at(1), vector({{"input", "x"}}));
  auto ids = tokenizer_->encode(longer, true);
  ids.erase(ids.begin() + 255, ids.end() - 1);  // [SEP] stays
  EXPECT_EQ(cut.vectors.at(0), vector({{"input", ids}}));
}

TEST_F(EmbeddingHandlerTest, AClientThatGoesEndsIt) {
  const Request request =
      post({{"input", std::vector<std::string>(2048, "some words to be embedded")}});
  std::thread client([&] {
    while (engine_.stats().running == 0) {
      std::this_thread::yield();
    }
    request.on_cancel->fire();
  });
  try {
    handle_embeddings(model_, request);
    ADD_FAILURE() << "answered";
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), ErrorCode::kCancelled);
  }
  client.join();
  ASSERT_EQ(usages_.size(), 1U);
  EXPECT_EQ(usages_[0].finish_reason, "cancelled");
}

TEST_F(EmbeddingHandlerTest, AnEncoderDoesNotContinueATextAndTakesNoAdapter) {
  try {
    handle_completion(model_, post({{"prompt", "a"}}));
    ADD_FAILURE() << "answered";
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), ErrorCode::kInvalidArgument);
    EXPECT_EQ(error.reason(), "model_makes_embeddings_only");
    EXPECT_THAT(error.what(), HasSubstr("makes embeddings, it cannot chat"));
  }
  EXPECT_THROW(engine_.attach("a", "/nowhere"), Error);
}

}  // namespace
}  // namespace hub::api
