#include "core/engine/prefill_pace.h"

#include <algorithm>

#include <gtest/gtest.h>

namespace hub::engine {
namespace {

// A machine on which a step takes fixed + per_row * rows seconds beside four sequences.
struct Machine {
  double decode;
  double per_row;

  // The rows that the pace settles on, and how long the longest step was after the first few.
  int settle(PrefillPace& pace, double& longest) const {
    for (int i = 0; i < 20; ++i) {
      pace.add(4, 0, decode);
    }
    int rows = 0;
    longest = 0.0;
    for (int i = 0; i < 60; ++i) {
      rows = pace.rows();
      const double seconds = decode + per_row * rows;
      pace.add(4, rows, seconds);
      longest = i < 6 ? 0.0 : std::max(longest, seconds);
    }
    return rows;
  }
};

TEST(PrefillPace, StepsStayWithinThePatience) {
  double longest = 0.0;
  PrefillPace slow(256);
  const int few = Machine{.decode = 0.040, .per_row = 0.0015}.settle(slow, longest);
  EXPECT_NEAR(few, 29, 2);  // (2.1 * 40 - 40) / 1.5
  EXPECT_LE(longest, 0.085);
  PrefillPace fast(256);
  const int more = Machine{.decode = 0.005, .per_row = 0.0005}.settle(fast, longest);
  EXPECT_NEAR(more, 120, 3);  // 65 ms may pass
  EXPECT_LE(longest, 0.066);
}

TEST(PrefillPace, NeverMoreThanTheMostNorFewerThanTheFewest) {
  double longest = 0.0;
  PrefillPace free(256);
  EXPECT_EQ((Machine{.decode = 0.005, .per_row = 0.000001}.settle(free, longest)), 256);
  PrefillPace dear(256);
  EXPECT_EQ(
      (Machine{.decode = 0.010, .per_row = 1.0}.settle(dear, longest)), PrefillPace::kFewestRows);
  PrefillPace narrow(8);
  EXPECT_EQ((Machine{.decode = 0.010, .per_row = 1.0}.settle(narrow, longest)), 8);
}

TEST(PrefillPace, BeginsCarefullyAndDoublesAtMost) {
  PrefillPace pace(1024);
  EXPECT_EQ(pace.rows(), 32);
  pace.add(1, 0, 0.001);
  pace.add(1, 32, 0.002);
  EXPECT_EQ(pace.rows(), 64);
}

TEST(PrefillPace, PromptsAloneTeachNothing) {
  PrefillPace pace(256);
  pace.add(0, 256, 10.0);
  EXPECT_EQ(pace.rows(), 32);
}

}  // namespace
}  // namespace hub::engine
