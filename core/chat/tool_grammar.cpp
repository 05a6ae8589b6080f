#include "core/chat/tool_grammar.h"

#include <algorithm>
#include <string_view>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "core/base/json_reader.h"
#include "core/chat/json_text.h"
#include "core/chat/xml_calls.h"

namespace hub::chat {
namespace {

using base::Json;
using text::GrammarSpec;

// As a string of Lark, which escapes as JSON does.
std::string literal(std::string_view text) {
  return json_string(text);
}

// As json.dumps lays it out. A client's own options would be read, too.
Json with_layout(Json schema) {
  if (schema.is_object()) {
    schema["x-guidance"] = {
        {"whitespace_flexible", false}, {"item_separator", ", "}, {"key_separator", ": "}};
  }
  return schema;
}

Json arguments_schema(const Tool& tool) {
  if (!tool.parameters || !tool.parameters->is_object()) {
    return {{"type", "object"}, {"properties", Json::object()}, {"additionalProperties", false}};
  }
  Json schema = *tool.parameters;
  if (!schema.contains("type")) {
    schema["type"] = "object";
  }
  return schema;
}

// The rules of a grammar while it is written.
class Lark {
 public:
  void rule(std::string_view name, std::string_view body) {
    text_ += fmt::format("{}: {}\n", name, body);
  }
  [[nodiscard]] GrammarSpec spec() const {
    return {.kind = GrammarSpec::Kind::kLark, .text = text_};
  }

 private:
  std::string text_;
};

struct JsonForm {
  std::string_view before;      // the calls
  std::string_view arguments;   // the field's name
  std::string_view between;     // calls
  std::string_view after;       // the calls
  std::string_view before_one;  // call
  std::string_view after_one;   // call
};

JsonForm json_form(CallForm form) {
  switch (form) {
    case CallForm::kHermes:
      return {"", "arguments", "\n", "", "<tool_call>\n", "\n</tool_call>"};
    case CallForm::kLlama:
      return {"", "parameters", "", "", "", ""};
    case CallForm::kMistral:
      return {"[", "arguments", ", ", "]", "", ""};
    case CallForm::kQwenXml:
    case CallForm::kFunctionGemma:
    case CallForm::kGemma4:
    case CallForm::kGeneric:
      break;
  }
  return {R"({"tool_calls": [)", "arguments", ", ", "]}", "", ""};
}

// "<first> (<between> <first>)*", so that calls are at most kMaxEnforcedCalls.
std::string several(std::string_view one, std::string_view between, bool parallel) {
  return parallel ? fmt::format("{0} ({1} {0}){{0,{2}}}", one, between, kMaxEnforcedCalls - 1)
                  : std::string(one);
}

// The rule "calls" for JSON calls. `open`: without what stands before the first call.
void add_json_calls(
    Lark& lark, CallForm form, const std::vector<Tool>& tools, bool parallel, bool open) {
  const JsonForm layout = json_form(form);
  std::string any;
  for (std::size_t i = 0; i < tools.size(); ++i) {
    lark.rule(
        fmt::format("arguments_{}", i),
        "%json " + json_text(with_layout(arguments_schema(tools[i]))));
    const std::string head =
        fmt::format(R"({{"name": {}, "{}": )", literal(tools[i].name), layout.arguments);
    lark.rule(
        fmt::format("call_{}", i),
        fmt::format(
            "{} arguments_{} {}", literal(head), i, literal("}" + std::string(layout.after_one))));
    any += fmt::format("{}call_{}", i == 0 ? "" : " | ", i);
  }
  lark.rule("call", any);
  const bool many = parallel && form != CallForm::kLlama;
  std::string first = "call";
  std::string between = literal(std::string(layout.between) + std::string(layout.before_one));
  std::string calls = several(first, between, many);
  if (!open) {
    const std::string before = std::string(layout.before) + std::string(layout.before_one);
    calls = before.empty() ? calls : literal(before) + " " + calls;
  }
  if (!layout.after.empty()) {
    calls += " " + literal(layout.after);
  }
  lark.rule("calls", calls);
}

// The schema of one property by itself: what it refers to comes along.
Json property_schema(const Json& whole, const Json& property) {
  Json schema = property;
  if (schema.is_object()) {
    for (const char* key : {"$defs", "definitions"}) {
      if (whole.contains(key) && !schema.contains(key)) {
        schema[key] = whole[key];
      }
    }
  }
  return with_layout(std::move(schema));
}

// The text of a parameter up to its end mark and the line break behind that.
std::string parameter_value(
    Lark& lark, const std::string& name, const Json& whole, const Json& property, ValueKind kind) {
  const std::string end = literal("\n</parameter>\n");
  if (kind == ValueKind::kString) {
    const Json* values =
        property.is_object() && property.contains("enum") ? &property["enum"] : nullptr;
    const Json only = property.is_object() && property.contains("const")
                          ? Json::array({property["const"]})
                          : Json();
    values = only.is_array() ? &only : values;
    if (values != nullptr && values->is_array() && !values->empty()) {
      std::string any;
      for (const Json& value : *values) {
        any += (any.empty() ? "" : " | ") +
               literal(value.is_string() ? value.get<std::string>() : json_text(value));
      }
      return fmt::format("({}) {}", any, end);
    }
    lark.rule(name + "[suffix=" + end + "]", R"(/(?s:.*)/)");
    return name;
  }
  lark.rule(name, "%json " + json_text(property_schema(whole, property)));
  return name + " " + end;
}

// The rule "calls" for kQwenXml. Parameters come in the schema's order; those that are not required
// may be missing.
void add_xml_calls(Lark& lark, const std::vector<Tool>& tools, bool parallel, bool open) {
  std::string any;
  for (std::size_t i = 0; i < tools.size(); ++i) {
    const Json whole = arguments_schema(tools[i]);
    const auto kinds = value_kinds(tools[i]);
    const Json required = whole.value("required", Json::array());
    std::string body = literal(fmt::format("<function={}>\n", tools[i].name));
    std::size_t number = 0;
    const Json properties = whole.value("properties", Json::object());
    for (const auto& [key, property] : properties.items()) {
      const std::string name = fmt::format("value_{}_{}", i, number++);
      const std::string value = fmt::format(
          "{} {}",
          literal(fmt::format("<parameter={}>\n", key)),
          parameter_value(lark, name, whole, property, kinds.at(key)));
      const bool must = std::ranges::find(required, Json(key)) != required.end();
      body += must ? " " + value : fmt::format(" ({})?", value);
    }
    lark.rule(fmt::format("call_{}", i), body + " " + literal("</function>\n</tool_call>"));
    any += fmt::format("{}call_{}", i == 0 ? "" : " | ", i);
  }
  lark.rule("call", any);
  const std::string calls = several("call", literal("\n<tool_call>\n"), parallel);
  lark.rule("calls", (open ? "" : literal("<tool_call>\n") + " ") + calls);
}

void add_calls(
    Lark& lark, CallForm form, const std::vector<Tool>& tools, bool parallel, bool open) {
  if (form == CallForm::kQwenXml) {
    add_xml_calls(lark, tools, parallel, open);
  } else {
    add_json_calls(lark, form, tools, parallel, open);
  }
}

// The rule "lead" and how a start begins with it.
std::string add_lead(Lark& lark, Lead lead) {
  if (lead == Lead::kNothing) {
    return {};
  }
  // White space between the reasoning and the calls: as much as models write.
  lark.rule(R"(thought[suffix="</think>"])", R"(/(?s:.*)/)");
  lark.rule(
      "lead", std::string(lead == Lead::kThinking ? "" : "\"<think>\" ") + R"(thought /\n{0,2}/)");
  return lead == Lead::kThinking ? "lead " : "lead? ";
}

bool has_text_marks(CallForm form) {
  return form == CallForm::kHermes || form == CallForm::kQwenXml;
}

bool has_no_marks(CallForm form) {
  return form == CallForm::kLlama || form == CallForm::kGeneric;
}

CallForm enforced_form(CallForm form) {
  return form == CallForm::kFunctionGemma || form == CallForm::kGemma4 ? CallForm::kGeneric : form;
}

}  // namespace

CallGrammar required_calls(
    CallForm form, const std::vector<Tool>& tools, bool parallel, Lead lead) {
  Lark lark;
  const CallForm used = enforced_form(form);
  lark.rule("start", (lead == Lead::kNothing ? "" : add_lead(lark, lead)) + "calls");
  add_calls(lark, used, tools, parallel, false);
  return {
      .form = used,
      .spec = lark.spec(),
      .prompt_end = used == CallForm::kMistral ? "[TOOL_CALLS]" : ""};
}

std::optional<CallGrammar> possible_calls(
    CallForm form, const std::vector<Tool>& tools, bool parallel, Lead lead) {
  if (form != enforced_form(form) || form == CallForm::kMistral) {
    return std::nullopt;
  }
  Lark lark;
  const std::string first = add_lead(lark, lead);
  if (has_text_marks(form)) {
    lark.rule("start", first + "(PLAIN | opening calls)");
    lark.rule("PLAIN", R"(/(?s:.*)/ & ~/(?s:.*)<tool_call>(?s:.*)/)");
    lark.rule(R"(opening[suffix="<tool_call>\n"])", R"(/(?s:.*)/)");
  } else {
    lark.rule("start", first + "(PLAIN | calls)");
    lark.rule("PLAIN", R"(/([ \n\r\t]*[^ \n\r\t{\[](?s:.*))?/)");
  }
  add_calls(lark, form, tools, parallel, has_text_marks(form));
  return CallGrammar{.form = form, .spec = lark.spec()};
}

std::optional<CallGrammar> calls_or_json(
    CallForm form,
    const std::vector<Tool>& tools,
    bool parallel,
    Lead lead,
    const GrammarSpec& answer) {
  const bool is_json = answer.kind == GrammarSpec::Kind::kJsonSchema ||
                       answer.kind == GrammarSpec::Kind::kJsonObject;
  if (!is_json || has_no_marks(enforced_form(form)) || form == CallForm::kMistral) {
    return std::nullopt;
  }
  Lark lark;
  const std::string first = add_lead(lark, lead);
  lark.rule("start", first + "(calls | answer)");
  const Json schema = answer.kind == GrammarSpec::Kind::kJsonObject
                          ? Json{{"type", "object"}}
                          : base::parse_json(answer.text, "the answer's schema");
  lark.rule("answer", "%json " + json_text(with_layout(schema)));
  add_calls(lark, form, tools, parallel, false);
  return CallGrammar{.form = form, .spec = lark.spec()};
}

GrammarSpec arguments_grammar(const Tool& tool) {
  return {.kind = GrammarSpec::Kind::kJsonSchema, .text = json_text(arguments_schema(tool))};
}

}  // namespace hub::chat
