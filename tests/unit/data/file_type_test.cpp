#include "core/data/file_type.h"

#include <gmock/gmock.h>

#include "tests/unit/data/fixture.h"

namespace hub::data {
namespace {

using testing::HasSubstr;

TEST(FileType, ContentDecidesAndTheNameOnlyWhereContentIsAmbiguous) {
  EXPECT_EQ(detect_file_type(R"({"text":"a"})", "x.csv"), FileType::kJsonl);
  EXPECT_EQ(detect_file_type("\xEF\xBB\xBF \n[{}]", "x.jsonl"), FileType::kJson);
  EXPECT_EQ(detect_file_type("PAR1\x15", "x.csv"), FileType::kParquet);
  EXPECT_EQ(detect_file_type("", "x.parquet"), FileType::kJsonl) << "an empty file has no rows";
  EXPECT_EQ(detect_file_type("junk", "x.parquet"), FileType::kParquet);
  EXPECT_EQ(detect_file_type("prompt,completion\na,b\n", "upload"), FileType::kCsv);
  EXPECT_EQ(detect_file_type("id, \"text\" \r\n1,a\n", "upload"), FileType::kCsv);
  EXPECT_EQ(detect_file_type("a,b\n1,2\n", "x.CSV"), FileType::kCsv);
  EXPECT_EQ(detect_file_type("a,b\n1,2\n", "upload"), FileType::kJsonl);
  for (const FileType type :
       {FileType::kJsonl, FileType::kJson, FileType::kCsv, FileType::kParquet}) {
    EXPECT_EQ(file_type_from(to_string(type)), type);
  }
  EXPECT_EQ(file_type_from("xml"), std::nullopt);
}

TEST(FileType, WideTextIsRefusedByName) {
  for (const std::string& bytes : {std::string("\xFF\xFE{\0", 4), std::string("\xFE\xFF\0{", 4)}) {
    const base::Error error = thrown_by([&] { detect_file_type(bytes, "x.jsonl"); });
    EXPECT_EQ(error.reason(), "dataset_invalid");
    EXPECT_THAT(error.what(), HasSubstr("UTF-16"));
  }
}

}  // namespace
}  // namespace hub::data
