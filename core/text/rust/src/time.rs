//! `strftime_now` of chat templates.

use std::ffi::CString;

/// The local time in C's strftime, as Python's `datetime.now().strftime(format)` prints it.
pub fn strftime_now(format: &str) -> Result<String, String> {
    let c_format = CString::new(format).map_err(|_| "strftime_now: the format holds a NUL".to_owned())?;
    if format.is_empty() {
        return Ok(String::new());
    }
    // A format may print nothing (`%p` in some locales), which strftime reports like a full buffer.
    for size in [256, 16384] {
        let mut buffer = vec![0u8; size];
        // SAFETY: `now` and `parts` are plain values that live through the calls, localtime_r writes only to `parts`
        // (all-zero is a valid `tm`), and strftime writes at most `size` bytes to `buffer` and reads the
        // NUL-terminated `c_format`.
        let written = unsafe {
            let now = libc::time(std::ptr::null_mut());
            let mut parts: libc::tm = std::mem::zeroed();
            if libc::localtime_r(&raw const now, &raw mut parts).is_null() {
                return Err("strftime_now: no local time".to_owned());
            }
            libc::strftime(buffer.as_mut_ptr().cast(), size, c_format.as_ptr(), &raw const parts)
        };
        if written > 0 {
            buffer.truncate(written);
            return String::from_utf8(buffer).map_err(|_| "strftime_now: the result is not UTF-8".to_owned());
        }
    }
    Ok(String::new())
}
