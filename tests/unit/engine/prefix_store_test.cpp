#include "core/engine/prefix_store.h"

#include <algorithm>
#include <fstream>
#include <numeric>

#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/base/error.h"
#include "core/base/file.h"
#include "core/model_config/safetensors_header.h"
#include "tests/support/temp_dir.h"

namespace hub::engine {
namespace {

namespace fs = std::filesystem;
using testing::ElementsAre;

std::vector<int> tokens_from(int first, std::size_t count) {
  std::vector<int> tokens(count);
  std::iota(tokens.begin(), tokens.end(), first);
  return tokens;
}

class PrefixStoreTest : public testing::Test {
 protected:
  static constexpr std::uint64_t kPlenty = 1U << 30U;

  [[nodiscard]] PrefixStore::Options options(std::uint64_t budget = kPlenty) const {
    return {
        .root = root(),
        .model = "model1",
        .computed_by = "this program",
        .budget_bytes = budget,
        .whole_only = false,
        .space = [](const fs::path&) { return PrefixStore::Space{1ULL << 40U, 1ULL << 40U}; }};
  }
  [[nodiscard]] fs::path root() const { return folder_.path() / "prefixes"; }

  // "keys.0" [2, length, 3] F32 whose memory has room for more rows, "delta.1" [4] F32.
  bool save(PrefixStore& store, std::span<const int> tokens) { return save(store, {}, tokens); }
  bool save(
      PrefixStore& store, const PrefixStore::Owner& owner, std::span<const int> tokens) const {
    const auto length = static_cast<std::int64_t>(tokens.size());
    const std::size_t row_bytes = 3 * sizeof(float);
    const std::size_t kept = tokens.size() * row_bytes;
    const std::size_t head = kept + 100;
    const std::vector<PrefixTensor> tensors{
        {"keys.0",
         "F32",
         {2, length, 3},
         {std::span(bytes_).subspan(0, kept), std::span(bytes_).subspan(head, kept)}},
        {"delta.1", "F32", {4}, {std::span(bytes_).subspan(7, 16)}}};
    return store.save(owner, tokens, tensors);
  }
  [[nodiscard]] std::vector<fs::path> files() const {
    std::vector<fs::path> found;
    for (const auto& entry : fs::recursive_directory_iterator(root())) {
      if (entry.path().extension() == ".safetensors") {
        found.push_back(entry.path());
      }
    }
    std::ranges::sort(found);
    return found;
  }
  static void use_at(const fs::path& file, int seconds_ago) {
    fs::last_write_time(file, fs::file_time_type::clock::now() - std::chrono::seconds(seconds_ago));
  }
  static void write_over(const fs::path& file, std::uint64_t offset, const std::string& bytes) {
    std::fstream stream(file, std::ios::binary | std::ios::in | std::ios::out);
    stream.seekp(static_cast<std::streamoff>(offset));
    stream << bytes;
  }

  // A file whose use must fail, after `damage` was done to it; it is then gone.
  template <typename Damage>
  void expect_never_used(const Damage& damage) {
    const auto tokens = tokens_from(0, 40);
    {
      PrefixStore store(options());
      ASSERT_TRUE(save(store, tokens));
      ASSERT_EQ(files().size(), 1U);
      damage(files().front());
      const auto match = store.find({}, tokens);
      ASSERT_TRUE(match.has_value());
      EXPECT_FALSE(store.load({}, match->file).has_value());
      EXPECT_FALSE(store.find({}, tokens).has_value());
      EXPECT_THAT(files(), testing::IsEmpty());
      ASSERT_TRUE(save(store, tokens));
      damage(files().front());
    }
    PrefixStore next(options());  // finds it at its start, or when it is read
    if (const auto match = next.find({}, tokens)) {
      EXPECT_FALSE(next.load({}, match->file).has_value());
    }
    EXPECT_EQ(next.files(), 0U);
    EXPECT_THAT(files(), testing::IsEmpty());
  }

  test::TempDir folder_;
  std::vector<char> bytes_ = [] {
    std::vector<char> bytes(1U << 20U);
    unsigned value = 1;
    for (char& byte : bytes) {
      value = value * 1664525U + 1013904223U;
      byte = static_cast<char>(value >> 24U);
    }
    return bytes;
  }();
};

TEST_F(PrefixStoreTest, WhatIsReadIsWhatWasWrittenAlsoAfterARestart) {
  const auto tokens = tokens_from(5, 40);
  {
    PrefixStore store(options());
    EXPECT_TRUE(save(store, tokens));
    EXPECT_TRUE(store.holds({}, tokens));
  }
  PrefixStore store(options());
  const auto match = store.find({}, tokens_from(5, 60));
  ASSERT_TRUE(match.has_value());
  EXPECT_EQ(match->length, 40U);
  EXPECT_EQ(match->stored, 40U);
  EXPECT_EQ(match->bytes, fs::file_size(match->file));
  EXPECT_EQ(store.bytes(), match->bytes);
  const auto loaded = store.load({}, match->file);
  ASSERT_TRUE(loaded.has_value());
  EXPECT_EQ(loaded->head.tokens, tokens);
  ASSERT_EQ(loaded->tensors.size(), 2U);
  const LoadedTensor& delta = loaded->tensors[0];
  const LoadedTensor& keys = loaded->tensors[1];
  EXPECT_EQ(delta.name, "delta.1");
  EXPECT_THAT(delta.shape, ElementsAre(4));
  EXPECT_TRUE(std::equal(delta.bytes, delta.bytes + 16, bytes_.begin() + 7));
  EXPECT_THAT(keys.shape, ElementsAre(2, 40, 3));
  EXPECT_EQ(keys.dtype, "F32");
  EXPECT_TRUE(std::equal(keys.bytes, keys.bytes + 480, bytes_.begin()));
  EXPECT_TRUE(std::equal(keys.bytes + 480, keys.bytes + 960, bytes_.begin() + 580));
}

TEST_F(PrefixStoreTest, TheFileIsSafetensorsAndItsUsersAlone) {
  PrefixStore store(options());
  EXPECT_TRUE(save(store, {.adapter = "adapter1", .scope = "key1"}, tokens_from(0, 40)));
  const fs::path file = files().at(0);
  EXPECT_EQ(file.parent_path(), root() / "model1" / "adapter1");
  const auto header = model_config::SafetensorsHeader::read(file);
  EXPECT_EQ(header.metadata.at("scope"), "key1");
  EXPECT_EQ(header.metadata.at("computed_by"), "this program");
  const auto* digest = header.find("sha256");
  const std::string all = base::read_file(file);
  EXPECT_EQ(all.substr(digest->begin), base::sha256_hex(all.substr(0, digest->begin)));
  EXPECT_EQ(fs::status(file).permissions(), fs::perms::owner_read | fs::perms::owner_write);
  for (const fs::path& folder : {root(), root() / "model1", root() / "model1" / "adapter1"}) {
    EXPECT_EQ(fs::status(folder).permissions(), fs::perms::owner_all) << folder;
  }
}

TEST_F(PrefixStoreTest, FindsTheLongestBeginningOfTheSameOwner) {
  PrefixStore store(options());
  auto branch = tokens_from(0, 30);
  branch.insert(branch.end(), {90, 91});
  EXPECT_TRUE(save(store, tokens_from(0, 40)));
  EXPECT_TRUE(save(store, branch));
  EXPECT_TRUE(save(store, {.adapter = "a", .scope = ""}, tokens_from(0, 50)));
  EXPECT_TRUE(save(store, {.adapter = "", .scope = "key1"}, tokens_from(0, 50)));
  EXPECT_EQ(store.find({}, tokens_from(0, 60))->length, 40U);
  EXPECT_EQ(store.find({}, tokens_from(0, 35))->length, 35U);
  // Of two that hold as much the one that is read sooner.
  EXPECT_EQ(store.find({}, tokens_from(0, 20))->stored, 32U);
  EXPECT_EQ(store.find({.adapter = "a", .scope = ""}, tokens_from(0, 60))->length, 50U);
  EXPECT_FALSE(store.find({.adapter = "a", .scope = "key1"}, tokens_from(0, 60)).has_value());
  EXPECT_FALSE(store.find({}, tokens_from(1, 60)).has_value());
  EXPECT_FALSE(store.holds({}, tokens_from(0, 41)));
  const auto file = store.find({.adapter = "", .scope = "key1"}, tokens_from(0, 60))->file;
  EXPECT_FALSE(store.load({}, file).has_value()) << "it is another scope's";
}

TEST_F(PrefixStoreTest, WhatALongerOneHoldsGoes) {
  PrefixStore store(options());
  EXPECT_TRUE(save(store, tokens_from(0, 20)));
  EXPECT_TRUE(save(store, tokens_from(0, 40)));
  EXPECT_EQ(files().size(), 1U);
  EXPECT_EQ(store.files(), 1U);
  EXPECT_TRUE(save(store, tokens_from(0, 40)));  // the same again
  EXPECT_EQ(files().size(), 1U);
  EXPECT_EQ(store.bytes(), fs::file_size(files().at(0)));
}

TEST_F(PrefixStoreTest, WithRecurrentLayersOnlyTheWholeIsOfUse) {
  PrefixStore::Options whole = options();
  whole.whole_only = true;
  PrefixStore store(whole);
  EXPECT_TRUE(save(store, tokens_from(0, 20)));
  EXPECT_TRUE(save(store, tokens_from(0, 40)));
  EXPECT_EQ(files().size(), 2U);
  EXPECT_EQ(store.find({}, tokens_from(0, 50))->length, 40U);
  EXPECT_EQ(store.find({}, tokens_from(0, 39))->length, 20U);
  EXPECT_FALSE(store.holds({}, tokens_from(0, 30)));
}

TEST_F(PrefixStoreTest, ThoseUsedLeastRecentlyGoForTheBudget) {
  std::uint64_t each = 0;
  {
    PrefixStore store(options());
    EXPECT_TRUE(save(store, tokens_from(0, 20)));
    each = store.bytes();
  }
  const std::uint64_t budget = 3 * each + each / 2;
  PrefixStore::Options other = options(budget);
  other.model = "model2";  // the bound is on all models together
  PrefixStore second(other);
  EXPECT_TRUE(save(second, tokens_from(0, 20)));
  PrefixStore store(options(budget));
  EXPECT_TRUE(save(store, tokens_from(100, 20)));
  use_at(store.find({}, tokens_from(0, 20))->file, 30);
  use_at(second.find({}, tokens_from(0, 20))->file, 20);
  use_at(store.find({}, tokens_from(100, 20))->file, 10);
  EXPECT_TRUE(store.load({}, store.find({}, tokens_from(0, 20))->file).has_value());
  EXPECT_TRUE(save(store, tokens_from(200, 20)));
  EXPECT_EQ(files().size(), 3U);
  EXPECT_TRUE(store.holds({}, tokens_from(0, 20))) << "used just now";
  EXPECT_TRUE(store.holds({}, tokens_from(100, 20)));
  // The other engine finds out when it wants it.
  const auto gone = second.find({}, tokens_from(0, 20));
  ASSERT_TRUE(gone.has_value());
  EXPECT_FALSE(second.load({}, gone->file).has_value());
  EXPECT_EQ(second.files(), 0U);
  // What can never fit pushes nothing out.
  EXPECT_FALSE(save(store, tokens_from(0, 4000)));
  EXPECT_EQ(files().size(), 3U);
}

TEST_F(PrefixStoreTest, TheLastOfTheDiskIsLeftFree) {
  constexpr std::uint64_t gib = 1ULL << 30U;
  EXPECT_EQ(PrefixStore::reserve_of(10 * gib), gib);
  EXPECT_EQ(PrefixStore::reserve_of(100 * gib), 5 * gib);
  EXPECT_EQ(PrefixStore::reserve_of(10000 * gib), 16 * gib);
  std::uint64_t free = 100 * gib;
  PrefixStore::Options full = options();
  full.space = [&free](const fs::path&) { return PrefixStore::Space{free, 100 * gib}; };
  PrefixStore store(full);
  EXPECT_TRUE(save(store, tokens_from(0, 20)));
  free = 5 * gib + 10;
  EXPECT_TRUE(save(store, tokens_from(100, 20)));  // in the place of the first
  EXPECT_EQ(files().size(), 1U);
  free = 4 * gib;
  EXPECT_FALSE(save(store, tokens_from(200, 20)));
  EXPECT_THAT(files(), testing::IsEmpty()) << "kept prefixes are the first to give way";
}

TEST_F(PrefixStoreTest, ADamagedFileIsNeverUsed) {
  expect_never_used([](const fs::path& file) {  // a bit of the keys
    write_over(file, fs::file_size(file) - 200, "x");
  });
  expect_never_used([](const fs::path& file) {  // of the digest
    write_over(file, fs::file_size(file) - 1, "x");
  });
  expect_never_used([](const fs::path& file) { fs::resize_file(file, fs::file_size(file) - 1); });
  expect_never_used([](const fs::path& file) { fs::resize_file(file, 5); });
  expect_never_used([](const fs::path& file) { fs::resize_file(file, 0); });
  expect_never_used([](const fs::path& file) { write_over(file, fs::file_size(file), "more"); });
}

TEST_F(PrefixStoreTest, TokensAndTagsAreUnderTheDigestToo) {
  expect_never_used([](const fs::path& file) {
    const auto header = model_config::SafetensorsHeader::read(file);
    write_over(file, header.find("tokens")->begin + 4 * 30, "x");
  });
  expect_never_used([](const fs::path& file) {
    const std::string text = base::read_file(file);
    write_over(file, text.find("this program"), "that program");
  });
}

TEST_F(PrefixStoreTest, WhatIsNoPrefixOrAnotherModelsIsRemovedAtTheStart) {
  const auto tokens = tokens_from(0, 40);
  fs::path file;
  {
    PrefixStore store(options());
    ASSERT_TRUE(save(store, tokens));
    file = files().front();
  }
  const fs::path other = root() / "model2" / "base";
  fs::create_directories(other);
  fs::copy(file, other / file.filename());
  fs::create_directories(root() / "model1" / "adapter1");
  fs::copy(file, root() / "model1" / "adapter1" / file.filename());
  static_cast<void>(folder_.write("prefixes/model1/base/notes.txt", "no prefix"));
  PrefixStore::Options second = options();
  second.model = "model2";
  EXPECT_EQ(PrefixStore{second}.files(), 0U);
  EXPECT_EQ(PrefixStore{options()}.files(), 1U);
  EXPECT_THAT(files(), ElementsAre(file));
  PrefixStore::Options newer = options();
  newer.computed_by = "the next program";
  EXPECT_EQ(PrefixStore{newer}.files(), 0U);
  EXPECT_THAT(files(), testing::IsEmpty());
}

TEST_F(PrefixStoreTest, WhatACrashLeftHalfWrittenGoesAndWhatIsBeingWrittenStays) {
  PrefixStore first(options());
  const fs::path left = folder_.write("prefixes/.writing-left", "half");
  const fs::path live = folder_.write("prefixes/.writing-live", "half");
  const int descriptor = ::open(live.c_str(), O_WRONLY | O_CLOEXEC);
  ASSERT_EQ(::flock(descriptor, LOCK_EX | LOCK_NB), 0);
  PrefixStore second(options());
  EXPECT_FALSE(fs::exists(left));
  EXPECT_TRUE(fs::exists(live));
  EXPECT_EQ(second.files(), 0U);
  // It counts for the budget: that holds what both come to, and no more.
  ASSERT_EQ(::ftruncate(descriptor, 1U << 20U), 0);
  PrefixStore third(options((1U << 20U) + 100));
  EXPECT_FALSE(save(third, tokens_from(0, 20)));
  ::close(descriptor);
}

TEST_F(PrefixStoreTest, TwoEnginesWriteTheSame) {
  PrefixStore first(options());
  PrefixStore second(options());
  const auto tokens = tokens_from(0, 40);
  EXPECT_TRUE(save(first, tokens));
  EXPECT_TRUE(save(second, tokens));
  EXPECT_EQ(files().size(), 1U);
  EXPECT_TRUE(first.load({}, first.find({}, tokens)->file).has_value());
  EXPECT_TRUE(second.load({}, second.find({}, tokens)->file).has_value());
  // The folder of a version that was removed comes back with the next file.
  fs::remove_all(root() / "model1");
  EXPECT_FALSE(first.load({}, first.find({}, tokens)->file).has_value());
  EXPECT_TRUE(save(second, tokens_from(100, 40)));
}

TEST_F(PrefixStoreTest, AFolderThatCannotBeUsedIsSaid) {
  static_cast<void>(folder_.write("prefixes", "a file"));
  EXPECT_THROW(PrefixStore{options()}, base::Error);
}

}  // namespace
}  // namespace hub::engine
