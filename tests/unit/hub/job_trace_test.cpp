#include "core/hub/job_trace.h"

#include <algorithm>
#include <set>

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

namespace hub::hub {
namespace {

using obs::Span;
using testing::ElementsAre;

constexpr const char* kJob = "01a22523-573c-7000-8d25-cfacb6fb3e41";

class JobTraceTest : public testing::Test {
 protected:
  // What the event ended, by name.
  std::vector<std::string> add(
      const std::string& type,
      std::int64_t time_ms,
      const base::Json& data = base::Json::object()) {
    jobs::Event event;
    event.seq = ++seq_;
    event.time_ms = time_ms;
    event.type = "job." + type;
    event.subject_kind = "job";
    event.subject_id = kJob;
    event.data_json = data.dump();
    std::vector<std::string> names;
    for (Span& span : trace_.add(event)) {
      names.push_back(span.name);
      spans_.push_back(std::move(span));
    }
    return names;
  }
  std::vector<std::string> span_ids() const {
    std::vector<std::string> ids(spans_.size());
    std::transform(
        spans_.begin(), spans_.end(), ids.begin(), [](const Span& span) { return span.span_id; });
    return ids;
  }
  const Span& last(const std::string& name) {
    return *std::find_if(
        spans_.rbegin(), spans_.rend(), [&](const Span& span) { return span.name == name; });
  }

  JobTrace trace_{kJob};
  std::int64_t seq_ = 0;
  std::vector<Span> spans_;
};

TEST_F(JobTraceTest, TheRootLinksToTheRequestThatSubmittedTheJob) {
  add("queued", 100);
  add("traced", 100, {{"traceparent", "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"}});
  add("cancelled", 200);
  ASSERT_EQ(last("job").links.size(), 1U);
  EXPECT_EQ(last("job").links[0].trace_id, "4bf92f3577b34da6a3ce929d0e0e4736");
  EXPECT_EQ(last("job").links[0].span_id, "00f067aa0ba902b7");
  EXPECT_TRUE(last("job.wait").links.empty());
}

TEST_F(JobTraceTest, AJobIsATraceOfWaitingAttemptsAndReports) {
  EXPECT_THAT(add("queued", 100, {{"kind", "finetune"}, {"model", "m"}}), ElementsAre());
  EXPECT_THAT(add("waiting", 120, {{"reason", "waiting_for_memory"}}), ElementsAre());
  EXPECT_THAT(add("started", 150), ElementsAre("job.wait"));
  EXPECT_EQ(last("job.wait").start_ns, 100'000'000);
  EXPECT_THAT(add("memory", 160), ElementsAre());
  EXPECT_THAT(add("metric", 200, {{"step", 5}, {"train_loss", 1.5}}), ElementsAre("job.report"));
  EXPECT_EQ(last("job.report").start_ns, 150'000'000);
  EXPECT_EQ(last("job.report").end_ns, 200'000'000);
  EXPECT_THAT(
      last("job.report").attributes,
      testing::IsSupersetOf(
          obs::Attributes{
              {"mlx_hub.job.id", std::string(kJob)},
              {"mlx_hub.job.kind", std::string("finetune")},
              {"mlx_hub.job.step", std::int64_t{5}},
              {"mlx_hub.job.train_loss", 1.5}}));
  EXPECT_THAT(add("metric", 230, {{"step", 5}, {"eval_loss", 2.0}}), ElementsAre("job.evaluation"));
  EXPECT_EQ(last("job.evaluation").start_ns, 200'000'000);
  EXPECT_THAT(
      add("checkpoint", 240, {{"step", 5}, {"seconds", 0.004}}), ElementsAre("job.checkpoint"));
  EXPECT_EQ(last("job.checkpoint").start_ns, 236'000'000);
  EXPECT_THAT(add("metric", 300, {{"step", 10}, {"train_loss", 1.2}}), ElementsAre("job.report"));
  EXPECT_EQ(last("job.report").start_ns, 230'000'000) << "the checkpoint lies within the window";
  EXPECT_THAT(add("completed", 310, {{"state", "COMPLETED"}}), ElementsAre("job.attempt", "job"));
  EXPECT_TRUE(trace_.ended());

  const Span& root = last("job");
  EXPECT_EQ(root.parent_span_id, "");
  EXPECT_EQ(root.start_ns, 100'000'000);
  EXPECT_EQ(root.end_ns, 310'000'000);
  EXPECT_FALSE(root.failed);
  EXPECT_EQ(last("job.wait").parent_span_id, root.span_id);
  EXPECT_EQ(last("job.attempt").parent_span_id, root.span_id);
  std::set<std::string> ids;
  for (const Span& span : spans_) {
    EXPECT_EQ(span.trace_id, "01a22523573c70008d25cfacb6fb3e41");
    EXPECT_EQ(span.span_id.size(), 16U);
    ids.insert(span.span_id);
    if (span.name == "job.report" || span.name == "job.evaluation") {
      EXPECT_EQ(span.parent_span_id, last("job.attempt").span_id);
    }
  }
  EXPECT_EQ(ids.size(), spans_.size());
}

TEST_F(JobTraceTest, ACrashFailsTheAttemptAndNotTheJob) {
  add("queued", 100);
  add("started", 150);
  EXPECT_THAT(add("retry", 200, {{"last_error", "signal 9"}}), ElementsAre("job.attempt"));
  EXPECT_TRUE(last("job.attempt").failed);
  EXPECT_EQ(last("job.attempt").failure, "signal 9");
  EXPECT_THAT(add("started", 260), ElementsAre("job.wait"));
  EXPECT_EQ(last("job.wait").start_ns, 200'000'000);
  EXPECT_THAT(add("failed", 300, {{"reason", "no"}}), ElementsAre("job.attempt", "job"));
  EXPECT_TRUE(last("job").failed);
  EXPECT_EQ(last("job").failure, "no");
}

TEST_F(JobTraceTest, AJobThatNeverStartsHasWaited) {
  add("queued", 100);
  EXPECT_THAT(add("cancelled", 200), ElementsAre("job.wait", "job"));
  EXPECT_FALSE(last("job").failed);
}

TEST_F(JobTraceTest, TheSameEventsGiveTheSameSpans) {
  add("queued", 100);
  add("started", 150);
  add("completed", 200);
  const std::vector<std::string> first = span_ids();
  trace_ = JobTrace(kJob);
  spans_.clear();
  seq_ = 0;
  add("queued", 100);
  add("started", 150);
  add("completed", 200);
  EXPECT_EQ(span_ids(), first);
}

TEST(JobTraceId, IsHexadecimalWhateverTheJobIsCalled) {
  const std::string id = JobTrace::trace_id("job one");
  EXPECT_EQ(id.size(), 32U);
  EXPECT_EQ(id.find_first_not_of("0123456789abcdef"), std::string::npos);
}

}  // namespace
}  // namespace hub::hub
