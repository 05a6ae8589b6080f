#include "core/chat/chat_style.h"

#include <string_view>

#include <nlohmann/json.hpp>

#include "core/base/error.h"

namespace hub::chat {
namespace {

using base::Json;

constexpr std::string_view kProbe = "look_up_the_tide";

bool shows_tools(const text::ChatTemplate& chat_template) {
  const Json messages = Json::array({{{"role", "user"}, {"content", "Hi"}}});
  const Json tools = Json::array(
      {{{"type", "function"},
        {"function",
         {{"name", kProbe},
          {"description", "Looks up the tide"},
          {"parameters",
           {{"type", "object"},
            {"properties", {{"place", {{"type", "string"}, {"description", "Where"}}}}},
            {"required", {"place"}}}}}}}});
  try {
    return chat_template.render({.messages = messages, .tools = &tools}).find(kProbe) !=
           std::string::npos;
  } catch (const base::Error&) {  // it wants another conversation: the text tells
    return chat_template.source().find("tools") != std::string::npos;
  }
}

}  // namespace

ChatStyle style_of(const text::ChatTemplate& chat_template) {
  return {
      .form = call_form_of(chat_template.source()),
      .knows_tools = shows_tools(chat_template),
      .thinks = chat_template.source().find("</think>") != std::string::npos};
}

}  // namespace hub::chat
