#include "core/artifacts/tar_file.h"

#include <cstdlib>
#include <numeric>

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "core/base/file.h"
#include "tests/support/storage.h"

namespace hub::artifacts {
namespace {

namespace fs = std::filesystem;
using testing::HasSubstr;

class TarFileTest : public ::testing::Test {
 protected:
  std::string written(const std::function<void(TarWriter&)>& fill) {
    std::string bytes;
    TarWriter writer([&](std::string_view piece) {
      bytes += piece;
      return true;
    });
    fill(writer);
    writer.finish();
    return bytes;
  }
  // What the reader says of the first entry of an archive that the system's tar made.
  TarReader::Entry first_of(const std::string& command) {
    const std::string line =
        "cd '" + folder_.path().string() + "' && " + command + " && tar -cf made.tar thing";
    EXPECT_EQ(std::system(line.c_str()), 0);  // NOLINT(concurrency-mt-unsafe, cert-env33-c)
    TarReader reader(folder_.path() / "made.tar");
    return reader.next().value();
  }

  static std::string padded(std::string bytes) {
    bytes.append((512 - bytes.size() % 512) % 512, '\0');
    return bytes;
  }
  // "<length of all> key=value\n"
  static std::string pax_record(const std::string& key, const std::string& value) {
    const std::string body = " " + key + "=" + value + "\n";
    return std::to_string(body.size() + 2) + body;  // of two digits
  }
  // A ustar header (POSIX.1-1988).
  static std::string header(const std::string& name, char kind, std::size_t size) {
    std::string block(512, '\0');
    block.replace(0, name.size(), name);
    block.replace(100, 7, "0000644");
    block.replace(124, 11, fmt::format("{:011o}", size));
    block.replace(136, 11, "00000000000");
    block.replace(148, 8, 8, ' ');
    block[156] = kind;
    block.replace(
        257,
        8,
        std::string(
            "ustar\0"
            "00",
            8));
    const unsigned sum = std::accumulate(block.begin(), block.end(), 0U, [](unsigned all, char c) {
      return all + static_cast<unsigned char>(c);
    });
    block.replace(148, 7, fmt::format("{:06o}", sum) + '\0');
    return block;
  }

  test::TempDir folder_;

  // The form of GNU tar 1.0 for a file of a terabyte: the map of what is there, then that.
  static std::string with_holes(const std::string& map) {
    const std::string records =
        pax_record("GNU.sparse.major", "1") + pax_record("GNU.sparse.minor", "0") +
        pax_record("GNU.sparse.name", "thing") + pax_record("GNU.sparse.realsize", "1000000000000");
    return header("PaxHeaders/thing", 'x', records.size()) + padded(records) +
           header("thing", '0', map.size()) + map + std::string(1024, '\0');
  }
};

TEST_F(TarFileTest, WhatIsWrittenIsRead) {
  const std::string large(3U << 20U, 'x');
  const auto file = folder_.write("large.bin", large);
  const std::string name = "files/" + std::string(64, 'a');
  const std::string bytes = written([&](TarWriter& writer) {
    writer.add("manifest.json", "{}");
    writer.add("empty", "");
    writer.add_file(name, file, static_cast<std::int64_t>(large.size()), base::sha256_hex(large));
  });
  TarReader reader(folder_.write("a.tar", bytes));
  auto entry = reader.next();
  EXPECT_EQ(entry->name, "manifest.json");
  EXPECT_EQ(reader.read_all(10), "{}");
  EXPECT_EQ(reader.next()->size_bytes, 0);
  entry = reader.next();
  EXPECT_EQ(entry->name, name);
  EXPECT_EQ(entry->odd, "");
  EXPECT_EQ(test::thrown_by([&] { reader.read_all(1000); }).reason, "archive_invalid");
}

TEST_F(TarFileTest, AFileThatIsNotAsRecordedIsNoticed) {
  const auto file = folder_.write("f", "12345");
  const auto thrown = [&](std::int64_t size, const std::string& sha256) {
    return test::thrown_by([&] {
      TarWriter writer([](std::string_view) { return true; });
      writer.add_file("f", file, size, sha256);
    });
  };
  EXPECT_EQ(thrown(5, base::sha256_hex("12345")).message, "nothing was thrown");
  EXPECT_EQ(thrown(5, base::sha256_hex("54321")).reason, "model_corrupt");
  EXPECT_EQ(thrown(4, base::sha256_hex("12345")).reason, "model_corrupt");
  EXPECT_EQ(thrown(6, base::sha256_hex("12345")).reason, "model_corrupt");
}

TEST_F(TarFileTest, AReaderThatIsGoneStopsTheWriter) {
  const auto file = folder_.write("f", std::string(1U << 20U, 'x'));
  const auto thrown = test::thrown_by([&] {
    TarWriter writer([](std::string_view) { return false; });
    writer.add_file("f", file, 1U << 20U, "");
    writer.finish();
  });
  EXPECT_EQ(thrown.code, base::ErrorCode::kCancelled);
}

TEST_F(TarFileTest, OddEntriesAreCalledWhatTheyAre) {
  EXPECT_THAT(first_of("ln -s /etc/passwd thing").odd, HasSubstr("symbolic link to /etc/passwd"));
  EXPECT_THAT(first_of("rm thing && mkdir thing").odd, HasSubstr("folder"));
  EXPECT_THAT(first_of("rmdir thing && mkfifo thing").odd, HasSubstr("pipe"));
}

TEST_F(TarFileTest, AFileWithHolesIsOdd) {
  const std::string map = padded("1\n999999999999\n1\n") + padded("x");
  TarReader reader(folder_.write("holes.tar", with_holes(map)));
  EXPECT_EQ(reader.next()->odd, "a file with holes");
}

TEST_F(TarFileTest, AFileThatIsOneHoleIsNotMadeUp) {
  TarReader reader(folder_.write("hole.tar", with_holes(padded("0\n") + padded("x"))));
  const auto entry = reader.next();
  ASSERT_TRUE(entry.has_value());
  std::size_t bytes = 0;
  const auto thrown =
      test::thrown_by([&] { reader.read([&](std::string_view piece) { bytes += piece.size(); }); });
  EXPECT_EQ(thrown.reason, "archive_invalid");
  EXPECT_LE(bytes, 1024U);
}

TEST_F(TarFileTest, CompressedAndCutOnesAreRefused) {
  const std::string bytes = written([&](TarWriter& writer) {
    writer.add("a", std::string(5000, 'a'));
    writer.add("b", std::string(5000, 'b'));
  });
  const auto read_all = [&](const std::string& content) {
    return test::thrown_by([&] {
      TarReader reader(folder_.write("x.tar", content));
      while (reader.next()) {
        reader.read_all(1U << 20U);
      }
    });
  };
  EXPECT_EQ(read_all(bytes).message, "nothing was thrown");
  EXPECT_EQ(read_all(bytes.substr(0, 3000)).reason, "archive_invalid");
  EXPECT_EQ(read_all("\x1f\x8b\x08 gzip").reason, "archive_invalid");
  EXPECT_EQ(
      test::thrown_by([&] { TarReader reader(folder_.path() / "none"); }).code,
      base::ErrorCode::kNotFound);
}

}  // namespace
}  // namespace hub::artifacts
