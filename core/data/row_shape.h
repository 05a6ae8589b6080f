#pragma once

#include "core/base/json.h"
#include "core/data/dataset.h"

namespace hub::data {

// The format of a parsed line whose fields have the right shapes; other fields are ignored. Throws
// kInvalidArgument naming the field ("messages[1].role").
RowFormat check_row(const base::Json& row);

// The messages of a chat or completion row: a completion is the chat [user, assistant].
base::Json row_messages(const base::Json& row, RowFormat format);

// The row's `tools`; nullptr when it has none.
const base::Json* row_tools(const base::Json& row);

}  // namespace hub::data
