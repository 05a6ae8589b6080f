#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "core/chat/call_form.h"
#include "core/chat/chat_piece.h"
#include "core/chat/tool.h"

namespace hub::chat {

// Where readers put what they find. Pieces of one kind that come one after another become one.
class CallSink {
 public:
  explicit CallSink(CallForm form) : form_(form) {}

  void text(ChatPiece::Kind kind, std::string_view text);
  // Begins a call. `id` "": a new one.
  void begin(std::string name, std::string id = {});
  void arguments(std::string_view text);
  void end();

  [[nodiscard]] bool open() const { return open_; }           // a call has begun and not ended
  [[nodiscard]] std::size_t begun() const { return begun_; }  // calls
  [[nodiscard]] std::size_t ended() const { return ended_; }  // calls
  std::vector<ChatPiece> take();

 private:
  CallForm form_;
  std::vector<ChatPiece> pieces_;
  std::size_t begun_ = 0;
  std::size_t ended_ = 0;
  bool open_ = false;
};

// Reads the calls of one block in an answer, byte by byte from behind its opening mark on. Before a
// call has begun what was read may turn out to be none (kRejected); afterwards it is one, and what
// does not fit its form is given out as its arguments.
class CallReader {
 public:
  enum class Step : std::uint8_t {
    kMore,        // goes on
    kDone,        // the block ended with this byte
    kDoneBefore,  // the block ended before this byte, which is not part of it
    kRejected,    // what was read since the last call's end is no call
  };

  CallReader() = default;
  virtual ~CallReader() = default;
  CallReader(const CallReader&) = delete;
  CallReader& operator=(const CallReader&) = delete;

  virtual Step take(char byte, CallSink& sink) = 0;
  // At the answer's end. False: what was read since the last call's end is no call.
  virtual bool finish(CallSink& sink) = 0;
};

// Matches one literal text byte by byte.
class Literal {
 public:
  explicit Literal(std::string_view text = {}) : text_(text) {}
  // False when `byte` is not the next one; then nothing is changed.
  bool take(char byte);
  [[nodiscard]] bool whole() const { return at_ == text_.size(); }
  [[nodiscard]] bool begun() const { return at_ > 0; }
  [[nodiscard]] std::string_view taken() const { return text_.substr(0, at_); }
  void reset() { at_ = 0; }

 private:
  std::string_view text_;  // of static duration
  std::size_t at_ = 0;
};

// Bytes of `text` before what may be the beginning of a mark at its end.
std::size_t certain_size(std::string_view text, std::span<const std::string_view> marks);

// What models put around JSON in their answers: the opening mark of kGeneric's calls that have one.
inline constexpr std::string_view kFence = "```";

// A reader for what follows the opening mark `mark` (opening_marks()) of `form`; for forms without
// marks it reads from the answer's begin, or from behind the line of a fence.
std::unique_ptr<CallReader> make_reader(
    CallForm form, std::string_view mark, const std::vector<Tool>& tools);

// The texts that open a block of calls; none for forms that begin with the answer.
std::vector<std::string_view> opening_marks(CallForm form);

// All texts of `form` that some tokenizers hold as special tokens.
std::vector<std::string_view> all_marks(CallForm form);

}  // namespace hub::chat
