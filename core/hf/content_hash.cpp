#include "core/hf/content_hash.h"

#include <array>

#include <fmt/format.h>
#include <openssl/evp.h>

#include "core/base/error.h"

namespace hub::hf {
namespace {

struct ContextDeleter {
  void operator()(EVP_MD_CTX* context) const { EVP_MD_CTX_free(context); }
};
using Context = std::unique_ptr<EVP_MD_CTX, ContextDeleter>;

Context started(const EVP_MD* kind) {
  Context context(EVP_MD_CTX_new());
  if (!context || EVP_DigestInit_ex(context.get(), kind, nullptr) != 1) {
    throw base::Error(base::ErrorCode::kInternal, "OpenSSL does not give a digest");
  }
  return context;
}

std::string hex(EVP_MD_CTX* context) {
  std::array<unsigned char, EVP_MAX_MD_SIZE> bytes{};
  unsigned int count = 0;
  EVP_DigestFinal_ex(context, bytes.data(), &count);
  std::string text;
  for (unsigned int i = 0; i < count; ++i) {
    text += fmt::format("{:02x}", bytes.at(i));
  }
  return text;
}

}  // namespace

struct ContentHash::Contexts {
  Context sha256 = started(EVP_sha256());
  Context git;  // null: not taken
};

ContentHash::ContentHash(std::int64_t size, bool with_git_oid)
    : contexts_(std::make_unique<Contexts>()) {
  if (!with_git_oid) {
    return;
  }
  contexts_->git = started(EVP_sha1());
  const std::string head = fmt::format("blob {}", size);
  EVP_DigestUpdate(contexts_->git.get(), head.c_str(), head.size() + 1);  // with the zero byte
}

ContentHash::~ContentHash() = default;

void ContentHash::update(const void* bytes, std::size_t count) {
  EVP_DigestUpdate(contexts_->sha256.get(), bytes, count);
  if (contexts_->git) {
    EVP_DigestUpdate(contexts_->git.get(), bytes, count);
  }
}

ContentHash::Digests ContentHash::finish() {
  return {hex(contexts_->sha256.get()), contexts_->git ? hex(contexts_->git.get()) : ""};
}

ContentHash::Digests content_digests(std::string_view bytes) {
  ContentHash hash(static_cast<std::int64_t>(bytes.size()));
  hash.update(bytes.data(), bytes.size());
  return hash.finish();
}

}  // namespace hub::hf
