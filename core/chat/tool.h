#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "core/base/json.h"

namespace hub::chat {

// A function that a model may ask its client to call, whatever route declared it.
struct Tool {
  std::string name;  // [A-Za-z0-9_.-], 1 to 128 characters
  std::optional<std::string> description = std::nullopt;
  // The arguments' JSON schema, an object, or null for a function without arguments. Shared only
  // because Json is incomplete in headers.
  std::shared_ptr<const base::Json> parameters = nullptr;
  bool strict = false;  // calls of it must fit the schema, also where the model need not call
};

// A call that a model asked for.
struct ToolCall {
  std::string id;
  std::string name;
  std::string arguments;  // JSON text of an object as the model wrote it; not whole when cut off
};

// The call's arguments as JSON; absent where they are no object: cut off, or badly written.
std::optional<base::Json> arguments_of(const ToolCall& call);

// Such a call as text, for a form that cannot tell it as a call: its name and what the model wrote.
std::string shown_as_text(const ToolCall& call);

// Which calls an answer may or must hold.
struct ToolChoice {
  enum class Kind : std::uint8_t {
    kAuto,      // text, calls, or both
    kNone,      // text; the prompt names no tools
    kRequired,  // at least one call: the answer's grammar demands it
  };
  Kind kind = Kind::kAuto;
  std::vector<std::string> names = {};  // those that may be called; empty: all
  bool parallel = true;                 // more than one call in an answer
};

// True when `choice` lets the tool of that name be called.
bool may_call(const ToolChoice& choice, const std::string& name);

}  // namespace hub::chat
