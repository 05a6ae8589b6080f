#include "api/worker/heap.h"

#include <cstddef>
#include <cstdint>
#include <fstream>
#include <memory>
#include <vector>

#include <gtest/gtest.h>
#include <unistd.h>

namespace hub::api {
namespace {

#if defined(__GLIBC__) && !defined(HUB_SANITIZED)
constexpr bool kGlibcMalloc = true;
#else
constexpr bool kGlibcMalloc = false;
#endif
constexpr std::size_t kMegabyte = 1 << 20;

std::uint64_t resident_bytes() {
  std::uint64_t size = 0;
  std::uint64_t resident = 0;
  std::ifstream("/proc/self/statm") >> size >> resident;
  return resident * static_cast<std::uint64_t>(::sysconf(_SC_PAGESIZE));
}

std::unique_ptr<std::byte[]> touched(std::size_t bytes) {
  auto block = std::make_unique_for_overwrite<std::byte[]>(bytes);
  for (std::size_t at = 0; at < bytes; at += 4096) {
    static_cast<volatile std::byte*>(block.get())[at] = std::byte{1};
  }
  return block;
}

TEST(BoundFreedHeap, WhatWasFreedGoesBackToTheSystem) {
  if (!kGlibcMalloc) {
    GTEST_SKIP() << "another malloc";
  }
  bound_freed_heap();
  touched(30 * kMegabyte).reset();  // glibc would now keep 60 MB by itself
  const std::uint64_t before = resident_bytes();
  {
    std::vector<std::unique_ptr<std::byte[]>> blocks;
    blocks.reserve(6);  // later it would lie above the blocks and hold them
    for (int i = 0; i < 6; ++i) {
      blocks.push_back(touched(24 * kMegabyte));  // larger than what other tests left free
    }
    EXPECT_GE(resident_bytes(), before + 100 * kMegabyte);
  }
  EXPECT_LE(resident_bytes(), before + 10 * kMegabyte);
}

TEST(ReturnFreedBlocks, BlocksGoBackFromBetweenThoseThatStay) {
  if (!kGlibcMalloc) {
    GTEST_SKIP() << "another malloc";
  }
  return_freed_blocks();
  constexpr std::size_t count = 400;
  constexpr std::size_t bytes = 200 << 10;
  std::vector<std::unique_ptr<std::byte[]>> blocks;
  blocks.reserve(count);
  for (std::size_t i = 0; i < count; ++i) {
    blocks.push_back(touched(bytes));
  }
  const std::uint64_t before = resident_bytes();
  for (std::size_t i = 0; i < count; i += 2) {
    blocks[i].reset();
  }
  EXPECT_LE(resident_bytes() + count / 2 * bytes * 9 / 10, before);
}

}  // namespace
}  // namespace hub::api
