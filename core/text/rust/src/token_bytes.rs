//! The bytes that each token adds to a text, read off the tokenizer's decoder.

use std::collections::HashMap;

use tokenizers::{Decoder, DecoderWrapper};

use crate::tokenizer::{fallback_byte, HubTokenizer};

/// One step of a decoder, as far as it concerns a token by itself.
enum Step<'a> {
    /// GPT-2's alphabet, in which each character stands for a byte.
    ByteLevel(HashMap<char, u8>),
    /// `<0xE4>` is the byte E4.
    FallbackByte,
    /// A character that is written for a space.
    Space(char),
    /// Any other rewriting of the token's text.
    Rewrite(&'a DecoderWrapper),
}

/// Decodes tokens one by one.
///
/// What a decoder does to the whole text only (SentencePiece's takes one space off its beginning) is left out: there the
/// text is shorter by that space than the tokens' bytes.
pub struct TokenDecoder<'a> {
    tokenizer: &'a HubTokenizer,
    steps: Vec<Step<'a>>,
}

impl<'a> TokenDecoder<'a> {
    /// Fails for decoders that look at neighbours (WordPiece, CTC): their tokens have no bytes of their own.
    pub fn new(tokenizer: &'a HubTokenizer) -> Result<Self, String> {
        let mut steps = Vec::new();
        let decoder = tokenizer.decoder().ok_or("the tokenizer has no decoder, its tokens are no pieces of text")?;
        let mut joined = false;
        add_steps(decoder, &mut steps, &mut joined)?;
        Ok(Self { tokenizer, steps })
    }

    pub fn is_byte_level(&self) -> bool {
        self.steps.iter().any(|step| matches!(step, Step::ByteLevel(_)))
    }

    /// None outside the vocabulary and for special tokens, which are no text.
    pub fn bytes(&self, id: u32) -> Result<Option<Vec<u8>>, String> {
        if self.tokenizer.is_special(id) {
            return Ok(None);
        }
        let Some(mut token) = self.tokenizer.id_to_token(id) else { return Ok(None) };
        for step in &self.steps {
            match step {
                Step::ByteLevel(alphabet) => {
                    // As Hugging Face decodes: an added token with a character outside the alphabet is plain text.
                    let bytes: Option<Vec<u8>> = token.chars().map(|letter| alphabet.get(&letter).copied()).collect();
                    return Ok(Some(bytes.unwrap_or_else(|| token.into_bytes())));
                }
                Step::FallbackByte => {
                    if let Some(byte) = fallback_byte(&token) {
                        return Ok(Some(vec![byte]));
                    }
                }
                Step::Space(mark) => token = token.replace(*mark, " "),
                Step::Rewrite(decoder) => {
                    token = decoder.decode_chain(vec![token]).map_err(|error| error.to_string())?.concat();
                }
            }
        }
        Ok(Some(token.into_bytes()))
    }
}

/// Appends the steps of `decoder`; `joined` tells whether what follows sees the whole text.
fn add_steps<'a>(decoder: &'a DecoderWrapper, steps: &mut Vec<Step<'a>>, joined: &mut bool) -> Result<(), String> {
    match decoder {
        DecoderWrapper::Sequence(sequence) => {
            for part in sequence.get_decoders() {
                add_steps(part, steps, joined)?;
            }
        }
        DecoderWrapper::Fuse(_) => *joined = true,
        DecoderWrapper::Strip(_) if *joined => {}
        DecoderWrapper::ByteLevel(_) => {
            steps.push(Step::ByteLevel(byte_level_alphabet()));
            *joined = true;
        }
        DecoderWrapper::ByteFallback(_) => steps.push(Step::FallbackByte),
        DecoderWrapper::Metaspace(metaspace) => steps.push(Step::Space(metaspace.get_replacement())),
        DecoderWrapper::Replace(_) | DecoderWrapper::Strip(_) => steps.push(Step::Rewrite(decoder)),
        DecoderWrapper::BPE(_) | DecoderWrapper::WordPiece(_) | DecoderWrapper::CTC(_) => {
            return Err(
                "the tokenizer's decoder joins words by rules of its own, its tokens are no pieces of text".into()
            )
        }
    }
    Ok(())
}

/// GPT-2's table (`bytes_to_unicode`): printable Latin-1 stands for itself, the other bytes for U+0100 onwards.
fn byte_level_alphabet() -> HashMap<char, u8> {
    let mut other = 0x100_u32;
    (0..=u8::MAX)
        .map(|byte| {
            let letter = char::from(byte);
            if matches!(letter, '!'..='~' | '\u{A1}'..='\u{AC}' | '\u{AE}'..='\u{FF}') {
                return (letter, byte);
            }
            let stand_in = char::from_u32(other).unwrap_or(letter);
            other += 1;
            (stand_in, byte)
        })
        .collect()
}
