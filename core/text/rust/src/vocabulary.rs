//! The tokens of a model as grammars see them.

use std::sync::Arc;

use llguidance::earley::SlicedBiasComputer;
use llguidance::ParserFactory;
use toktrie::{InferenceCapabilities, TokEnv, TokRxInfo, TokTrie, TokenId, TokenizerEnv};

use crate::token_bytes::TokenDecoder;
use crate::tokenizer::HubTokenizer;

/// The trie's limit: a longer token (a run of spaces) is never chosen under a grammar.
const TOKEN_BYTES: usize = 1000;

/// Bounds of one grammar: at most some 100 MB and, on a slow core, some 50 ms for compiling or one mask.
const LEXER_STATES: usize = 50_000;
const GRAMMAR_SIZE: usize = 200_000;

/// The tokens' bytes in a trie, and what compiles grammars for it. Immutable.
pub struct HubVocabulary {
    factory: ParserFactory,
    ends: Vec<u32>,
}

impl HubVocabulary {
    /// What a vocabulary cannot be made for: `width` is how many logits the model has, `ends` end an answer.
    pub fn check(width: usize, ends: &[u32]) -> Result<(), String> {
        // The trie stores 24 bits of a token's id.
        if !(1..1 << 24).contains(&width) {
            return Err(format!("a model has 1 to {} logits, not {width}", (1 << 24) - 1));
        }
        if ends.is_empty() {
            return Err("an answer under a grammar needs a token that ends it".to_owned());
        }
        match ends.iter().find(|&&end| end as usize >= width) {
            Some(end) => Err(format!("the end token {end} is not among the model's {width} logits")),
            None => Ok(()),
        }
    }

    /// Needs what `check` lets pass. Fails when tokens have no bytes of their own.
    pub fn new(tokenizer: Arc<HubTokenizer>, width: usize, ends: &[u32]) -> Result<Self, String> {
        let (words, byte_level) = words(&tokenizer, width, ends)?;
        let info = TokRxInfo::new(width as u32, ends[0]);
        let trie = TokTrie::from(&info, &words).with_eos_tokens(ends);
        let environment: TokEnv = Arc::new(Environment::new(tokenizer, trie, byte_level));
        let mut factory =
            ParserFactory::new(&environment, InferenceCapabilities::default(), &SlicedBiasComputer::general_slices())
                .map_err(|error| error.to_string())?;
        factory.quiet();
        let limits = factory.limits_mut();
        limits.max_lexer_states = LEXER_STATES;
        limits.max_grammar_size = GRAMMAR_SIZE;
        limits.verbose_errors = false;
        Ok(Self { factory, ends: ends.to_vec() })
    }

    pub fn factory(&self) -> &ParserFactory {
        &self.factory
    }

    pub fn width(&self) -> usize {
        self.factory.tok_env().tok_trie().vocab_size()
    }

    pub fn ends(&self) -> &[u32] {
        &self.ends
    }

    /// The token for a message: `17 ("foo")`.
    pub fn name(&self, id: u32) -> String {
        let bytes = self.factory.tok_env().tok_trie().token(id);
        format!("{id} ({:?})", String::from_utf8_lossy(bytes))
    }
}

/// The bytes of each id, none where no text may bring the token about; and whether they are of a byte-level tokenizer.
fn words(tokenizer: &HubTokenizer, width: usize, ends: &[u32]) -> Result<(Vec<Vec<u8>>, bool), String> {
    let decoder = TokenDecoder::new(tokenizer)?;
    let words = (0..width as u32)
        .map(|id| {
            let bytes = if ends.contains(&id) { None } else { decoder.bytes(id)? };
            Ok(bytes.filter(|bytes| bytes.len() <= TOKEN_BYTES).unwrap_or_default())
        })
        .collect::<Result<Vec<_>, String>>()?;
    Ok((words, decoder.is_byte_level()))
}

/// Tells the grammars how a model would write text that is the only one possible.
struct Environment {
    tokenizer: Arc<HubTokenizer>,
    trie: TokTrie,
    canonical: bool,
}

impl Environment {
    fn new(tokenizer: Arc<HubTokenizer>, trie: TokTrie, byte_level: bool) -> Self {
        let mut environment = Self { tokenizer, trie, canonical: false };
        // Forced text is cut as the tokenizer cuts it only where a text can be cut by itself (SentencePiece puts a space
        // before it) and any text can be cut.
        environment.canonical =
            byte_level && environment.exactly(b"{\"a\": 1}").is_some() && environment.has_every_byte();
        environment
    }

    /// The tokenizer's tokens for `text`, unless these are another text (normalized, or with special tokens).
    fn exactly(&self, text: &[u8]) -> Option<Vec<TokenId>> {
        let ids = self.tokenizer.encode(std::str::from_utf8(text).ok()?, false, false).ok()?.ids;
        let mut rest = text;
        for &id in &ids {
            let bytes = self.trie.token(id);
            rest = rest.strip_prefix(bytes).filter(|_| !bytes.is_empty())?;
        }
        rest.is_empty().then_some(ids)
    }

    /// True when each byte is a token that UTF-8 has, but for control characters and the private planes: many
    /// vocabularies leave those out.
    fn has_every_byte(&self) -> bool {
        let mut bytes = (0x20..=0x7E).chain(0x80..=0xBF).chain(0xC2..=0xF0).chain(*b"\t\n\r");
        bytes.all(|byte| self.trie.token_id_at_bytes(&[byte]).is_some())
    }
}

impl TokenizerEnv for Environment {
    fn tok_trie(&self) -> &TokTrie {
        &self.trie
    }

    fn tokenize_bytes(&self, text: &[u8]) -> Vec<TokenId> {
        let exact = if self.canonical { self.exactly(text) } else { None };
        exact.unwrap_or_else(|| self.trie.greedy_tokenize(text))
    }

    fn tokenize_is_canonical(&self) -> bool {
        self.canonical
    }
}
