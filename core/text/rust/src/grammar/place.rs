//! Where in a schema, an expression or a grammar its mistake is.

use std::time::{Duration, Instant};

use regex_syntax::ast::{AssertionKind, Ast, Span, Visitor};
use serde_json::Value;

/// How long the place of a mistake in a schema is looked for.
const SEARCH_TIME: Duration = Duration::from_millis(200);

/// Keywords whose value is a schema, or an array of schemas.
const NESTED: [&str; 8] =
    ["items", "additionalItems", "additionalProperties", "prefixItems", "anyOf", "allOf", "oneOf", "not"];
/// Keywords whose value is an object of schemas.
const NAMED: [&str; 4] = ["properties", "patternProperties", "$defs", "definitions"];

/// A message may quote whole lines of a grammar; this many characters of it are kept.
const MESSAGE_LENGTH: usize = 1000;

/// What went wrong, without the library's notes to its developers.
pub fn readable(error: &anyhow::Error) -> String {
    let text: String = format!("{error:#}").chars().take(MESSAGE_LENGTH).collect();
    let text = text.split("\n<").next().unwrap_or_default();
    let text = text.strip_prefix("panic: ").unwrap_or(text).trim_end();
    text.replace("Unimplemented keys:", "keywords that are not supported:").replace(
        ". Enable 'coerce_one_of' option to approximate oneOf with anyOf",
        ", unless no value fits two of them; anyOf is",
    )
}

pub fn first_line(text: &str) -> &str {
    text.lines().next().unwrap_or_default()
}

/// Why an answer cannot go on, from what llguidance says then.
pub fn dead_end(error: &str) -> String {
    let error = first_line(error);
    if error.starts_with("NoExtension") {
        return "no token of the model can come next".to_owned();
    }
    if error.starts_with("lexer error") || error.starts_with("parser error") {
        return format!("it is too complex ({error})");
    }
    error.strip_prefix("panic: ").unwrap_or(error).to_owned()
}

/// The innermost part of `schema` that `fails` for the same reason as the whole, as a JSON pointer. None when that is the
/// whole, or took too long to find.
pub fn in_schema(schema: &Value, fails: impl Fn(Value) -> Option<anyhow::Error>) -> Option<String> {
    let reason = |part: Value| fails(part).map(|error| first_line(&error.root_cause().to_string()).to_owned());
    let end = Instant::now() + SEARCH_TIME;
    let wanted = reason(schema.clone())?;
    let (mut part, mut pointer) = (schema, "#".to_owned());
    while let Some((step, inner)) = parts(part)
        .into_iter()
        .take_while(|_| Instant::now() < end)
        .find(|(_, inner)| reason(with_definitions(inner, schema)).as_ref() == Some(&wanted))
    {
        pointer.push_str(&step);
        part = inner;
    }
    (pointer != "#").then_some(pointer)
}

/// The schemas right inside of `schema`, with their pointers from there.
fn parts(schema: &Value) -> Vec<(String, &Value)> {
    let mut found = Vec::new();
    for (keyword, value) in schema.as_object().into_iter().flatten() {
        if NAMED.contains(&keyword.as_str()) {
            let named = value.as_object().into_iter().flatten();
            found.extend(named.map(|(name, part)| (format!("/{}/{}", escaped(keyword), escaped(name)), part)));
        } else if NESTED.contains(&keyword.as_str()) {
            match value.as_array() {
                Some(list) => {
                    found.extend(list.iter().enumerate().map(|(i, part)| (format!("/{}/{i}", escaped(keyword)), part)))
                }
                None => found.push((format!("/{}", escaped(keyword)), value)),
            }
        }
    }
    found
}

/// `part` as a schema by itself: what it refers to comes along.
fn with_definitions(part: &Value, whole: &Value) -> Value {
    let mut part = part.clone();
    if let (Some(fields), Some(all)) = (part.as_object_mut(), whole.as_object()) {
        for keyword in ["$schema", "$defs", "definitions"] {
            if let Some(value) = all.get(keyword).filter(|_| !fields.contains_key(keyword)) {
                fields.insert(keyword.to_owned(), value.clone());
            }
        }
    }
    part
}

fn escaped(name: &str) -> String {
    name.replace('~', "~0").replace('/', "~1")
}

/// Refuses an expression that cannot be read, or asks for what lies beside the match.
pub fn check_regex(text: &str) -> Result<(), String> {
    let at =
        |span: &Span, what: String| format!("at character {}: {what}", text[..span.start.offset].chars().count() + 1);
    let tree = regex_syntax::ast::parse::Parser::new()
        .parse(text)
        .map_err(|error| at(error.span(), error.kind().to_string()))?;
    let border = regex_syntax::ast::visit(&tree, WordBorder(None)).unwrap_or_default();
    if let Some(span) = border {
        return Err(at(&span, format!("{} is not supported", &text[span.start.offset..span.end.offset])));
    }
    Ok(())
}

/// Finds an assertion other than the expression's own ends.
struct WordBorder(Option<Span>);

impl Visitor for WordBorder {
    type Output = Option<Span>;
    type Err = ();

    fn finish(self) -> Result<Option<Span>, ()> {
        Ok(self.0)
    }

    fn visit_pre(&mut self, part: &Ast) -> Result<(), ()> {
        if let Ast::Assertion(assertion) = part {
            let end = matches!(
                assertion.kind,
                AssertionKind::StartLine | AssertionKind::EndLine | AssertionKind::StartText | AssertionKind::EndText
            );
            if !end && self.0.is_none() {
                self.0 = Some(assertion.span);
            }
        }
        Ok(())
    }
}
