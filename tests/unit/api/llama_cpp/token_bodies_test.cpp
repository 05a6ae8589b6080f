#include "api/llama_cpp/token_bodies.h"

#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include "core/base/error.h"

namespace hub::api {
namespace {

using base::Json;

template <typename Body>
std::string refused(const Json& json) {
  try {
    static_cast<void>(Body::from_json(json));
  } catch (const base::Error& error) {
    return error.param();
  }
  return "accepted";
}

TEST(TokenBodies, Tokenize) {
  const TokenizeBody plain = TokenizeBody::from_json({{"content", "Hi"}});
  EXPECT_EQ(plain.content, "Hi");
  EXPECT_FALSE(plain.add_special);
  EXPECT_FALSE(plain.with_pieces);
  const TokenizeBody full = TokenizeBody::from_json(
      {{"content", ""}, {"model", "m"}, {"add_special", true}, {"with_pieces", true}});
  EXPECT_EQ(full.model, "m");
  EXPECT_TRUE(full.add_special);
  EXPECT_TRUE(full.with_pieces);
  EXPECT_EQ(refused<TokenizeBody>(Json::object()), "content");
  EXPECT_EQ(refused<TokenizeBody>({{"content", 7}}), "content");
  EXPECT_EQ(refused<TokenizeBody>({{"content", "a"}, {"parse_special", false}}), "parse_special");
}

TEST(TokenBodies, Detokenize) {
  EXPECT_EQ(DetokenizeBody::from_json({{"tokens", {1, 2}}}).tokens, (std::vector<int>{1, 2}));
  EXPECT_TRUE(DetokenizeBody::from_json({{"tokens", Json::array()}}).tokens.empty());
  EXPECT_EQ(refused<DetokenizeBody>(Json::object()), "tokens");
  EXPECT_EQ(refused<DetokenizeBody>({{"tokens", {"a"}}}), "tokens");
  EXPECT_EQ(refused<DetokenizeBody>({{"tokens", {1, -1}}}), "tokens[1]");
}

}  // namespace
}  // namespace hub::api
