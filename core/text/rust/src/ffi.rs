//! The functions of `hub_text.h`; those for grammars and Parquet files are in `grammar` and `parquet`.

mod grammar;
mod parquet;

use std::cell::RefCell;
use std::ffi::{c_char, c_int};
use std::panic::{catch_unwind, AssertUnwindSafe};
use std::ptr;
use std::slice;
use std::sync::{Arc, Once};

use crate::foreign::panic_text;
use crate::stream::HubStream;
use crate::template::HubTemplate;
use crate::tokenizer::HubTokenizer;

/// `struct HubText`.
#[repr(C)]
pub struct HubText {
    data: *mut c_char,
    size: usize,
}

/// `struct HubEncoding`.
#[repr(C)]
pub struct HubEncoding {
    ids: *mut u32,
    offsets: *mut usize,
    size: usize,
}

/// A stream with the tokenizer it reads; the C++ side keeps that one alive.
pub struct BoundStream {
    tokenizer: *const HubTokenizer,
    stream: HubStream,
}

/// Why a call did not succeed.
enum Failure {
    BadInput(String),
    BadFile(String),
}

const OK: c_int = 0;
const BAD_INPUT: c_int = 1;
const BAD_FILE: c_int = 2;
const PANIC: c_int = 3;

thread_local! {
    static PANIC_PLACE: RefCell<String> = const { RefCell::new(String::new()) };
}

/// Runs `body`; nothing it does unwinds into C++, and Rust prints nothing to standard error.
fn guarded(error: *mut HubText, body: impl FnOnce() -> Result<(), Failure>) -> c_int {
    static HOOK: Once = Once::new();
    HOOK.call_once(|| {
        std::panic::set_hook(Box::new(|info| {
            let place =
                info.location().map_or_else(String::new, |place| format!(" at {}:{}", place.file(), place.line()));
            PANIC_PLACE.with_borrow_mut(|last| *last = place);
        }));
    });
    let (status, message) = match catch_unwind(AssertUnwindSafe(body)) {
        Ok(Ok(())) => return OK,
        Ok(Err(Failure::BadInput(message))) => (BAD_INPUT, message),
        Ok(Err(Failure::BadFile(message))) => (BAD_FILE, message),
        Err(payload) => {
            let place = PANIC_PLACE.with_borrow(Clone::clone);
            (PANIC, format!("the text library panicked{place}: {}", panic_text(payload.as_ref())))
        }
    };
    // SAFETY: the caller gives a valid `error` (rule of hub_text.h).
    unsafe { ptr::write(error, owned_text(message)) };
    status
}

fn owned_text(text: String) -> HubText {
    let bytes: Box<[u8]> = text.into_bytes().into_boxed_slice();
    let size = bytes.len();
    HubText { data: Box::into_raw(bytes).cast(), size }
}

/// Gives a boxed slice of `size` items back to Rust.
///
/// # Safety
/// `data` is null, or came from `Box::into_raw` of a slice of `size` items and is not used again.
unsafe fn release<T>(data: *mut T, size: usize) {
    if !data.is_null() {
        // SAFETY: promised by the caller.
        drop(unsafe { Box::from_raw(ptr::slice_from_raw_parts_mut(data, size)) });
    }
}

/// The items behind a pointer from C.
///
/// # Safety
/// `data` points to `size` items that nobody changes while the slice lives; with size 0 it may be anything.
unsafe fn items<'a, T>(data: *const T, size: usize) -> &'a [T] {
    if size == 0 {
        return &[];
    }
    // SAFETY: promised by the caller.
    unsafe { slice::from_raw_parts(data, size) }
}

/// The text behind a pointer from C.
///
/// # Safety
/// As for `items`.
unsafe fn text<'a>(data: *const c_char, size: usize) -> Result<&'a str, Failure> {
    // SAFETY: promised by the caller.
    let bytes = unsafe { items(data.cast::<u8>(), size) };
    std::str::from_utf8(bytes)
        .map_err(|error| Failure::BadInput(format!("the text is not UTF-8 from byte {} on", error.valid_up_to())))
}

/// # Safety
/// `text` came from this library and is not used again.
#[no_mangle]
pub unsafe extern "C" fn hub_text_free(text: HubText) {
    // SAFETY: owned_text made it.
    unsafe { release(text.data, text.size) };
}

/// # Safety
/// `encoding` came from this library and is not used again.
#[no_mangle]
pub unsafe extern "C" fn hub_encoding_free(encoding: HubEncoding) {
    // SAFETY: hub_tokenizer_encode made both.
    unsafe {
        release(encoding.ids, encoding.size);
        release(encoding.offsets, 2 * encoding.size);
    }
}

/// # Safety
/// The pointers follow the rules of hub_text.h.
#[no_mangle]
pub unsafe extern "C" fn hub_tokenizer_new(
    json: *const c_char,
    size: usize,
    out: *mut *mut HubTokenizer,
    error: *mut HubText,
) -> c_int {
    guarded(error, || {
        // SAFETY: rule of hub_text.h.
        let bytes = unsafe { items(json.cast::<u8>(), size) };
        let tokenizer = HubTokenizer::new(bytes).map_err(Failure::BadFile)?;
        // SAFETY: `out` is valid by the same rule.
        unsafe { ptr::write(out, Arc::into_raw(Arc::new(tokenizer)).cast_mut()) };
        Ok(())
    })
}

/// # Safety
/// `tokenizer` is null or came from hub_tokenizer_new and is not used again.
#[no_mangle]
pub unsafe extern "C" fn hub_tokenizer_free(tokenizer: *mut HubTokenizer) {
    if !tokenizer.is_null() {
        // SAFETY: promised by the caller.
        drop(unsafe { Arc::from_raw(tokenizer.cast_const()) });
    }
}

/// # Safety
/// The pointers follow the rules of hub_text.h.
#[no_mangle]
pub unsafe extern "C" fn hub_tokenizer_encode(
    tokenizer: *const HubTokenizer,
    data: *const c_char,
    size: usize,
    add_special: bool,
    with_offsets: bool,
    out: *mut HubEncoding,
    error: *mut HubText,
) -> c_int {
    guarded(error, || {
        // SAFETY: rule of hub_text.h.
        let (tokenizer, text) = unsafe { (&*tokenizer, text(data, size)?) };
        let encoded = tokenizer.encode(text, add_special, with_offsets).map_err(Failure::BadInput)?;
        let ids = encoded.ids.into_boxed_slice();
        let size = ids.len();
        let offsets =
            encoded.offsets.map_or(ptr::null_mut(), |offsets| Box::into_raw(offsets.into_boxed_slice()).cast());
        // SAFETY: `out` is valid by the same rule.
        unsafe { ptr::write(out, HubEncoding { ids: Box::into_raw(ids).cast(), offsets, size }) };
        Ok(())
    })
}

/// # Safety
/// The pointers follow the rules of hub_text.h.
#[no_mangle]
pub unsafe extern "C" fn hub_tokenizer_decode(
    tokenizer: *const HubTokenizer,
    ids: *const u32,
    count: usize,
    skip_special: bool,
    out: *mut HubText,
    error: *mut HubText,
) -> c_int {
    guarded(error, || {
        // SAFETY: rule of hub_text.h.
        let (tokenizer, ids) = unsafe { (&*tokenizer, items(ids, count)) };
        if let Some(unknown) = ids.iter().find(|&&id| !tokenizer.is_decoded(id, false)) {
            return Err(Failure::BadInput(format!("token {unknown} is not in the vocabulary")));
        }
        let text = tokenizer.decode(ids, skip_special).map_err(Failure::BadInput)?;
        // SAFETY: `out` is valid by the same rule.
        unsafe { ptr::write(out, owned_text(text)) };
        Ok(())
    })
}

/// # Safety
/// The pointers follow the rules of hub_text.h.
#[no_mangle]
pub unsafe extern "C" fn hub_tokenizer_vocabulary_size(
    tokenizer: *const HubTokenizer,
    out: *mut usize,
    error: *mut HubText,
) -> c_int {
    guarded(error, || {
        // SAFETY: rule of hub_text.h.
        unsafe { ptr::write(out, (*tokenizer).vocabulary_size()) };
        Ok(())
    })
}

/// # Safety
/// The pointers follow the rules of hub_text.h.
#[no_mangle]
pub unsafe extern "C" fn hub_tokenizer_token_to_id(
    tokenizer: *const HubTokenizer,
    token: *const c_char,
    size: usize,
    found: *mut bool,
    out: *mut u32,
    error: *mut HubText,
) -> c_int {
    guarded(error, || {
        // SAFETY: rule of hub_text.h.
        let (tokenizer, token) = unsafe { (&*tokenizer, text(token, size)?) };
        let id = tokenizer.token_to_id(token);
        // SAFETY: `found` and `out` are valid by the same rule.
        unsafe {
            ptr::write(found, id.is_some());
            ptr::write(out, id.unwrap_or(0));
        }
        Ok(())
    })
}

/// # Safety
/// The pointers follow the rules of hub_text.h.
#[no_mangle]
pub unsafe extern "C" fn hub_tokenizer_id_to_token(
    tokenizer: *const HubTokenizer,
    id: u32,
    found: *mut bool,
    out: *mut HubText,
    error: *mut HubText,
) -> c_int {
    guarded(error, || {
        // SAFETY: rule of hub_text.h.
        let token = unsafe { &*tokenizer }.id_to_token(id);
        // SAFETY: `found` and `out` are valid by the same rule.
        unsafe {
            ptr::write(found, token.is_some());
            ptr::write(out, owned_text(token.unwrap_or_default()));
        }
        Ok(())
    })
}

/// # Safety
/// The pointers follow the rules of hub_text.h; `tokenizer` outlives the stream.
#[no_mangle]
pub unsafe extern "C" fn hub_stream_new(
    tokenizer: *const HubTokenizer,
    skip_special: bool,
    out: *mut *mut BoundStream,
    error: *mut HubText,
) -> c_int {
    guarded(error, || {
        let bound = BoundStream { tokenizer, stream: HubStream::new(skip_special) };
        // SAFETY: `out` is valid (rule of hub_text.h).
        unsafe { ptr::write(out, Box::into_raw(Box::new(bound))) };
        Ok(())
    })
}

/// # Safety
/// `stream` is null or came from hub_stream_new and is not used again.
#[no_mangle]
pub unsafe extern "C" fn hub_stream_free(stream: *mut BoundStream) {
    if !stream.is_null() {
        // SAFETY: promised by the caller.
        drop(unsafe { Box::from_raw(stream) });
    }
}

/// # Safety
/// The pointers follow the rules of hub_text.h.
#[no_mangle]
pub unsafe extern "C" fn hub_stream_push(
    stream: *mut BoundStream,
    id: u32,
    out: *mut HubText,
    error: *mut HubText,
) -> c_int {
    guarded(error, || {
        // SAFETY: rule of hub_text.h: one thread at a time has the stream, and its tokenizer lives.
        let (bound, tokenizer) = unsafe { (&mut *stream, &*(*stream).tokenizer) };
        let text = bound.stream.push(tokenizer, id).map_err(Failure::BadInput)?;
        // SAFETY: `out` is valid by the same rule.
        unsafe { ptr::write(out, owned_text(text)) };
        Ok(())
    })
}

/// # Safety
/// The pointers follow the rules of hub_text.h.
#[no_mangle]
pub unsafe extern "C" fn hub_stream_flush(stream: *mut BoundStream, out: *mut HubText, error: *mut HubText) -> c_int {
    guarded(error, || {
        // SAFETY: as in hub_stream_push.
        let (bound, tokenizer) = unsafe { (&mut *stream, &*(*stream).tokenizer) };
        let text = bound.stream.flush(tokenizer).map_err(Failure::BadInput)?;
        // SAFETY: `out` is valid by the same rule.
        unsafe { ptr::write(out, owned_text(text)) };
        Ok(())
    })
}

/// # Safety
/// The pointers follow the rules of hub_text.h.
#[no_mangle]
pub unsafe extern "C" fn hub_template_new(
    source: *const c_char,
    size: usize,
    out: *mut *mut HubTemplate,
    error: *mut HubText,
) -> c_int {
    guarded(error, || {
        // SAFETY: rule of hub_text.h.
        let source = unsafe { text(source, size)? };
        let template = HubTemplate::new(source).map_err(Failure::BadFile)?;
        // SAFETY: `out` is valid by the same rule.
        unsafe { ptr::write(out, Box::into_raw(Box::new(template))) };
        Ok(())
    })
}

/// # Safety
/// `chat_template` is null or came from hub_template_new and is not used again.
#[no_mangle]
pub unsafe extern "C" fn hub_template_free(chat_template: *mut HubTemplate) {
    if !chat_template.is_null() {
        // SAFETY: promised by the caller.
        drop(unsafe { Box::from_raw(chat_template) });
    }
}

/// # Safety
/// The pointers follow the rules of hub_text.h.
#[no_mangle]
pub unsafe extern "C" fn hub_template_render(
    chat_template: *const HubTemplate,
    context: *const c_char,
    size: usize,
    out: *mut HubText,
    error: *mut HubText,
) -> c_int {
    guarded(error, || {
        // SAFETY: rule of hub_text.h.
        let (chat_template, context) = unsafe { (&*chat_template, text(context, size)?) };
        let rendered = chat_template.render(context).map_err(Failure::BadInput)?;
        // SAFETY: `out` is valid by the same rule.
        unsafe { ptr::write(out, owned_text(rendered)) };
        Ok(())
    })
}

/// # Safety
/// `error` is valid.
#[no_mangle]
pub unsafe extern "C" fn hub_text_panic_for_test(error: *mut HubText) -> c_int {
    guarded(error, || panic!("on purpose"))
}
