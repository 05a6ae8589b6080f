//! Hugging Face's tokenizer, the models' chat templates and rows of Parquet files behind one C header, `hub_text.h`.
//!
//! `ffi` is the only module with unsafe code that touches foreign memory; the others are plain Rust that it calls.
//! A further part (grammars) gets a module of its own beside them and its functions in `ffi`.

mod ffi;
mod foreign;
mod json;
mod parquet;
mod stream;
mod template;
mod time;
mod tokenizer;
