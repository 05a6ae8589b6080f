//! A tokenizer.json, loaded.

use tokenizers::{DecoderWrapper, Tokenizer};

use crate::foreign::without_panics;

/// The tokenizer and what the streaming decoder must know about it.
pub struct HubTokenizer {
    inner: Tokenizer,
    byte_fallback: bool,
}

/// Token ids, with byte offsets (begin, end) when they were asked for.
pub struct Encoded {
    pub ids: Vec<u32>,
    pub offsets: Option<Vec<usize>>,
}

impl HubTokenizer {
    /// Parses the bytes of a tokenizer.json.
    pub fn new(json: &[u8]) -> Result<Self, String> {
        without_panics(|| {
            let mut inner = Tokenizer::from_bytes(json).map_err(|error| error.to_string())?;
            // Some files ask for padding to, or cutting at, the length their author trained with.
            inner.with_padding(None);
            inner.with_truncation(None).map_err(|error| error.to_string())?;
            let byte_fallback = inner.get_decoder().is_some_and(has_byte_fallback);
            Ok(Self { inner, byte_fallback })
        })
    }

    /// Ids of `text`; special tokens written in it are recognised.
    pub fn encode(&self, text: &str, add_special: bool, with_offsets: bool) -> Result<Encoded, String> {
        let encoding = without_panics(|| {
            if with_offsets { self.inner.encode(text, add_special) } else { self.inner.encode_fast(text, add_special) }
                .map_err(|error| error.to_string())
        })?;
        let offsets =
            with_offsets.then(|| encoding.get_offsets().iter().flat_map(|&(begin, end)| [begin, end]).collect());
        Ok(Encoded { ids: encoding.get_ids().to_vec(), offsets })
    }

    /// Text of `ids`; ids outside the vocabulary are passed over.
    pub fn decode(&self, ids: &[u32], skip_special: bool) -> Result<String, String> {
        without_panics(|| self.inner.decode(ids, skip_special).map_err(|error| error.to_string()))
    }

    /// Number of ids with the added tokens.
    pub fn vocabulary_size(&self) -> usize {
        self.inner.get_vocab_size(true)
    }

    pub fn token_to_id(&self, token: &str) -> Option<u32> {
        self.inner.token_to_id(token)
    }

    pub fn id_to_token(&self, id: u32) -> Option<String> {
        self.inner.id_to_token(id)
    }

    /// False when decode() passes over `id`: outside the vocabulary, or special while those are skipped.
    pub fn is_decoded(&self, id: u32, skip_special: bool) -> bool {
        self.inner
            .id_to_token(id)
            .is_some_and(|token| !skip_special || !self.inner.get_added_vocabulary().is_special_token(&token))
    }

    /// True for a special token: one that no text may spell.
    pub fn is_special(&self, id: u32) -> bool {
        self.is_decoded(id, false) && !self.is_decoded(id, true)
    }

    /// How tokens become text; None when tokens are words put side by side.
    pub fn decoder(&self) -> Option<&DecoderWrapper> {
        self.inner.get_decoder()
    }

    /// True when `id` is a raw byte (`<0xE4>`) that the decoder joins with its neighbours.
    pub fn is_fallback_byte(&self, id: u32) -> bool {
        self.byte_fallback && self.inner.id_to_token(id).is_some_and(|token| fallback_byte(&token).is_some())
    }
}

/// The byte that a token such as `<0xE4>` stands for.
pub fn fallback_byte(token: &str) -> Option<u8> {
    let digits = token.strip_prefix("<0x")?.strip_suffix('>')?;
    u8::from_str_radix(digits, 16).ok().filter(|_| digits.len() == 2)
}

fn has_byte_fallback(decoder: &DecoderWrapper) -> bool {
    match decoder {
        DecoderWrapper::ByteFallback(_) => true,
        DecoderWrapper::Sequence(sequence) => sequence.get_decoders().iter().any(has_byte_fallback),
        _ => false,
    }
}
