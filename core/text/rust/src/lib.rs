//! Hugging Face's tokenizer, the models' chat templates, grammars of answers and rows of Parquet files behind one C
//! header, `hub_text.h`.
//!
//! `ffi` is the only module with unsafe code that touches foreign memory; the others are plain Rust that it calls.

mod ffi;
mod foreign;
mod grammar;
mod json;
mod parquet;
mod stream;
mod template;
mod time;
mod token_bytes;
mod tokenizer;
mod vocabulary;
