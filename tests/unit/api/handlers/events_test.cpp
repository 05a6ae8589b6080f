#include <thread>

#include <gmock/gmock.h>

#include "tests/unit/api/handlers/handler_fixture.h"

namespace hub::api {
namespace {

using base::Json;
using testing::HasSubstr;

constexpr int kJobs = 40;  // of EverythingIsStreamedInOrderWhileItHappens

class EventRoutes : public test::HandlerFixture {
 protected:
  jobs::Job add_job() {
    jobs::NewJob job;
    job.kind = "finetune";
    return hub.queue.enqueue(job);
  }
  // The stream of an answer, to its end.
  static std::string stream(const Answer& answer, int most_writes = 1'000'000) {
    test::Recorder recorder(most_writes);
    EXPECT_TRUE(answer.response.stream);
    answer.response.stream(recorder);
    return recorder.text;
  }
  static std::vector<std::string> ids(const std::string& text) {
    std::vector<std::string> found;
    for (std::size_t at = text.find("id: "); at != std::string::npos;
         at = text.find("id: ", at + 1)) {
      if (at == 0 || text[at - 1] == '\n') {
        found.push_back(text.substr(at + 4, text.find('\n', at) - at - 4));
      }
    }
    return found;
  }
};

using Ids = std::vector<std::string>;

TEST_F(EventRoutes, AJobsStreamBeginsWithItsFirstEventAndEndsWithItsLast) {
  const auto job = add_job();
  add_job();  // its events do not belong here
  hub.queue.claim("w", hub.clock.now_ms());
  hub.queue.record_metric(job.id, {{"step", 1}, {"train_loss", 2.5}});
  hub.queue.complete(job.id, Json::object());
  const Answer answer = get("/jobs/" + job.id + "/events");
  EXPECT_EQ(answer.status, 200);
  EXPECT_THAT(answer.response.headers.at("Content-Type"), HasSubstr("text/event-stream"));
  const std::string text = stream(answer);
  EXPECT_EQ(ids(text), (Ids{"1", "3", "4", "5"}));
  EXPECT_THAT(text, HasSubstr("event: job.metric\n"));
  EXPECT_THAT(text, HasSubstr(R"("subject":{"kind":"job","id":")" + job.id));
  EXPECT_THAT(text, HasSubstr(R"("data":{"step":1,"train_loss":2.5}})"));
}

TEST_F(EventRoutes, AReconnectGetsTheRestOnce) {
  const auto job = add_job();
  hub.queue.claim("w", hub.clock.now_ms());
  hub.queue.complete(job.id, Json::object());
  Request again = request("GET", "/jobs/" + job.id + "/events?after=0");
  again.headers["Last-Event-ID"] = "1";  // browsers repeat the first URL
  EXPECT_EQ(ids(stream(send(again))), (Ids{"2", "3"}));
  EXPECT_EQ(ids(stream(get("/jobs/" + job.id + "/events?after=2"))), (Ids{"3"}));
  EXPECT_EQ(get("/jobs/" + job.id + "/events?after=3").status, 204) << "nothing will ever follow";
}

TEST_F(EventRoutes, PositionsThatAreNoneAreRefused) {
  const auto job = add_job();
  for (const char* after : {"x", "-1", "2", "1.5", "99999999999999999999"}) {
    EXPECT_EQ(get(std::string("/events?after=") + after).param(), "after") << after;
  }
  Request made = request("GET", "/jobs/" + job.id + "/events");
  made.headers["Last-Event-ID"] = "abc";
  EXPECT_EQ(send(made).param(), "Last-Event-ID");
  EXPECT_EQ(get("/jobs/none/events").status, 404);
  EXPECT_EQ(get("/events?since=1").code(), "unknown_field");
}

TEST_F(EventRoutes, EverythingIsStreamedInOrderWhileItHappens) {
  add_job();  // before: not in a stream from now on
  const Request made = request("GET", "/events");
  const Answer answer = send(made);
  std::vector<std::thread> writers;
  writers.reserve(4);
  for (int t = 0; t < 4; ++t) {
    writers.emplace_back([&] {
      for (int i = 0; i < kJobs / 4; ++i) {
        add_job();
      }
    });
  }
  const std::string text = stream(answer, kJobs + 1);  // the greeting, then one write an event
  for (std::thread& writer : writers) {
    writer.join();
  }
  Ids expected;
  for (int i = 0; i < kJobs; ++i) {
    expected.push_back(std::to_string(i + 2));
  }
  EXPECT_EQ(ids(text), expected);
}

TEST_F(EventRoutes, AStreamEndsWithTheClientOrTheServer) {
  const Request gone = request("GET", "/events");
  const Answer first = send(gone);
  *gone.cancelled = true;
  EXPECT_EQ(ids(stream(first)), Ids{});

  const Request stopping = request("GET", "/events");
  const Answer second = send(stopping);
  std::thread stopper([&] { *stopping.stopping = true; });
  EXPECT_EQ(ids(stream(second)), Ids{});
  stopper.join();

  const Request closed = request("GET", "/events");
  const Answer third = send(closed);
  hub.events.close();
  EXPECT_EQ(ids(stream(third)), Ids{});
}

}  // namespace
}  // namespace hub::api
