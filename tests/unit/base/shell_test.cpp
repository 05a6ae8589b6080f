#include "core/base/shell.h"

#include <gtest/gtest.h>

namespace hub::base {
namespace {

TEST(Shell, WordsArriveAsTheyAre) {
  for (const char* word : {"plain", "two words", "it's", "$HOME `id` \"x\" \\", "", "a\nb"}) {
    EXPECT_EQ(shell_output("printf %s " + shell_quoted(word)), word);
  }
}

TEST(Shell, AFailedCommandsOutputIsKept) {
  EXPECT_EQ(shell_output("echo before; exit 3"), "before\n");
  EXPECT_EQ(shell_output("exec /no/such/program 2>/dev/null"), "");
}

}  // namespace
}  // namespace hub::base
