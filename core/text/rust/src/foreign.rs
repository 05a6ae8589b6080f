//! Calls into crates that panic on some broken files, or call themselves as deeply as their input is nested.

use std::any::Any;
use std::panic::{catch_unwind, AssertUnwindSafe};

/// Room for a recursion over each token of the largest grammar; what is not used costs no memory.
const DEEP_STACK: usize = 256 << 20;

/// Runs `body`; for its caller a panic inside is one more way in which a file is broken.
pub fn without_panics<T>(body: impl FnOnce() -> Result<T, String>) -> Result<T, String> {
    catch_unwind(AssertUnwindSafe(body)).unwrap_or_else(|_| Err("its contents contradict each other".to_owned()))
}

/// Runs `body` on a thread with a deep stack; an overflow would end the process. Err is the message of a panic inside.
pub fn on_deep_stack<T: Send>(body: impl FnOnce() -> T + Send) -> Result<T, String> {
    std::thread::scope(|scope| {
        let thread = std::thread::Builder::new().stack_size(DEEP_STACK).spawn_scoped(scope, body);
        match thread {
            Ok(thread) => thread.join().map_err(|payload| panic_text(payload.as_ref())),
            Err(error) => Err(format!("no thread: {error}")),
        }
    })
}

/// What a panic said.
pub fn panic_text(payload: &(dyn Any + Send)) -> String {
    payload
        .downcast_ref::<&str>()
        .map(|text| (*text).to_owned())
        .or_else(|| payload.downcast_ref::<String>().cloned())
        .unwrap_or_else(|| "no message".to_owned())
}
