#include <cstddef>
#include <cstdint>

#include "tests/fuzz/fuzz_target.h"

// libFuzzer's entry (https://llvm.org/docs/LibFuzzer.html). Nothing is caught here: the stack of an
// exception that nobody expected shows where it was thrown.
// NOLINTNEXTLINE(readability-identifier-naming): its name is given
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  hub::fuzz::run({reinterpret_cast<const char*>(data), size});
  return 0;
}
