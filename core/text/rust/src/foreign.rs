//! Calls into crates that panic on some broken files.

use std::panic::{catch_unwind, AssertUnwindSafe};

/// Runs `body`; for its caller a panic inside is one more way in which a file is broken.
pub fn without_panics<T>(body: impl FnOnce() -> Result<T, String>) -> Result<T, String> {
    catch_unwind(AssertUnwindSafe(body)).unwrap_or_else(|_| Err("its contents contradict each other".to_owned()))
}
