//! The models' own chat templates (Jinja), rendered as `transformers` renders them.

use std::fmt;

use minijinja::syntax::SyntaxConfig;
use minijinja::value::{Serde, Value, ValueKind};
use minijinja::{escape_formatter, Environment, Error, ErrorKind};
use minijinja_contrib::pycompat::unknown_method_callback;

use crate::json::{python_float, tojson};
use crate::time::strftime_now;

const NAME: &str = "chat_template";
/// Instructions one rendering may take: about a second of work, far beyond any conversation that fits a context.
const FUEL: u64 = 10_000_000;

/// A compiled template.
pub struct HubTemplate {
    environment: Environment<'static>,
}

/// Marks what a template said itself by `raise_exception`.
#[derive(Debug)]
struct Raised(String);

impl fmt::Display for Raised {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0)
    }
}

impl std::error::Error for Raised {}

impl HubTemplate {
    /// Compiles the template's text.
    pub fn new(source: &str) -> Result<Self, String> {
        let mut environment = Environment::new();
        // transformers: ImmutableSandboxedEnvironment(trim_blocks=True, lstrip_blocks=True, loopcontrols).
        let syntax =
            SyntaxConfig::builder().trim_blocks(true).lstrip_blocks(true).build().map_err(|error| describe(&error))?;
        environment.set_syntax(syntax);
        environment.set_fuel(Some(FUEL));
        environment.set_unknown_method_callback(unknown_method_callback);
        environment.set_formatter(|out, state, value| match python_str(value) {
            Some(text) => out.write_str(&text).map_err(Error::from),
            None => escape_formatter(out, state, value),
        });
        environment.add_filter("string", |value: &Value| python_str(value).unwrap_or_else(|| value.to_string()));
        environment.add_filter("tojson", tojson);
        environment.add_test("iterable", |value: &Value| !value.is_none() && value.try_iter().is_ok());
        environment.add_function("raise_exception", |message: String| -> Result<Value, Error> {
            Err(Error::new(ErrorKind::InvalidOperation, message.clone()).with_source(Raised(message)))
        });
        environment.add_function("strftime_now", |format: String| -> Result<String, Error> {
            strftime_now(&format).map_err(|message| Error::new(ErrorKind::InvalidOperation, message))
        });
        environment.add_template_owned(NAME, without_generation_tags(source)).map_err(|error| describe(&error))?;
        Ok(Self { environment })
    }

    /// Renders with the variables of a JSON object.
    pub fn render(&self, context: &str) -> Result<String, String> {
        let context: serde_json::Map<String, serde_json::Value> =
            serde_json::from_str(context).map_err(|error| format!("the template's variables are not JSON: {error}"))?;
        let template = self.environment.get_template(NAME).map_err(|error| describe(&error))?;
        template.render(Value::from(Serde(context))).map_err(|error| describe(&error))
    }
}

/// `str` of a Python float, where minijinja prints another notation; `None` for other values.
fn python_str(value: &Value) -> Option<String> {
    if value.kind() != ValueKind::Number || value.is_integer() {
        return None;
    }
    let number = f64::try_from(value.clone()).ok().filter(|number| number.is_finite())?;
    Some(python_float(number))
}

/// The template's own words where it raised; else what went wrong and in which line.
fn describe(error: &Error) -> String {
    let mut source = std::error::Error::source(error);
    while let Some(cause) = source {
        if let Some(raised) = cause.downcast_ref::<Raised>() {
            return raised.0.clone();
        }
        source = cause.source();
    }
    let what = match error.detail() {
        Some(detail) => format!("{}: {detail}", error.kind()),
        None => error.kind().to_string(),
    };
    match error.line() {
        Some(line) => format!("{what} (line {line} of the chat template)"),
        None => what,
    }
}

/// `{% generation %}` … `{% endgeneration %}` (marks for Hugging Face's loss masks) become a block that is always
/// taken; white-space marks stay.
fn without_generation_tags(source: &str) -> String {
    let mut out = String::with_capacity(source.len());
    let mut rest = source;
    while let Some(start) = rest.find("{%") {
        out.push_str(&rest[..start]);
        rest = &rest[start..];
        let Some(length) = rest[2..].find("%}") else { break };
        let end = 2 + length;
        let tag = &rest[2..end];
        let name = tag.trim_start_matches(['-', '+']).trim_end_matches(['-', '+']).trim();
        match name {
            "generation" => out.push_str(&format!("{{%{}%}}", tag.replacen("generation", "if true", 1))),
            "endgeneration" => out.push_str(&format!("{{%{}%}}", tag.replacen("endgeneration", "endif", 1))),
            _ => {
                // Only the opening is passed over: a string inside the tag may hold another one.
                out.push_str("{%");
                rest = &rest[2..];
                continue;
            }
        }
        rest = &rest[end + 2..];
    }
    out.push_str(rest);
    out
}
