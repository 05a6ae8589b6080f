#include "core/artifacts/allowed_roots.h"

#include <filesystem>

#include <gtest/gtest.h>

#include "core/base/error.h"
#include "tests/support/temp_dir.h"

namespace hub::artifacts {
namespace {

namespace fs = std::filesystem;
using base::ErrorCode;

class AllowedRootsTest : public ::testing::Test {
 protected:
  AllowedRootsTest() {
    static_cast<void>(inside.write("a.jsonl", "1"));
    static_cast<void>(inside.write("model/config.json", "{}"));
    static_cast<void>(outside.write("secret", "s"));
  }
  std::optional<ErrorCode> refusal(const std::string& path) {
    try {
      static_cast<void>(roots.resolve(path, "path"));
      return std::nullopt;
    } catch (const base::Error& error) {
      EXPECT_EQ(error.param(), "path");
      return error.code();
    }
  }

  test::TempDir inside;
  test::TempDir outside;
  AllowedRoots roots{{inside.path(), "/no/such/root"}};
};

TEST_F(AllowedRootsTest, GivesTheCanonicalFormOfWhatLiesInside) {
  const fs::path file = fs::canonical(inside.path() / "a.jsonl");
  EXPECT_EQ(roots.resolve(file.string(), "path"), file);
  EXPECT_EQ(roots.resolve("a.jsonl", "path"), file) << "relative paths are tried in the roots";
  EXPECT_EQ(roots.resolve((inside.path() / "model/../a.jsonl").string(), "path"), file);
  EXPECT_EQ(roots.resolve(inside.path().string(), "path"), fs::canonical(inside.path()));
}

TEST_F(AllowedRootsTest, RefusesEveryWayOut) {
  const std::string secret = (outside.path() / "secret").string();
  EXPECT_EQ(refusal(secret), ErrorCode::kPermissionDenied);
  EXPECT_EQ(refusal("/etc/passwd"), ErrorCode::kPermissionDenied);
  EXPECT_EQ(
      refusal((inside.path() / ".." / outside.path().filename() / "secret").string()),
      ErrorCode::kPermissionDenied);
  EXPECT_EQ(
      refusal("../" + outside.path().filename().string() + "/secret"),
      ErrorCode::kPermissionDenied);
  fs::create_symlink(outside.path() / "secret", inside.path() / "link");
  EXPECT_EQ(refusal((inside.path() / "link").string()), ErrorCode::kPermissionDenied);
  fs::create_directory_symlink(outside.path(), inside.path() / "folder");
  EXPECT_EQ(refusal((inside.path() / "folder/secret").string()), ErrorCode::kPermissionDenied);
  EXPECT_EQ(refusal(inside.path().string() + "-sibling"), ErrorCode::kPermissionDenied)
      << "a root is a folder, not a prefix of letters";
}

TEST_F(AllowedRootsTest, DoesNotTellWhatExistsOutside) {
  EXPECT_EQ(refusal((outside.path() / "absent").string()), ErrorCode::kPermissionDenied);
  EXPECT_EQ(refusal((inside.path() / "absent").string()), ErrorCode::kNotFound);
}

TEST_F(AllowedRootsTest, RefusesWhatIsNoPath) {
  EXPECT_EQ(refusal(""), ErrorCode::kInvalidArgument);
  EXPECT_EQ(refusal(std::string("a\0b", 3)), ErrorCode::kInvalidArgument);
}

TEST_F(AllowedRootsTest, AFoldersLinksMustStayInside) {
  const std::string model = (inside.path() / "model").string();
  fs::create_symlink(inside.path() / "a.jsonl", inside.path() / "model/good.json");
  EXPECT_EQ(roots.resolve_folder(model, "path"), fs::canonical(model));
  fs::create_symlink(outside.path() / "secret", inside.path() / "model/bad.json");
  EXPECT_THROW(static_cast<void>(roots.resolve_folder(model, "path")), base::Error);
  EXPECT_THROW(static_cast<void>(roots.resolve_folder("a.jsonl", "path")), base::Error);
}

}  // namespace
}  // namespace hub::artifacts
