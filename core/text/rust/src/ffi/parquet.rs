//! The functions of `hub_text.h` that read Parquet files.

use std::ffi::{c_char, c_int};
use std::ptr;

use super::{guarded, owned_text, text, Failure, HubText};
use crate::parquet::{HubParquet, Limits, Row};

/// # Safety
/// The pointers follow the rules of hub_text.h.
#[no_mangle]
pub unsafe extern "C" fn hub_parquet_open(
    path: *const c_char,
    path_size: usize,
    fields: *const c_char,
    fields_size: usize,
    limits: Limits,
    out: *mut *mut HubParquet,
    error: *mut HubText,
) -> c_int {
    guarded(error, || {
        // SAFETY: rule of hub_text.h.
        let (path, fields) = unsafe { (text(path, path_size)?, text(fields, fields_size)?) };
        let fields: Vec<&str> = fields.lines().collect();
        let file = HubParquet::open(path, &fields, limits).map_err(Failure::BadFile)?;
        // SAFETY: `out` is valid by the same rule.
        unsafe { ptr::write(out, Box::into_raw(Box::new(file))) };
        Ok(())
    })
}

/// # Safety
/// `file` is null or came from hub_parquet_open and is not used again.
#[no_mangle]
pub unsafe extern "C" fn hub_parquet_free(file: *mut HubParquet) {
    if !file.is_null() {
        // SAFETY: promised by the caller.
        drop(unsafe { Box::from_raw(file) });
    }
}

/// # Safety
/// The pointers follow the rules of hub_text.h.
#[no_mangle]
pub unsafe extern "C" fn hub_parquet_columns(file: *const HubParquet, out: *mut HubText, error: *mut HubText) -> c_int {
    guarded(error, || {
        // SAFETY: rule of hub_text.h.
        let names = unsafe { &*file }.names().join("\n");
        // SAFETY: `out` is valid by the same rule.
        unsafe { ptr::write(out, owned_text(names)) };
        Ok(())
    })
}

/// # Safety
/// The pointers follow the rules of hub_text.h.
#[no_mangle]
pub unsafe extern "C" fn hub_parquet_next(
    file: *mut HubParquet,
    kind: *mut c_int,
    out: *mut HubText,
    error: *mut HubText,
) -> c_int {
    guarded(error, || {
        // SAFETY: rule of hub_text.h.
        let row = unsafe { &mut *file }.next_row().map_err(Failure::BadFile)?;
        let (found, text) = match row {
            None => (0, String::new()),
            Some(Row::Json(json)) => (1, json),
            Some(Row::Problem(problem)) => (2, problem),
        };
        // SAFETY: both are valid by the same rule.
        unsafe {
            ptr::write(kind, found);
            ptr::write(out, owned_text(text));
        }
        Ok(())
    })
}
