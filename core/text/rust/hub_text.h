// The C face of the Rust library in this folder: Hugging Face's tokenizer, the models' own chat
// templates, grammars that answers follow, and rows of Parquet files. One library, since a program
// can hold one Rust runtime.
// Only the C++ classes beside this folder include it (core/text/*.cpp), and
// core/data/parquet_reader.cpp.
//
// Rules for every function:
// - Text in is UTF-8 given as pointer and byte count (no terminating NUL needed; NUL bytes
// allowed).
// - It returns HUB_TEXT_OK, or another status and then `*error` holds a sentence that the caller
//   must release with hub_text_free. On success `*error` is left as it was. `error` is never NULL.
// - A panic inside never leaves the library: it comes back as HUB_TEXT_PANIC.
// - Tokenizers, templates, vocabularies and grammars are immutable: any thread may use one. A
// stream
//   belongs to one thread at a time and must not outlive its tokenizer; a grammar's state, too,
//   belongs to one thread at a time, but keeps alive what it needs.
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

// NOLINTBEGIN(readability-identifier-naming): C has no scopes, so the names carry theirs.
enum HubTextStatus {
  HUB_TEXT_OK = 0,
  HUB_TEXT_BAD_INPUT = 1,  // what this call was given (text, ids, messages) cannot be used
  HUB_TEXT_BAD_FILE = 2,   // tokenizer.json or the template cannot be used
  HUB_TEXT_PANIC = 3,      // a mistake inside
};
// NOLINTEND(readability-identifier-naming)

// Bytes owned by the library until hub_text_free.
typedef struct HubText {
  char* data;
  size_t size;
} HubText;

void hub_text_free(HubText text);

// Tokens owned by the library until hub_encoding_free. `offsets` holds 2 * size byte positions
// (begin, end), or is NULL when they were not asked for.
typedef struct HubEncoding {
  uint32_t* ids;
  size_t* offsets;
  size_t size;
} HubEncoding;

void hub_encoding_free(HubEncoding encoding);

typedef struct HubTokenizer HubTokenizer;
typedef struct HubStream HubStream;
typedef struct HubTemplate HubTemplate;

// From the bytes of a tokenizer.json. Padding and truncation written there are switched off.
int hub_tokenizer_new(const char* json, size_t size, HubTokenizer** out, HubText* error);
void hub_tokenizer_free(HubTokenizer* tokenizer);

int hub_tokenizer_encode(
    const HubTokenizer* tokenizer,
    const char* text,
    size_t size,
    bool add_special,
    bool with_offsets,
    HubEncoding* out,
    HubText* error);

// An id outside the vocabulary is HUB_TEXT_BAD_INPUT.
int hub_tokenizer_decode(
    const HubTokenizer* tokenizer,
    const uint32_t* ids,
    size_t count,
    bool skip_special,
    HubText* out,
    HubText* error);

int hub_tokenizer_vocabulary_size(const HubTokenizer* tokenizer, size_t* out, HubText* error);

// `*found` tells whether there is such a token.
int hub_tokenizer_token_to_id(
    const HubTokenizer* tokenizer,
    const char* token,
    size_t size,
    bool* found,
    uint32_t* out,
    HubText* error);
int hub_tokenizer_id_to_token(
    const HubTokenizer* tokenizer, uint32_t id, bool* found, HubText* out, HubText* error);

// A streaming decoder. An id outside the vocabulary adds no text, as in Hugging Face's decode.
int hub_stream_new(
    const HubTokenizer* tokenizer, bool skip_special, HubStream** out, HubText* error);
void hub_stream_free(HubStream* stream);
// The text that became certain with `id`; often empty.
int hub_stream_push(HubStream* stream, uint32_t id, HubText* out, HubText* error);
// What was held back; the stream is then as new.
int hub_stream_flush(HubStream* stream, HubText* out, HubText* error);

// Compiles a Jinja chat template.
int hub_template_new(const char* source, size_t size, HubTemplate** out, HubText* error);
void hub_template_free(HubTemplate* chat_template);
// Renders with the variables of `context`, a JSON object.
int hub_template_render(
    const HubTemplate* chat_template,
    const char* context,
    size_t size,
    HubText* out,
    HubText* error);

typedef struct HubVocabulary HubVocabulary;
typedef struct HubGrammar HubGrammar;
typedef struct HubGrammarState HubGrammarState;

// The tokens of a model with `width` logits as grammars see them; `ends` are those that end an
// answer. HUB_TEXT_BAD_FILE when the tokenizer's tokens have no bytes of their own.
int hub_vocabulary_new(
    const HubTokenizer* tokenizer,
    size_t width,
    const uint32_t* ends,
    size_t end_count,
    HubVocabulary** out,
    HubText* error);
void hub_vocabulary_free(HubVocabulary* vocabulary);

// NOLINTBEGIN(readability-identifier-naming)
enum HubGrammarKind {
  HUB_GRAMMAR_JSON_SCHEMA = 0,  // `text` is a JSON schema
  HUB_GRAMMAR_JSON_OBJECT = 1,  // any JSON object; `text` is not read
  HUB_GRAMMAR_REGEX = 2,        // the whole answer matches a regular expression (Rust's syntax)
  HUB_GRAMMAR_LARK = 3,         // a context-free grammar, in llguidance's variant of Lark
};
// NOLINTEND(readability-identifier-naming)

// Compiles a grammar.
int hub_grammar_new(
    const HubVocabulary* vocabulary,
    int kind,
    const char* text,
    size_t size,
    HubGrammar** out,
    HubText* error);
void hub_grammar_free(HubGrammar* grammar);

// An answer that has not begun.
int hub_grammar_state_new(const HubGrammar* grammar, HubGrammarState** out, HubText* error);
// A state that goes on by itself; it and the first may then be used by different threads.
int hub_grammar_state_clone(const HubGrammarState* state, HubGrammarState** out, HubText* error);
void hub_grammar_state_free(HubGrammarState* state);
// Writes `words` words, (width + 31) / 32: bit i % 32 of word i / 32 tells whether token i may come
// next. HUB_TEXT_BAD_FILE when the grammar cannot be followed any further.
int hub_grammar_state_mask(HubGrammarState* state, uint32_t* mask, size_t words, HubText* error);
// Goes on by one token; HUB_TEXT_BAD_INPUT, and nothing is changed, for one that cannot come next.
int hub_grammar_state_accept(HubGrammarState* state, uint32_t id, HubText* error);
// Takes the last `count` tokens back.
int hub_grammar_state_rollback(HubGrammarState* state, size_t count, HubText* error);
// Whether the answer may end here, and whether nothing but an end may follow.
int hub_grammar_state_ends(HubGrammarState* state, bool* may_end, bool* must_end, HubText* error);
// The tokens that must come next; often none. `out->offsets` is NULL.
int hub_grammar_state_forced(HubGrammarState* state, HubEncoding* out, HubText* error);

typedef struct HubParquet HubParquet;

// How much a file may unpack to: its rows, the bytes of one row as JSON, the bytes of all rows and
// of all pages.
typedef struct HubParquetLimits {
  uint64_t rows;
  uint64_t row_bytes;
  uint64_t total_bytes;
} HubParquetLimits;

// Opens a file; `fields` are the names of the columns to read, a line each. A file that is none, is
// cut off, claims what it has not or unpacks to more than `limits` is HUB_TEXT_BAD_FILE.
int hub_parquet_open(
    const char* path,
    size_t path_size,
    const char* fields,
    size_t fields_size,
    HubParquetLimits limits,
    HubParquet** out,
    HubText* error);
void hub_parquet_free(HubParquet* file);
// The names of all columns of the file, a line each.
int hub_parquet_columns(const HubParquet* file, HubText* out, HubText* error);

// NOLINTBEGIN(readability-identifier-naming)
enum HubParquetRow {
  HUB_PARQUET_END = 0,
  HUB_PARQUET_ROW = 1,      // `*out` is a JSON object of the fields that are not null
  HUB_PARQUET_PROBLEM = 2,  // `*out` says why this row cannot be used
};
// NOLINTEND(readability-identifier-naming)

// The next row. After an error the file is only good for hub_parquet_free.
int hub_parquet_next(HubParquet* file, int* kind, HubText* out, HubText* error);

// Panics on purpose, for the test of the guard around every function.
int hub_text_panic_for_test(HubText* error);

#ifdef __cplusplus
}
#endif
