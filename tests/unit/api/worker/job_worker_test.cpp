#include "api/worker/job_worker.h"

#include <algorithm>
#include <cmath>
#include <string>
#include <vector>

#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include "core/base/file.h"
#include "core/models/language_model.h"
#include "tests/support/default_model.h"
#include "tests/support/temp_dir.h"
#include "tests/support/tiny_model.h"

namespace hub::api {
namespace {

using base::Json;

struct Event {
  std::string type;
  Json data;
};

// Jobs over a tiny random model that has the default model's tokenizer (and so its vocabulary).
class JobWorkerTest : public testing::Test {
 protected:
  JobWorkerTest() {
    Json config = test::tiny_config();
    config["vocab_size"] = 49152;
    config["hidden_size"] = 32;
    config["num_attention_heads"] = 2;
    config["num_key_value_heads"] = 1;
    test::write_tiny_model(model(), config);
    for (const char* name : {"tokenizer.json", "tokenizer_config.json"}) {
      std::filesystem::copy_file(test::default_model_folder() / name, model() / name);
    }
    std::string lines;
    for (int i = 0; i < 12; ++i) {
      lines += Json({{"prompt", fmt::format("Say {}.", i)}, {"completion", "Yes"}}).dump() + "\n";
    }
    dataset_ = folder_.write("rows.jsonl", lines);
    spec_ = {
        {"protocol", 1},
        {"job_id", "job-1"},
        {"kind", "finetune"},
        {"base", {{"folder", model().string()}, {"digest", "base-digest"}, {"name", "tiny"}}},
        {"adapter", nullptr},
        {"dataset", {{"path", dataset_.string()}, {"digest", base::sha256_file(dataset_)}}},
        {"params",
         {{"rank", 2},
          {"learning_rate", 1e-2},
          {"batch_size", 4},
          {"eval_fraction", 0.25},
          {"eval_every", 2},
          {"save_every", 2}}},
        {"output_folder", (folder_.path() / "out").string()}};
  }

  [[nodiscard]] std::filesystem::path model() const { return folder_.path() / "model"; }

  bool perform() {
    const auto file = folder_.write("spec.json", spec_.dump());
    events_.clear();
    return perform_job({file.string()}, control_, [this](std::string_view type, const Json& data) {
      events_.push_back({std::string(type), data});
      if (on_event_) {
        on_event_(events_.back());
      }
    });
  }

  [[nodiscard]] std::vector<Json> of(const std::string& type) const {
    std::vector<Json> found;
    for (const Event& event : events_) {
      if (event.type == type) {
        found.push_back(event.data);
      }
    }
    return found;
  }

  test::TempDir folder_;
  std::filesystem::path dataset_;
  Json spec_;
  JobControl control_;
  std::vector<Event> events_;
  std::function<void(const Event&)> on_event_;
};

// What a job says that it will take is what the trainer asks for, and no weights are read for it.
TEST_F(JobWorkerTest, AnEstimateSaysWhatAFinetuningWouldTake) {
  spec_["kind"] = "estimate";
  spec_.erase("output_folder");
  const auto weights = model() / "model.safetensors";
  const auto size = std::filesystem::file_size(weights);
  ASSERT_TRUE(perform()) << events_.back().data.dump();
  const Json result = events_.back().data;
  EXPECT_EQ(result.at("batch_size"), 4);
  EXPECT_EQ(result.at("trained"), 4 * result.at("trainable_parameters").get<int>());
  EXPECT_LT(result.at("weights").get<std::uint64_t>(), size);
  EXPECT_GT(result.at("array_bytes"), result.at("weights"));
  EXPECT_GT(result.at("process_bytes"), result.at("array_bytes"));

  const std::uint64_t weights_bytes = result.at("weights");
  spec_["kind"] = "finetune";
  spec_["output_folder"] = (folder_.path() / "out").string();
  ASSERT_TRUE(perform()) << events_.back().data.dump();
  EXPECT_EQ(of("ready").at(0).at("weight_bytes"), weights_bytes);

  spec_["kind"] = "estimate";
  spec_["memory_limit_bytes"] = 1000;
  EXPECT_FALSE(perform());
  EXPECT_EQ(events_.back().data.at("reason"), "insufficient_memory");
}

TEST_F(JobWorkerTest, FinetuneWritesAnAdapterThatEvaluatesBetter) {
  spec_["params"]["epochs"] = 2;
  ASSERT_TRUE(perform()) << events_.back().data.dump();
  EXPECT_EQ(events_.back().type, "result");
  const Json result = events_.back().data;
  EXPECT_EQ(result.at("steps"), 6);  // 9 rows to train on, in batches of 4
  EXPECT_LT(
      result.at("eval_loss_after").get<double>(), result.at("eval_loss_before").get<double>());
  EXPECT_GT(result.at("trained_tokens").get<int>(), 0);
  EXPECT_GT(result.at("peak_memory_bytes").get<int>(), 0);
  EXPECT_GT(of("ready").at(0).at("weight_bytes").get<int>(), 0);
  EXPECT_EQ(of("progress").front().at("step"), 0);
  EXPECT_EQ(of("progress").back(), Json({{"step", 6}, {"total", 6}, {"eta_seconds", 0.0}}));
  ASSERT_EQ(of("checkpoint").size(), 3U);
  const std::filesystem::path saved = of("checkpoint")[0].at("folder").get<std::string>();
  EXPECT_TRUE(std::filesystem::exists(saved / "0000002_adapters.safetensors"));

  const std::filesystem::path adapter = result.at("adapter_folder").get<std::string>();
  const auto base = models::load_model(model());
  EXPECT_EQ(models::load_adapter(adapter, *base).layers.size(), 14U);
  const Json config = Json::parse(base::read_file(adapter / "adapter_config.json"));
  EXPECT_EQ(config.at("mlx_model_hub").at("job_id"), "job-1");
  EXPECT_EQ(config.at("mlx_model_hub").at("base_digest"), "base-digest");
  EXPECT_EQ(config.at("mlx_model_hub").at("dataset_digest"), base::sha256_file(dataset_));
  // Nothing but the adapter becomes the version.
  const auto begin = std::filesystem::directory_iterator(adapter);
  EXPECT_EQ(std::distance(begin, std::filesystem::directory_iterator()), 2);

  spec_["kind"] = "evaluate";
  spec_["params"] = {{"max_rows", 5}};
  ASSERT_TRUE(perform()) << events_.back().data.dump();
  const Json before = events_.back().data;
  spec_["adapter"] = {{"folder", adapter.string()}};
  ASSERT_TRUE(perform()) << events_.back().data.dump();
  const Json after = events_.back().data;
  EXPECT_EQ(after.at("rows"), 5);
  EXPECT_EQ(after.at("tokens"), before.at("tokens"));
  EXPECT_LT(after.at("loss").get<double>(), before.at("loss").get<double>());
  EXPECT_NEAR(after.at("perplexity").get<double>(), std::exp(after.at("loss").get<double>()), 1e-6);
}

TEST_F(JobWorkerTest, MetricsCarryWhatTheServerStores) {
  ASSERT_TRUE(perform());
  bool has_train = false;
  bool has_eval = false;
  for (const Json& metric : of("metric")) {
    if (metric.contains("eval_loss")) {
      has_eval = true;
      continue;
    }
    has_train = true;
    for (const char* name :
         {"step",
          "train_loss",
          "learning_rate",
          "iterations_per_second",
          "tokens_per_second",
          "trained_tokens",
          "grad_norm",
          "peak_memory_bytes"}) {
      EXPECT_TRUE(metric.at(name).is_number()) << name;
    }
  }
  EXPECT_TRUE(has_train);
  EXPECT_TRUE(has_eval);
}

TEST_F(JobWorkerTest, BeginsBySayingWhatItRunsIn) {
  ASSERT_TRUE(perform());
  EXPECT_EQ(events_.front().type, "environment");
  EXPECT_EQ(of("environment").size(), 1U);
  EXPECT_TRUE(events_.front().data.at("mlx").contains("version"));
}

TEST_F(JobWorkerTest, AJobThatIsDoneAgainHasTheBatchesOfBefore) {
  const auto batch_size = [this] {
    EXPECT_TRUE(perform()) << events_.back().data.dump();
    std::filesystem::remove_all(folder_.path() / "out");
    return events_.back().data.at("batch_size").get<int>();
  };
  spec_["params"]["batch_size"] = "auto";
  ASSERT_NE(batch_size(), 3);
  spec_["settled_batch_size"] = 3;
  EXPECT_EQ(batch_size(), 3);
  spec_["params"]["batch_size"] = 4;
  EXPECT_EQ(batch_size(), 4) << "one that was asked for stands";
}

TEST_F(JobWorkerTest, PreferencesReportRewards) {
  std::string lines;
  for (int i = 0; i < 12; ++i) {
    lines += Json({{"prompt", fmt::format("Say {}.", i)}, {"chosen", "Yes"}, {"rejected", "No, 7"}})
                 .dump() +
             "\n";
  }
  const auto pairs = folder_.write("pairs.jsonl", lines);
  spec_["dataset"] = {{"path", pairs.string()}, {"digest", base::sha256_file(pairs)}};
  spec_["params"]["objective"] = "dpo";
  spec_["params"]["epochs"] = 3;
  ASSERT_TRUE(perform()) << events_.back().data.dump();
  const Json result = events_.back().data;
  EXPECT_NEAR(result.at("eval_loss_before").get<double>(), std::log(2.0), 1e-6);
  EXPECT_LT(result.at("eval_loss_after").get<double>(), std::log(2.0));
  const std::vector<Json> metrics = of("metric");
  EXPECT_EQ(metrics.front().at("eval_reward_margin"), 0.0);
  EXPECT_EQ(metrics.back().at("eval_reward_accuracy"), 1.0);
  for (const Json& metric : metrics) {
    const std::string prefix = metric.contains("eval_loss") ? "eval_" : "";
    for (const char* name :
         {"reward_chosen", "reward_rejected", "reward_accuracy", "reward_margin"}) {
      EXPECT_TRUE(metric.at(prefix + name).is_number()) << metric.dump();
    }
    EXPECT_NEAR(
        metric.at(prefix + "reward_margin").get<double>(),
        metric.at(prefix + "reward_chosen").get<double>() -
            metric.at(prefix + "reward_rejected").get<double>(),
        1e-9);
  }
}

TEST_F(JobWorkerTest, AnObjectiveRefusesRowsOfAnotherKind) {
  spec_["params"]["objective"] = "dpo";
  EXPECT_FALSE(perform());
  EXPECT_EQ(events_.back().type, "error");
  EXPECT_EQ(events_.back().data.at("reason"), "dataset_format");
}

TEST_F(JobWorkerTest, EqualSeedsGiveEqualFiles) {
  const auto run = [&](int seed) {
    spec_["seed"] = seed;
    EXPECT_TRUE(perform());
    return base::sha256_file(folder_.path() / "out" / "adapter" / "adapters.safetensors");
  };
  const std::string first = run(1);
  EXPECT_EQ(first, run(1));
  EXPECT_NE(first, run(2));
}

TEST_F(JobWorkerTest, TrainingGoesOnFromAnAdapter) {
  ASSERT_TRUE(perform());
  const double reached = events_.back().data.at("eval_loss_after").get<double>();
  const auto adapter = folder_.path() / "first";
  std::filesystem::rename(folder_.path() / "out" / "adapter", adapter);
  spec_["adapter"] = {{"folder", adapter.string()}};
  ASSERT_TRUE(perform());
  EXPECT_NEAR(events_.back().data.at("eval_loss_before").get<double>(), reached, 1e-5);
}

TEST_F(JobWorkerTest, StopEndsWithinOneStepAndLeavesNoResult) {
  spec_["params"]["epochs"] = 1000;
  on_event_ = [this](const Event& event) {
    if (event.type == "metric" && event.data.at("step") == 3) {
      control_.handle({{"v", 1}, {"type", "stop"}});
    }
  };
  EXPECT_FALSE(perform());
  EXPECT_EQ(events_.back().type, "error");
  EXPECT_EQ(events_.back().data.at("code"), "cancelled");
  int last = 0;
  for (const Json& metric : of("metric")) {
    last = std::max(last, metric.at("step").get<int>());
  }
  EXPECT_EQ(last, 3);
  EXPECT_FALSE(std::filesystem::exists(folder_.path() / "out" / "adapter"));
}

TEST_F(JobWorkerTest, StopBeforeTheStartLoadsNothing) {
  control_.stop();
  EXPECT_FALSE(perform());
  EXPECT_EQ(events_.back().data.at("code"), "cancelled");
  EXPECT_TRUE(of("ready").empty());
}

TEST_F(JobWorkerTest, CheckpointOnRequest) {
  spec_["params"]["save_every"] = 0;
  bool asked = false;
  on_event_ = [&](const Event& event) {
    if (event.type == "metric" && event.data.contains("train_loss") && !asked) {
      asked = true;
      control_.handle({{"v", 1}, {"type", "checkpoint"}});
    }
  };
  ASSERT_TRUE(perform());
  ASSERT_EQ(of("checkpoint").size(), 1U);
  EXPECT_EQ(of("checkpoint")[0].at("step"), 1);
}

TEST_F(JobWorkerTest, ErrorsSayWhatAndWhere) {
  const auto error = [&](const std::function<void()>& spoil) {
    const Json good = spec_;
    spoil();
    EXPECT_FALSE(perform());
    spec_ = good;
    return events_.back().data;
  };
  Json got = error([&] { spec_["params"]["rank"] = 0; });
  EXPECT_EQ(got.at("code"), "invalid_argument");
  EXPECT_EQ(got.at("param"), "params.rank");

  got = error([&] { spec_["dataset"]["path"] = (folder_.path() / "none.jsonl").string(); });
  EXPECT_EQ(got.at("code"), "not_found");

  got = error([&] { spec_["dataset"]["digest"] = std::string(64, 'f'); });
  EXPECT_EQ(got.at("reason"), "dataset_changed");

  got = error([&] { spec_["memory_limit_bytes"] = 1; });
  EXPECT_EQ(got.at("code"), "insufficient_memory");

  got = error([&] { spec_["params"]["target_modules"] = {"no_such_proj"}; });
  EXPECT_EQ(got.at("param"), "params.target_modules");

  got = error([&] { spec_["base"]["folder"] = (folder_.path() / "no-model").string(); });
  EXPECT_NE(got.at("code"), "internal") << got.dump();

  got = error([&] {
    spec_["kind"] = "evaluate";
    spec_["params"] = {{"max_row", 5}};
  });
  EXPECT_EQ(got.at("param"), "params.max_row");
}

TEST_F(JobWorkerTest, ASpecificationThatIsMissingIsAnError) {
  EXPECT_FALSE(perform_job(
      {(folder_.path() / "none.json").string()},
      control_,
      [this](std::string_view type, const Json& data) {
        events_.push_back({std::string(type), data});
      }));
  EXPECT_EQ(events_.back().data.at("code"), "not_found");
}

}  // namespace
}  // namespace hub::api
