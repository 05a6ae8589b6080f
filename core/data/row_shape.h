#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "core/base/json.h"
#include "core/data/dataset.h"

namespace hub::data {

// The format of a parsed row whose fields have the right shapes; other fields are ignored. The
// first that fits, in mlx-lm's order with others between: preference, completion, choice, chat,
// ShareGPT, Alpaca, text. Throws kInvalidArgument naming the field ("messages[1].role").
RowFormat check_row(const base::Json& row);

// True when an object with these fields could be a row of some format.
bool may_be_row(const base::Json& row);

// "a row needs 'messages', 'prompt' and 'completion', …": for complaints.
std::string wanted_fields();
// The fields of one format: "'prompt' and 'completion'".
std::string_view fields_of(RowFormat format);

// A table's row, where every column is text: turns the text of `messages`, `conversations`, `tools`
// and `history`, and lists of messages in a preference row's other columns, into the JSON that it
// is, and leaves out empty columns that a row need not have.
// Throws kInvalidArgument naming the column.
void parse_json_columns(base::Json& row);

// The messages of a row of any format but text, as OpenAI has them: a completion is the chat [user,
// assistant], Alpaca's too (chat_shapes.h); of a preference row those with the chosen answer. `row`
// has passed check_row().
base::Json row_messages(const base::Json& row, RowFormat format);

// Which of the row's `choices` is the `answer`: a number from 0, or the choice itself. Throws
// kInvalidArgument naming the field.
std::size_t answer_index(const base::Json& row);

// The row's `tools`, also where they are JSON in a string; nullopt when it has none.
std::optional<base::Json> row_tools(const base::Json& row);

}  // namespace hub::data
