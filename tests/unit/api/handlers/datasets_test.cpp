#include <filesystem>

#include <gmock/gmock.h>

#include "core/base/file.h"
#include "tests/support/default_model.h"
#include "tests/unit/api/handlers/handler_fixture.h"

namespace hub::api {
namespace {

using base::Json;
using testing::HasSubstr;

class DatasetRoutes : public test::HandlerFixture {
 protected:
  Answer upload(const std::string& text, const std::map<std::string, std::string>& fields) {
    Request made = request("POST", "/datasets");
    made.query = fields;
    made.headers["Content-Type"] = "multipart/form-data; boundary=x";
    made.body_file = files.write("upload.tmp", text).string();
    made.file_name = "facts.v1.jsonl";
    return send(made);
  }
};

constexpr const char* kRow =
    R"({"messages":[{"role":"user","content":"q"},{"role":"assistant","content":"a"}]})";

TEST_F(DatasetRoutes, APathIsCopiedAndDescribed) {
  const auto file = data_file("facts.jsonl", 3);
  const std::string digest = base::sha256_file(file);
  const Answer answer = post("/datasets", {{"name", "facts"}, {"path", file.string()}});
  ASSERT_EQ(answer.status, 201) << answer.response.body;
  EXPECT_EQ(answer.json["rows"], 3);
  EXPECT_EQ(answer.json["format"], "chat");
  EXPECT_EQ(answer.json["digest"], digest);
  EXPECT_EQ(answer.json["report"]["problem_count"], 0);
  EXPECT_EQ(answer.json["report"]["tokens"], nullptr) << "no model is here";
  std::filesystem::remove(file);
  const auto dataset = hub.datasets.get("facts");
  EXPECT_EQ(base::sha256_file(hub.artifacts.absolute(dataset.path)), digest);
  EXPECT_EQ(get("/datasets/facts").json, answer.json);
  EXPECT_EQ(get("/datasets/" + dataset.id).json, answer.json);
}

TEST_F(DatasetRoutes, AnUploadTakesItsNameFromTheFormOrTheFile) {
  const std::string text = std::string(kRow) + "\n";
  EXPECT_EQ(upload(text, {{"name", "mine"}}).json["name"], "mine");
  EXPECT_EQ(upload(text, {}).json["name"], "facts.v1");
  EXPECT_EQ(upload(text, {{"name", "mine"}}).status, 409);
  EXPECT_EQ(upload(text, {{"name", "a b"}}).param(), "name");
  EXPECT_EQ(upload(text, {{"colour", "red"}}).code(), "unknown_field");
  EXPECT_EQ(get("/datasets").json["data"].size(), 2U);
}

TEST_F(DatasetRoutes, ABadLineIsNamedAndRefusedUnlessItIsToBeSkipped) {
  const std::string text = std::string(kRow) + "\n{\"messages\": [\n" + kRow + "\n";
  const Answer refused = upload(text, {{"name", "x"}});
  EXPECT_EQ(refused.status, 422);
  EXPECT_EQ(refused.code(), "dataset_invalid");
  EXPECT_THAT(refused.message(), HasSubstr("line 2"));
  EXPECT_FALSE(hub.datasets.find("x"));
  EXPECT_TRUE(std::filesystem::is_empty(hub.config.data_dir / "datasets"));

  const Answer taken = upload(text, {{"name", "x"}, {"skip_bad_rows", "true"}});
  ASSERT_EQ(taken.status, 201);
  EXPECT_EQ(taken.json["rows"], 2);
  EXPECT_EQ(taken.json["report"]["problems"][0]["line"], 2);
  EXPECT_EQ(upload(text, {{"name", "y"}, {"skip_bad_rows", "maybe"}}).param(), "skip_bad_rows");
}

TEST_F(DatasetRoutes, AnEmptyFileIsRefused) {
  for (const char* text : {"", "\n\n"}) {
    const Answer answer = upload(text, {{"name", "x"}});
    EXPECT_EQ(answer.status, 422);
    EXPECT_EQ(answer.code(), "dataset_empty");
  }
  EXPECT_EQ(upload("no json\n", {{"name", "x"}}).code(), "dataset_empty");
}

TEST_F(DatasetRoutes, PathsOutsideAreRefused) {
  const auto outside = files.write("outside.jsonl", std::string(kRow) + "\n");
  std::filesystem::create_symlink(outside, hub.config.data_dir / "imports/link.jsonl");
  const std::string link = (hub.config.data_dir / "imports/link.jsonl").string();
  for (const std::string& path : {outside.string(), link, std::string("/etc/passwd")}) {
    const Answer answer = post("/datasets", {{"name", "x"}, {"path", path}});
    EXPECT_EQ(answer.status, 403) << path;
    EXPECT_EQ(answer.param(), "path") << path;
  }
  for (const char* path : {"../outside.jsonl", "../../outside.jsonl", "link.jsonl"}) {
    EXPECT_GE(post("/datasets", {{"name", "x"}, {"path", path}}).status, 403) << path;
  }
  EXPECT_EQ(post("/datasets", {{"name", "x"}, {"path", "absent.jsonl"}}).status, 404);
  EXPECT_EQ(post("/datasets", {{"name", "x"}}).param(), "path");
}

TEST_F(DatasetRoutes, AFolderKeepsItsParts) {
  data_file("folder/train.jsonl", 4);
  data_file("folder/valid.jsonl", 2);
  const Answer answer = post(
      "/datasets",
      {{"name", "parts"}, {"path", (hub.config.data_dir / "imports/folder").string()}});
  ASSERT_EQ(answer.status, 201) << answer.response.body;
  EXPECT_EQ(answer.json["rows"], 4);
  const auto folder = hub.artifacts.absolute(hub.datasets.get("parts").path);
  EXPECT_TRUE(std::filesystem::exists(folder / "valid.jsonl"));
}

TEST_F(DatasetRoutes, ThePreviewShowsWhatIsTrained) {
  add_dataset("facts", 3);
  EXPECT_EQ(get("/datasets/facts/preview").param(), "model") << "no default model is here";
  const auto version =
      post("/models", {{"name", "smollm2-135m-instruct"}, {"base_model", "org/none"}});
  const auto folder = test::default_model_folder();
  // The tokenizer alone is needed; the weights of the version are not looked at.
  const std::string id = version.json["versions"][0]["id"];
  registry::NewVersion arrived;
  arrived.digest = base::sha256_hex("any");
  arrived.folder = folder.string();
  arrived.by_reference = true;
  hub.models.make_ready(id, arrived);

  const Answer preview = get("/datasets/facts/preview?limit=2");
  ASSERT_EQ(preview.status, 200) << preview.response.body;
  EXPECT_EQ(preview.json["model"], "smollm2-135m-instruct");
  ASSERT_EQ(preview.json["data"].size(), 2U);
  std::string trained;
  for (const Json& piece : preview.json["data"][0]["pieces"]) {
    if (piece["trained"].get<bool>()) {
      trained += piece["text"].get<std::string>();
    }
  }
  EXPECT_THAT(trained, HasSubstr("a<|im_end|>"));
  EXPECT_EQ(trained.find("q0"), std::string::npos);
  const Answer rest = get("/datasets/facts/preview?limit=2&cursor=2");
  EXPECT_EQ(rest.json["data"].size(), 1U);
  EXPECT_EQ(rest.json["next_cursor"], nullptr);
  EXPECT_EQ(get("/datasets/facts/preview?model=none").code(), "model_not_found");
  EXPECT_EQ(get("/datasets/facts/preview?limit=101").param(), "limit");
  EXPECT_EQ(get("/datasets/facts/preview?cursor=x").param(), "cursor");

  const Answer report = get("/datasets/facts?max_seq_length=16");
  EXPECT_EQ(report.json["report"]["model"], "smollm2-135m-instruct");
  EXPECT_EQ(report.json["report"]["tokens"]["truncated_rows"], 3);
  EXPECT_EQ(get("/datasets/facts?max_seq_length=1").param(), "max_seq_length");
  EXPECT_EQ(get("/datasets/facts?max_seq_length=many").param(), "max_seq_length");
}

TEST_F(DatasetRoutes, DeleteRemovesTheFiles) {
  const Json dataset = add_dataset("facts");
  const auto folder = hub.config.data_dir / "datasets" / dataset["id"].get<std::string>();
  EXPECT_TRUE(std::filesystem::exists(folder));
  EXPECT_EQ(del("/datasets/facts").status, 204);
  EXPECT_FALSE(std::filesystem::exists(folder));
  EXPECT_EQ(del("/datasets/facts").code(), "dataset_not_found");
  EXPECT_EQ(get("/datasets/facts/preview").status, 404);
}

TEST_F(DatasetRoutes, ARepeatedUploadWithAKeyIsTheSame) {
  const auto send_upload = [&](const std::string& text) {
    Request made = request("POST", "/datasets");
    made.query = {{"name", "facts"}};
    made.headers["Idempotency-Key"] = "k";
    made.body_file = files.write("upload.tmp", text).string();
    return send(made);
  };
  const std::string text = std::string(kRow) + "\n";
  const Answer first = send_upload(text);
  EXPECT_EQ(first.status, 201);
  EXPECT_EQ(send_upload(text).json, first.json);
  EXPECT_EQ(send_upload(text + text).code(), "idempotency_key_reused");
}

}  // namespace
}  // namespace hub::api
