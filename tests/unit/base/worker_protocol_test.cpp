#include "core/base/worker_protocol.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include "core/base/error.h"

namespace hub::base {
namespace {

TEST(WorkerProtocol, ALineGoesBothWays) {
  const std::string line = protocol_line("metric", {{"step", 3}, {"text", "two\nlines"}});
  EXPECT_EQ(line, "{\"v\":1,\"type\":\"metric\",\"step\":3,\"text\":\"two\\nlines\"}\n");
  EXPECT_EQ(parse_protocol_line(line).at("step"), 3);
}

TEST(WorkerProtocol, RefusesOtherVersionsAndForms) {
  EXPECT_THROW(parse_protocol_line(R"({"type":"ready"})"), Error);
  EXPECT_THROW(parse_protocol_line(R"({"v":2,"type":"ready"})"), Error);
  EXPECT_THROW(parse_protocol_line(R"({"v":1})"), Error);
  EXPECT_THROW(parse_protocol_line(R"({"v":1,"type":7})"), Error);
  EXPECT_THROW(parse_protocol_line("[]"), Error);
  EXPECT_THROW(parse_protocol_line("ready"), Error);
}

TEST(WorkerProtocol, BrokenTextDoesNotBreakTheLine) {
  EXPECT_NO_THROW(parse_protocol_line(protocol_line("log", {{"message", "\xff\xfe"}})));
}

}  // namespace
}  // namespace hub::base
