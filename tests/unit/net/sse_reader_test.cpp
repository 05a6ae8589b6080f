#include "core/net/sse_reader.h"

#include <random>
#include <string>
#include <vector>

#include <gtest/gtest.h>

namespace hub::net {
namespace {

std::string show(const SseReader::Event& event) {
  return event.event + "|" + event.data + "|" + event.id;
}

TEST(SseReader, IsTheSameHoweverTheBytesAreCut) {
  const std::string bytes =
      ": comment\n\nretry: 250\nid: 1\nevent: step\ndata: a\ndata:b\n\n"
      "data: c\r\n\r\nid\rdata\r\rnothing: x\n\ndata: {\"x\": 1}\nid: 9\n\ndata: incomplete";
  const std::vector<std::string> wanted{"step|a\nb|1", "|c|1", "||", "|{\"x\": 1}|9"};
  std::mt19937 random(3);  // NOLINT: the same cuts every time
  for (int round = 0; round < 200; ++round) {
    SseReader reader;
    std::vector<std::string> events;
    for (std::size_t at = 0; at < bytes.size();) {
      const std::size_t size =
          std::min<std::size_t>(round == 0 ? 1 : 1 + random() % 20, bytes.size() - at);
      reader.feed(bytes.substr(at, size), [&events](const SseReader::Event& event) {
        events.push_back(show(event));
        return true;
      });
      at += size;
    }
    EXPECT_EQ(events, wanted);
    EXPECT_EQ(reader.last_id(), "9");
    EXPECT_EQ(reader.retry(), std::chrono::milliseconds(250));
  }
}

TEST(SseReader, StopsWhenToldAndForgetsHalfAnEventOnReconnect) {
  SseReader reader;
  int events = 0;
  const auto stop = [&events](const SseReader::Event&) {
    ++events;
    return false;
  };
  EXPECT_FALSE(reader.feed("data: 1\n\ndata: 2\n\n", stop));
  EXPECT_EQ(events, 1);
  EXPECT_TRUE(reader.feed("id: 5\ndata: half", stop));
  reader.reconnect();
  EXPECT_TRUE(reader.feed("\n\n", stop));
  EXPECT_EQ(events, 1);
  EXPECT_EQ(reader.last_id(), "5");
}

}  // namespace
}  // namespace hub::net
