#include "core/jobs/mlflow_outbox.h"

#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include "core/jobs/job_queue.h"
#include "tests/support/registry_fixture.h"

namespace hub::hub {
namespace {

using base::Json;

class MlflowOutboxTest : public test::RegistryFixture {
 protected:
  MlflowOutboxTest() { outbox_.begin("http://mlflow"); }

  void take_all() {
    while (outbox_.take_events(100) > 0) {
    }
  }
  std::int64_t now() { return storage.clock.now_ms(); }
  static jobs::NewJob finetuning() {
    jobs::NewJob job;
    job.kind = "finetune";
    return job;
  }

  jobs::MlflowOutbox outbox_{storage.pool};
  jobs::JobQueue queue_{storage.pool, storage.clock};
};

TEST_F(MlflowOutboxTest, AnObjectThatChangesOftenIsToldOnce) {
  const auto model = add_model("a", ready("one"));
  models.update_model("a", "better", std::nullopt);
  aliases.set(model.id, "production", 1);
  take_all();
  const auto entries = outbox_.entries(10);
  ASSERT_EQ(entries.size(), 1U);
  EXPECT_EQ(entries[0].object, "model:" + model.id);
  EXPECT_EQ(outbox_.counts().waiting, 1);
  outbox_.sent(entries[0]);
  EXPECT_EQ(outbox_.counts().waiting, 0);
  EXPECT_EQ(outbox_.take_events(100), 0);
}

TEST_F(MlflowOutboxTest, WhatChangesWhileItIsSentIsSentAgain) {
  add_model("a", ready("one"));
  take_all();
  const auto entry = outbox_.next(now());
  ASSERT_TRUE(entry);
  models.update_model("a", "better", std::nullopt);
  take_all();
  outbox_.sent(*entry);
  const auto again = outbox_.next(now());
  ASSERT_TRUE(again);
  EXPECT_GT(again->seq, entry->seq);
  outbox_.sent(*again);
  EXPECT_FALSE(outbox_.next(now()));
}

TEST_F(MlflowOutboxTest, ARunningJobsReportsAreToldTogetherAndItsEndAtOnce) {
  const jobs::Job job = queue_.enqueue(finetuning());
  ASSERT_TRUE(queue_.claim("w", now()));
  take_all();
  outbox_.sent(outbox_.next(now()).value());
  queue_.record_metric(job.id, {{"step", 1}, {"train_loss", 2.5}});
  take_all();
  EXPECT_FALSE(outbox_.next(now()));
  EXPECT_TRUE(outbox_.next(now() + 1000));
  queue_.complete(job.id, Json::object());
  take_all();
  EXPECT_TRUE(outbox_.next(now()));
}

TEST_F(MlflowOutboxTest, WhatIsRefusedWaitsUntilItChangesOrIsRetried) {
  const auto first = add_model("a", ready("one"));
  const auto second = add_model("b", ready("two"));
  take_all();
  const auto entry = outbox_.next(now()).value();
  EXPECT_EQ(entry.object, "model:" + first.id);
  outbox_.refused(entry, "no such name", now() + 10'000);
  EXPECT_EQ(outbox_.next(now()).value().object, "model:" + second.id);
  EXPECT_EQ(outbox_.counts().refused, 1);
  EXPECT_EQ(outbox_.find(entry.object).value().error, "no such name");
  outbox_.sent(outbox_.next(now()).value());
  EXPECT_FALSE(outbox_.next(now()));
  EXPECT_EQ(outbox_.next_due(), now() + 10'000);
  outbox_.retry();
  EXPECT_EQ(outbox_.next(now()).value().attempts, 1);
  outbox_.refused(entry, "no such name", now() + 40'000);
  models.update_model("a", "another name", std::nullopt);
  take_all();
  EXPECT_TRUE(outbox_.next(now()));
}

TEST_F(MlflowOutboxTest, AnotherServerIsToldEverythingAnew) {
  const auto model = add_model("a", ready("one"));
  take_all();
  outbox_.sent(outbox_.next(now()).value());
  outbox_.set_link("model:" + model.id, {{"name", "a"}});
  outbox_.begin("http://mlflow");
  take_all();
  EXPECT_EQ(outbox_.counts().waiting, 0);
  EXPECT_EQ(outbox_.link("model:" + model.id).at("name"), "a");
  outbox_.begin("http://another");
  take_all();
  EXPECT_EQ(outbox_.counts().waiting, 1);
  EXPECT_TRUE(outbox_.link("model:" + model.id).is_null());
}

TEST_F(MlflowOutboxTest, OtherEventsAreNotTold) {
  const auto model = add_model("a", ready("one"));
  take_all();
  outbox_.sent(outbox_.next(now()).value());
  const jobs::Job job = queue_.enqueue(finetuning());  // it has not run
  queue_.cancel(job.id);
  take_all();
  const auto entry = outbox_.next(now());
  ASSERT_TRUE(entry) << "its end is looked at";
  EXPECT_EQ(entry->object, "job:" + job.id);
}

}  // namespace
}  // namespace hub::hub
