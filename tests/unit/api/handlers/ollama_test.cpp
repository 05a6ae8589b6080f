#include "api/handlers/ollama.h"

#include "tests/unit/api/handlers/handler_fixture.h"

namespace hub::api {
namespace {

using base::Json;

class Ollama : public test::HandlerFixture {
 protected:
  static hub::ModelPool::EngineInfo engine(
      const std::string& model, const std::string& version, const std::string& state = "ready") {
    hub::ModelPool::EngineInfo info;
    info.model = model;
    info.base_version_id = version;
    info.state = state;
    info.resident_bytes = 7;
    return info;
  }
};

TEST_F(Ollama, AModelWhoseVersionIsGoneIsLeftOutOfWhatRuns) {
  static_cast<void>(add_model("tiny"));
  const registry::Version version = hub.resolver.resolve("tiny").base;
  const Json running = ollama_running(
      hub,
      {engine("gone", "01234567-0123-7123-8123-0123456789ab"),
       engine("tiny", version.id),
       engine("coming", version.id, "loading")});
  ASSERT_EQ(running["models"].size(), 1U) << running.dump(2);
  EXPECT_EQ(running["models"][0]["name"], "tiny");
  EXPECT_EQ(running["models"][0]["digest"], version.digest);
  EXPECT_EQ(running["models"][0]["size"], 7);
}

}  // namespace
}  // namespace hub::api
