//! What an answer must look like, compiled.

mod bounds;
mod place;
mod state;

use std::sync::{Arc, Mutex};

use llguidance::api::{GrammarInit, TopLevelGrammar};
use llguidance::{Matcher, ParserFactory};
use serde_json::{json, Value};

use crate::foreign::on_deep_stack;
use crate::vocabulary::HubVocabulary;

pub use state::{HubGrammarState, StepError};

/// Longest schema, expression or grammar in bytes, about OpenAI's limit for schemas. The time that some take grows with
/// the square: this much is compiled in at most 1.5 s.
const TEXT_LIMIT: usize = 128 << 10;
/// Deepest nesting of brackets in a Lark grammar; the depth of JSON and of regular expressions has limits of its own.
const LARK_DEPTH: usize = 100;
/// White space between the parts of a JSON text. A model that likes white space could go on with it for ever.
const JSON_SPACE: &str = r"[ \n\r\t]{1,40}";

/// The languages of grammars.
#[derive(Clone, Copy)]
pub enum Kind {
    JsonSchema,
    JsonObject,
    Regex,
    Lark,
}

/// A compiled grammar. Immutable, but for caches: any thread may begin an answer.
pub struct HubGrammar {
    vocabulary: Arc<HubVocabulary>,
    /// At its beginning, and with lexer caches nobody has filled: what one answer adds to them ends with the answer.
    fresh: Mutex<Matcher>,
}

impl HubGrammar {
    /// Compiles `text` (not read for `JsonObject`); the error says what in it cannot be used, and where.
    pub fn new(vocabulary: Arc<HubVocabulary>, kind: Kind, text: &str) -> Result<Self, String> {
        if text.len() > TEXT_LIMIT {
            return Err(format!("it has {} bytes, at most {TEXT_LIMIT} are possible", text.len()));
        }
        let factory = vocabulary.factory();
        let matcher = on_deep_stack(|| match kind {
            Kind::JsonSchema => json_schema(factory, serde_json::from_str(text).map_err(|error| error.to_string())?),
            Kind::JsonObject => json_schema(factory, json!({"type": "object"})),
            Kind::Regex => regex(factory, text),
            Kind::Lark => lark(factory, text),
        })
        .unwrap_or_else(|panic| Err(format!("its parts contradict each other ({panic})")))?;
        Ok(Self { vocabulary, fresh: Mutex::new(matcher) })
    }

    /// An answer that has not begun.
    pub fn begin(&self) -> Result<HubGrammarState, String> {
        let fresh = self.fresh.lock().map_err(|error| error.to_string())?;
        Ok(HubGrammarState::new(self.vocabulary.clone(), fresh.deep_clone()))
    }
}

fn json_schema(factory: &ParserFactory, schema: Value) -> Result<Matcher, String> {
    bounds::check_schema(&schema)?;
    compile(factory, TopLevelGrammar::from_json_schema(with_our_layout(schema.clone()))).map_err(|error| {
        let fails = |part: Value| {
            let grammar = TopLevelGrammar::from_json_schema(with_our_layout(part));
            GrammarInit::Serialized(grammar).to_internal(None, factory.limits().clone()).err()
        };
        match place::in_schema(&schema, fails) {
            Some(place) => format!("at {place}: {error}"),
            None => error,
        }
    })
}

/// llguidance reads its options out of the schema; there a client's own would be, too.
fn with_our_layout(mut schema: Value) -> Value {
    if let Some(fields) = schema.as_object_mut() {
        fields.insert("x-guidance".to_owned(), json!({"whitespace_pattern": JSON_SPACE}));
    }
    schema
}

fn regex(factory: &ParserFactory, text: &str) -> Result<Matcher, String> {
    place::check_regex(text)?;
    compile(factory, TopLevelGrammar::from_regex(text))
}

fn lark(factory: &ParserFactory, text: &str) -> Result<Matcher, String> {
    bounds::check_depth(text, LARK_DEPTH)?;
    bounds::check_inner_schemas(text)?;
    compile(factory, TopLevelGrammar::from_lark(text.to_owned()))
}

fn compile(factory: &ParserFactory, grammar: TopLevelGrammar) -> Result<Matcher, String> {
    let limits = factory.limits().clone();
    let (rules, lexemes) =
        GrammarInit::Serialized(grammar).to_internal(None, limits).map_err(|error| place::readable(&error))?;
    if lexemes.special_token_rx.is_some() {
        return Err("special tokens (<|…|>) and tokens by number (<[…]>) cannot be part of an answer".to_owned());
    }
    let parser = factory
        .create_parser_from_init_default(GrammarInit::Internal(rules, lexemes))
        .map_err(|error| place::readable(&error))?;
    let mut matcher = Matcher::new(Ok(parser));
    // No token: notices an answer that can only be empty. The mask: one that cannot even begin.
    let begun = matcher.consume_tokens(&[]).and_then(|()| matcher.compute_mask_or_eos());
    match begun {
        Ok(_) => Ok(matcher),
        Err(error) => Err(format!("no answer can begin: {}", place::dead_end(&error.to_string()))),
    }
}
