//! The functions of `hub_text.h` for grammars of answers.

use std::ffi::{c_char, c_int};
use std::ptr;
use std::slice;
use std::sync::Arc;

use super::{guarded, items, text, Failure, HubEncoding, HubText};
use crate::grammar::{HubGrammar, HubGrammarState, Kind, StepError};
use crate::tokenizer::HubTokenizer;
use crate::vocabulary::HubVocabulary;

impl From<StepError> for Failure {
    fn from(error: StepError) -> Self {
        match error {
            StepError::Refused(reason) => Self::BadInput(reason),
            StepError::Stuck(reason) => Self::BadFile(reason),
        }
    }
}

/// Gives `value` to C, to be freed by `release_box`.
///
/// # Safety
/// `out` is valid.
unsafe fn hand_over<T>(value: T, out: *mut *mut T) {
    // SAFETY: promised by the caller.
    unsafe { ptr::write(out, Box::into_raw(Box::new(value))) };
}

/// # Safety
/// `value` is null or came from `hand_over` and is not used again.
unsafe fn release_box<T>(value: *mut T) {
    if !value.is_null() {
        // SAFETY: promised by the caller.
        drop(unsafe { Box::from_raw(value) });
    }
}

/// # Safety
/// The pointers follow the rules of hub_text.h.
#[no_mangle]
pub unsafe extern "C" fn hub_vocabulary_new(
    tokenizer: *const HubTokenizer,
    width: usize,
    ends: *const u32,
    end_count: usize,
    out: *mut *mut Arc<HubVocabulary>,
    error: *mut HubText,
) -> c_int {
    guarded(error, || {
        // SAFETY: hub_tokenizer_new made `tokenizer` by Arc::into_raw, and the caller keeps it during this call.
        let tokenizer = unsafe {
            Arc::increment_strong_count(tokenizer);
            Arc::from_raw(tokenizer)
        };
        // SAFETY: rule of hub_text.h.
        let ends = unsafe { items(ends, end_count) };
        HubVocabulary::check(width, ends).map_err(Failure::BadInput)?;
        let vocabulary = HubVocabulary::new(tokenizer, width, ends).map_err(Failure::BadFile)?;
        // SAFETY: `out` is valid by the same rule.
        unsafe { hand_over(Arc::new(vocabulary), out) };
        Ok(())
    })
}

/// # Safety
/// `vocabulary` is null or came from hub_vocabulary_new and is not used again.
#[no_mangle]
pub unsafe extern "C" fn hub_vocabulary_free(vocabulary: *mut Arc<HubVocabulary>) {
    // SAFETY: promised by the caller.
    unsafe { release_box(vocabulary) };
}

/// # Safety
/// The pointers follow the rules of hub_text.h.
#[no_mangle]
pub unsafe extern "C" fn hub_grammar_new(
    vocabulary: *const Arc<HubVocabulary>,
    kind: c_int,
    data: *const c_char,
    size: usize,
    out: *mut *mut HubGrammar,
    error: *mut HubText,
) -> c_int {
    guarded(error, || {
        let kind = match kind {
            0 => Kind::JsonSchema,
            1 => Kind::JsonObject,
            2 => Kind::Regex,
            3 => Kind::Lark,
            _ => return Err(Failure::BadInput(format!("there is no kind {kind} of grammar"))),
        };
        // SAFETY: rule of hub_text.h.
        let (vocabulary, text) = unsafe { (Arc::clone(&*vocabulary), text(data, size)?) };
        let grammar = HubGrammar::new(vocabulary, kind, text).map_err(Failure::BadInput)?;
        // SAFETY: `out` is valid by the same rule.
        unsafe { hand_over(grammar, out) };
        Ok(())
    })
}

/// # Safety
/// `grammar` is null or came from hub_grammar_new and is not used again.
#[no_mangle]
pub unsafe extern "C" fn hub_grammar_free(grammar: *mut HubGrammar) {
    // SAFETY: promised by the caller.
    unsafe { release_box(grammar) };
}

/// # Safety
/// The pointers follow the rules of hub_text.h.
#[no_mangle]
pub unsafe extern "C" fn hub_grammar_state_new(
    grammar: *const HubGrammar,
    out: *mut *mut HubGrammarState,
    error: *mut HubText,
) -> c_int {
    guarded(error, || {
        // SAFETY: rule of hub_text.h.
        let state = unsafe { &*grammar }.begin().map_err(Failure::BadFile)?;
        // SAFETY: `out` is valid by the same rule.
        unsafe { hand_over(state, out) };
        Ok(())
    })
}

/// # Safety
/// The pointers follow the rules of hub_text.h.
#[no_mangle]
pub unsafe extern "C" fn hub_grammar_state_clone(
    state: *const HubGrammarState,
    out: *mut *mut HubGrammarState,
    error: *mut HubText,
) -> c_int {
    guarded(error, || {
        // SAFETY: rule of hub_text.h.
        unsafe { hand_over((*state).fork(), out) };
        Ok(())
    })
}

/// # Safety
/// `state` is null or came from this library and is not used again.
#[no_mangle]
pub unsafe extern "C" fn hub_grammar_state_free(state: *mut HubGrammarState) {
    // SAFETY: promised by the caller.
    unsafe { release_box(state) };
}

/// # Safety
/// The pointers follow the rules of hub_text.h.
#[no_mangle]
pub unsafe extern "C" fn hub_grammar_state_mask(
    state: *mut HubGrammarState,
    mask: *mut u32,
    words: usize,
    error: *mut HubText,
) -> c_int {
    guarded(error, || {
        let mask = if words == 0 {
            &mut []
        } else {
            // SAFETY: `mask` points to `words` items by rule of hub_text.h.
            unsafe { slice::from_raw_parts_mut(mask, words) }
        };
        // SAFETY: the same rule.
        Ok(unsafe { &mut *state }.fill_mask(mask)?)
    })
}

/// # Safety
/// The pointers follow the rules of hub_text.h.
#[no_mangle]
pub unsafe extern "C" fn hub_grammar_state_accept(state: *mut HubGrammarState, id: u32, error: *mut HubText) -> c_int {
    // SAFETY: rule of hub_text.h.
    guarded(error, || Ok(unsafe { &mut *state }.accept(id)?))
}

/// # Safety
/// The pointers follow the rules of hub_text.h.
#[no_mangle]
pub unsafe extern "C" fn hub_grammar_state_rollback(
    state: *mut HubGrammarState,
    count: usize,
    error: *mut HubText,
) -> c_int {
    // SAFETY: rule of hub_text.h.
    guarded(error, || Ok(unsafe { &mut *state }.rollback(count)?))
}

/// # Safety
/// The pointers follow the rules of hub_text.h.
#[no_mangle]
pub unsafe extern "C" fn hub_grammar_state_ends(
    state: *mut HubGrammarState,
    may_end: *mut bool,
    must_end: *mut bool,
    error: *mut HubText,
) -> c_int {
    guarded(error, || {
        // SAFETY: rule of hub_text.h.
        unsafe {
            let state = &mut *state;
            ptr::write(may_end, state.may_end()?);
            ptr::write(must_end, state.must_end());
        }
        Ok(())
    })
}

/// # Safety
/// The pointers follow the rules of hub_text.h.
#[no_mangle]
pub unsafe extern "C" fn hub_grammar_state_forced(
    state: *mut HubGrammarState,
    out: *mut HubEncoding,
    error: *mut HubText,
) -> c_int {
    guarded(error, || {
        // SAFETY: rule of hub_text.h.
        let ids = unsafe { &mut *state }.forced().into_boxed_slice();
        let size = ids.len();
        // SAFETY: `out` is valid by the same rule.
        unsafe { ptr::write(out, HubEncoding { ids: Box::into_raw(ids).cast(), offsets: ptr::null_mut(), size }) };
        Ok(())
    })
}
