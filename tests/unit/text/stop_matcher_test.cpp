#include "core/text/stop_matcher.h"

#include <random>

#include <gtest/gtest.h>

namespace hub::text {
namespace {

// What a stream with these stops shows of `text`: up to the stop string that is complete first.
std::string shown_at_once(const std::string& text, const std::vector<std::string>& stops) {
  for (std::size_t end = 1; end <= text.size(); ++end) {
    std::size_t longest = 0;
    for (const std::string& stop : stops) {
      if (!stop.empty() && std::string_view(text).substr(0, end).ends_with(stop)) {
        longest = std::max(longest, stop.size());
      }
    }
    if (longest > 0) {
      return text.substr(0, end - longest);
    }
  }
  return text;
}

struct Stream {
  std::string shown;
  bool stopped = false;
};

Stream run(const std::vector<std::string>& pieces, const std::vector<std::string>& stops) {
  StopMatcher matcher(stops);
  Stream stream;
  for (const std::string& piece : pieces) {
    stream.shown += matcher.push(piece);
  }
  stream.shown += matcher.flush();
  stream.stopped = matcher.stopped();
  return stream;
}

TEST(StopMatcher, WithoutStopsEverythingPassesAtOnce) {
  StopMatcher matcher({});
  EXPECT_EQ(matcher.push("abc"), "abc");
  EXPECT_EQ(matcher.flush(), "");
  EXPECT_FALSE(matcher.stopped());
}

TEST(StopMatcher, EmptyStopsAreIgnored) {
  StopMatcher matcher({"", ""});
  EXPECT_EQ(matcher.push("abc"), "abc");
  EXPECT_FALSE(matcher.stopped());
}

TEST(StopMatcher, HoldsBackWhatMayBeginAStop) {
  StopMatcher matcher({"\n\nUser:"});
  EXPECT_EQ(matcher.push("Hello\n"), "Hello");
  EXPECT_EQ(matcher.push("\nUs"), "");
  EXPECT_EQ(matcher.push("ual"), "\n\nUsual");
  EXPECT_EQ(matcher.push("\n\nUser"), "");
  EXPECT_FALSE(matcher.stopped());
  EXPECT_EQ(matcher.push(": and more"), "");
  EXPECT_TRUE(matcher.stopped());
  EXPECT_EQ(matcher.push("later"), "");
  EXPECT_EQ(matcher.flush(), "");
}

TEST(StopMatcher, FlushGivesWhatWasHarmless) {
  StopMatcher matcher({"END"});
  EXPECT_EQ(matcher.push("the EN"), "the ");
  EXPECT_EQ(matcher.flush(), "EN");
}

TEST(StopMatcher, TheStopThatIsCompleteFirstCounts) {
  EXPECT_EQ(run({"xabcdy"}, {"abcd", "bc"}).shown, "xa");
  EXPECT_EQ(run({"xabcd"}, {"d", "abcd"}).shown, "x");
  EXPECT_EQ(run({"one two"}, {"two", "one"}).shown, "");
}

TEST(StopMatcher, SaysWhichStopCounted) {
  StopMatcher matcher({"bc", "abcd", "abc"});
  EXPECT_EQ(matcher.found(), "");
  matcher.push("xa");
  EXPECT_EQ(matcher.found(), "");
  matcher.push("bcd");
  EXPECT_EQ(matcher.found(), "abc");  // complete with "bc", and longer
}

TEST(StopMatcher, CutsOfTheTextChangeNothing) {
  std::mt19937 random(7);  // NOLINT: the same cases at every run
  const auto below = [&random](std::size_t bound) { return random() % bound; };
  std::size_t stopped = 0;
  for (int round = 0; round < 5000; ++round) {
    std::string text;
    for (std::size_t i = below(24); i > 0; --i) {
      text += "abc"[below(3)];
    }
    std::vector<std::string> stops(below(4));
    for (std::string& stop : stops) {
      for (std::size_t i = below(5); i > 0; --i) {
        stop += "abc"[below(3)];
      }
    }
    std::vector<std::string> pieces;
    for (std::size_t at = 0; at < text.size();) {
      const std::size_t size = below(5);
      pieces.push_back(text.substr(at, size));
      at += size;
    }
    const Stream stream = run(pieces, stops);
    const std::string expected = shown_at_once(text, stops);
    ASSERT_EQ(stream.shown, expected) << text << " round " << round;
    stopped += stream.stopped ? 1 : 0;
    ASSERT_EQ(run({text}, stops).stopped, stream.stopped);
  }
  EXPECT_GT(stopped, 1000U);
  EXPECT_LT(stopped, 4900U);
}

}  // namespace
}  // namespace hub::text
