//! Tokens that come one by one, as text that never changes afterwards.

use crate::tokenizer::HubTokenizer;

/// What Hugging Face's decoders print for bytes that are not (yet) UTF-8.
const REPLACEMENT: char = '\u{FFFD}';

/// Decodes a window of the newest tokens and gives out what later tokens cannot change.
///
/// The window begins with tokens whose text is out already, since a decoder may treat the first token differently
/// (it strips a leading space). Differs from `tokenizers`' own `DecodeStream` in three ways: it can be flushed; a
/// genuine U+FFFD delays only itself; and a run of `<0xNN>` tokens is held until it ends, because the decoder turns
/// the whole run into replacement characters when one byte of it is wrong.
pub struct HubStream {
    skip_special: bool,
    window: Vec<u32>,
    /// Tokens at the window's start that are there only as context.
    context: usize,
    /// The window's text that is out already.
    given: String,
}

impl HubStream {
    pub fn new(skip_special: bool) -> Self {
        Self { skip_special, window: Vec::new(), context: 0, given: String::new() }
    }

    /// The text that became certain with `id`.
    pub fn push(&mut self, tokenizer: &HubTokenizer, id: u32) -> Result<String, String> {
        if !tokenizer.is_decoded(id, self.skip_special) {
            return Ok(String::new());
        }
        self.window.push(id);
        if tokenizer.is_fallback_byte(id) {
            return Ok(String::new());
        }
        let text = tokenizer.decode(&self.window, self.skip_special)?;
        // Only the last replacement character can still become something else: an incomplete UTF-8 sequence prints one.
        let certain = text.strip_suffix(REPLACEMENT).unwrap_or(&text);
        if certain.len() <= self.given.len() {
            return Ok(String::new());
        }
        let fresh = certain[common_prefix(certain, &self.given)..].to_owned();
        if certain.len() == text.len() {
            self.window.drain(..self.context);
            self.context = self.window.len();
            self.given = tokenizer.decode(&self.window, self.skip_special)?;
        } else {
            certain.clone_into(&mut self.given);
        }
        Ok(fresh)
    }

    /// What was held back; the stream is then as new.
    pub fn flush(&mut self, tokenizer: &HubTokenizer) -> Result<String, String> {
        let text = tokenizer.decode(&self.window, self.skip_special)?;
        let rest = text[common_prefix(&text, &self.given)..].to_owned();
        *self = Self::new(self.skip_special);
        Ok(rest)
    }
}

/// Length in bytes of the characters both begin with: all of `given`, unless a decoder rewrote its past.
fn common_prefix(text: &str, given: &str) -> usize {
    if text.starts_with(given) {
        return given.len();
    }
    text.chars().zip(given.chars()).take_while(|(left, right)| left == right).map(|(left, _)| left.len_utf8()).sum()
}
