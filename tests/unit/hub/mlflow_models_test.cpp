#include "core/hub/mlflow_models.h"

#include <cstring>
#include <string>
#include <vector>

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include "core/jobs/job_queue.h"
#include "tests/support/fake_server.h"
#include "tests/support/registry_fixture.h"

namespace hub::hub {
namespace {

using base::Json;
using testing::AllOf;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;
using testing::StartsWith;

// What every call finds its answer in. Its store is nobody's but the clients', so no files are
// sent.
constexpr const char* kAnswer = R"({"experiment":{"experiment_id":"1"},
  "model":{"info":{"model_id":"m-1","artifact_uri":"file:///elsewhere"}},
  "model_version":{"version":"7"}})";

class MlflowModelsTest : public test::RegistryFixture {
 protected:
  MlflowModelsTest() { outbox_.begin(server_.url("")); }

  // The calls since the last time, without their heads.
  std::vector<std::string> calls() {
    std::vector<std::string> found;
    for (; seen_ < server_.requests().size(); ++seen_) {
      const std::string& request = server_.requests()[seen_];
      const std::size_t end = request.find(" HTTP/1.1");
      found.push_back(request.substr(0, end) + " " + request.substr(request.find("\r\n\r\n") + 4));
    }
    return found;
  }
  registry::Version only_version(const registry::Model& model) {
    registry::ListFilter filter;
    filter.model_id = model.id;
    return models.list_versions(filter).front();
  }
  registry::Evaluation evaluation_of(const registry::Version& version) {
    const auto dataset = datasets.add(
        {.name = "questions", .digest = std::string(64, 'd'), .path = "/q", .format = "chat"});
    evaluations.add(
        {.job_id = "j",
         .model = "a",
         .version_id = version.id,
         .dataset_id = dataset.id,
         .dataset_digest = dataset.digest});
    outbox_.set_link("job:j", {{"run", "r"}});
    return evaluations.finish("j", {{"loss", 0.5}, {"task", "loss"}});
  }

  test::FakeServer server_{std::vector<std::string>(
      60,
      fmt::format(
          "HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n{}", std::strlen(kAnswer), kAnswer))};
  std::size_t seen_ = 0;
  jobs::MlflowOutbox outbox_{storage.pool};
  jobs::JobQueue queue_{storage.pool, storage.clock};
  artifacts::ArtifactStore artifacts_{storage.folder.path()};
  MlflowSources sources_{models, aliases, datasets, evaluations, queue_, artifacts_};
  mlflow::Client client_{{.uri = server_.url("")}};
  MlflowRuns runs_{sources_, client_, outbox_, "mlx-hub"};
  MlflowModels sync_{sources_, client_, outbox_, runs_, 1U << 20U};
};

TEST_F(MlflowModelsTest, OnlyVersionsThatChangedAreLookedAt) {
  const auto model = add_model("a", ready("one"));
  const auto first = only_version(model);
  const auto second = models.add_version(model.id, ready("two"));
  sync_.send(model.id);
  EXPECT_FALSE(calls().empty());
  // Whoever looks at the first one now takes it for one that MLflow was never told of.
  const Json link = outbox_.link("version:" + first.id);
  outbox_.remove_link("version:" + first.id);

  aliases.set(model.id, "production", 1);
  sync_.send(model.id);
  EXPECT_THAT(
      calls(),
      ElementsAre(AllOf(
          StartsWith("POST /api/2.0/mlflow/registered-models/alias"), HasSubstr("production"))));

  models.merge_metrics(second.id, {{"eval_loss", 1.5}});
  sync_.send(model.id);
  EXPECT_THAT(
      calls(),
      ElementsAre(AllOf(HasSubstr("model-versions/set-tag"), HasSubstr("hub.metric.eval_loss"))));

  outbox_.set_link("version:" + first.id, link);
  models.set_state(first.id, registry::VersionState::kCorrupt, "one byte is another");
  sync_.send(model.id);
  EXPECT_THAT(
      calls(), ElementsAre(AllOf(HasSubstr("model-versions/set-tag"), HasSubstr("corrupt"))));
  sync_.send(model.id);
  EXPECT_THAT(calls(), IsEmpty());
}

TEST_F(MlflowModelsTest, FiguresAreToldBesideTheVersionOnceItIsThere) {
  const auto model = add_model("a", ready("one"));
  const auto version = only_version(model);
  const auto evaluation = evaluation_of(version);
  sync_.send_figures("j");
  const auto made = calls();
  ASSERT_FALSE(made.empty());
  EXPECT_THAT(made, testing::Contains(StartsWith("POST /api/2.0/mlflow/logged-models ")));
  const Json batch = Json::parse(made.back().substr(made.back().find('{')));
  EXPECT_THAT(made.back(), StartsWith("POST /api/2.0/mlflow/runs/log-batch "));
  EXPECT_EQ(batch["run_id"], "r");
  ASSERT_EQ(batch["metrics"].size(), 1U);
  const Json& loss = batch["metrics"][0];
  EXPECT_EQ(loss["key"], "loss");
  EXPECT_EQ(loss["value"], 0.5);
  EXPECT_EQ(loss["timestamp"], evaluation.ended_at_ms.value());
  EXPECT_EQ(loss["model_id"], "m-1");
  EXPECT_EQ(loss["dataset_name"], "questions");
  EXPECT_EQ(loss["dataset_digest"], std::string(36, 'd'));
  sync_.send_figures("j");
  EXPECT_THAT(calls(), IsEmpty());
}

TEST_F(MlflowModelsTest, FiguresOfAVersionThatIsGoneStayTheRuns) {
  const auto model = add_model("a", ready("one"));
  const auto version = only_version(model);
  evaluation_of(version);
  models.remove_version(version.id);
  sync_.send_figures("j");
  EXPECT_THAT(calls(), ElementsAre(AllOf(HasSubstr("runs/log-batch"), Not(HasSubstr("model_id")))));
}

TEST_F(MlflowModelsTest, OtherJobsHaveNoFigures) {
  outbox_.set_link("job:k", {{"run", "r"}});
  sync_.send_figures("k");
  EXPECT_THAT(calls(), IsEmpty());
}

}  // namespace
}  // namespace hub::hub
