#include "core/hub/host_runner.h"

#include <chrono>
#include <thread>

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include "core/base/error.h"
#include "tests/support/storage.h"

namespace hub::hub {
namespace {

using jobs::Job;
using jobs::JobState;
using testing::HasSubstr;

// Does what the job's model says.
class ScriptedKind final : public HostJobKind {
 public:
  HostJobEnd run(const Job& job, HostJobContext& context) override {
    ++runs;
    if (job.model == "fails") {
      throw base::Error(base::ErrorCode::kUnavailable, "the line is cut");
    }
    while (job.model == "endless" && !context.stop()) {
      std::this_thread::sleep_for(std::chrono::milliseconds(10));
    }
    if (context.stop()) {
      throw base::Error(base::ErrorCode::kCancelled, "stopped");
    }
    context.progress(3, 7, 1.5, {{"unit", "bytes"}});
    HostJobEnd end;
    end.result_json = R"({"done":true})";
    end.finish = [this, fails = job.model == "cannot finish"]() -> std::optional<jobs::JobResult> {
      if (fails) {
        throw base::Error(base::ErrorCode::kConflict, "somebody was faster");
      }
      ++finished;
      return jobs::JobResult{"tiny", 2, "v"};
    };
    end.undo = [this] { ++undone; };
    end.clean_up = [this] { ++cleaned; };
    return end;
  }
  std::atomic<int> runs{0};
  std::atomic<int> finished{0};
  std::atomic<int> undone{0};
  std::atomic<int> cleaned{0};
};

class HostRunnerTest : public testing::Test {
 protected:
  void start() {
    auto kind = std::make_unique<ScriptedKind>();
    kind_ = kind.get();
    HostJobKinds kinds;
    kinds["pull"] = std::move(kind);
    runner_ = std::make_unique<HostRunner>(
        HostRunner::Collaborators{storage_.pool, queue_, events_, storage_.clock},
        std::move(kinds));
    runner_->recover();
    runner_->start();
  }
  Job submit(const std::string& model, const std::string& kind = "pull") {
    jobs::NewJob job;
    job.kind = kind;
    job.lane = jobs::kHostLane;
    job.model = model;
    return queue_.enqueue(job);
  }
  Job wait_until(const std::string& id, const std::function<bool(const Job&)>& done) {
    for (int i = 0; i < 1000 && !done(queue_.get(id)); ++i) {
      std::this_thread::sleep_for(std::chrono::milliseconds(10));
    }
    return queue_.get(id);
  }
  Job ended(const std::string& id) {
    return wait_until(id, [](const Job& job) { return jobs::is_ended(job.state); });
  }

  test::Storage storage_;
  jobs::EventLog events_{storage_.pool};
  jobs::JobQueue queue_{storage_.pool, storage_.clock};
  ScriptedKind* kind_ = nullptr;
  std::unique_ptr<HostRunner> runner_;
};

TEST_F(HostRunnerTest, CompletesAJobWithWhatItMade) {
  start();
  const Job job = ended(submit("good").id);
  EXPECT_EQ(job.state, JobState::kCompleted) << job.reason;
  EXPECT_EQ(job.result->version, 2);
  EXPECT_EQ(job.progress->step, 3);
  EXPECT_THAT(job.result_json, HasSubstr("done"));
  runner_->stop();
  EXPECT_EQ(kind_->cleaned, 1);
  EXPECT_EQ(kind_->undone, 0);
  for (const jobs::Event& event : events_.after(0, job.id)) {
    if (event.type == "job.progress") {
      EXPECT_THAT(event.data_json, HasSubstr(R"("unit":"bytes")"));
    }
  }
}

TEST_F(HostRunnerTest, FailsWithTheReasonAndTakesFilesBack) {
  start();
  EXPECT_EQ(ended(submit("fails").id).reason, "the line is cut");
  EXPECT_EQ(kind_->undone, 0);
  EXPECT_EQ(ended(submit("cannot finish").id).reason, "somebody was faster");
  EXPECT_EQ(kind_->undone, 1);
  EXPECT_EQ(kind_->cleaned, 0);
  EXPECT_THAT(ended(submit("x", "paint").id).reason, HasSubstr("'paint' cannot be run"));
}

TEST_F(HostRunnerTest, CancelEndsAJobThatWouldGoOnForEver) {
  start();
  const Job job = submit("endless");
  wait_until(job.id, [](const Job& now) { return now.state == JobState::kRunning; });
  queue_.cancel(job.id);
  EXPECT_EQ(ended(job.id).state, JobState::kCancelled);
}

TEST_F(HostRunnerTest, AJobEndsAtItsTimeLimit) {
  start();
  jobs::NewJob job;
  job.kind = "pull";
  job.lane = jobs::kHostLane;
  job.model = "endless";
  job.timeout_seconds = 1;
  const Job late = ended(queue_.enqueue(job).id);
  EXPECT_EQ(late.state, JobState::kFailed);
  EXPECT_THAT(late.reason, HasSubstr("limit of 1 seconds"));
}

TEST_F(HostRunnerTest, AStoppedServerLeavesItsJobToTheNext) {
  start();
  const Job job = submit("endless");
  wait_until(job.id, [](const Job& now) { return now.state == JobState::kRunning; });
  runner_->stop();
  EXPECT_EQ(queue_.get(job.id).state, JobState::kQueued);
  EXPECT_EQ(queue_.get(job.id).attempt, 0);
}

TEST_F(HostRunnerTest, AKilledServersJobGoesOn) {
  const Job job = submit("good");
  queue_.claim("a server that died", 0, jobs::kHostLane);
  jobs::NewJob other;
  other.kind = "finetune";
  const Job device = queue_.enqueue(other);
  queue_.claim("a server that died", 0);
  start();
  EXPECT_EQ(ended(job.id).state, JobState::kCompleted);
  EXPECT_EQ(queue_.get(device.id).state, JobState::kRunning);  // not this runner's business
}

}  // namespace
}  // namespace hub::hub
