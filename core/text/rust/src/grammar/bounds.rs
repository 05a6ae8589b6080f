//! What llguidance itself sets no bounds to.

use serde_json::{Deserializer, Value};

/// An automaton has a state for each remainder; this many take 0.1 s.
const REMAINDERS: u128 = 20_000;

/// Refuses a schema whose `multipleOf`s together have too many remainders: an `allOf` may combine any of them.
pub fn check_schema(schema: &Value) -> Result<(), String> {
    let mut found = Vec::new();
    find_multiples(schema, &mut found);
    let digits = found.iter().map(|multiple| multiple.decimals).max().unwrap_or_default();
    let mut common = 1_u128;
    for multiple in found {
        let units = 10_u128.checked_pow(digits - multiple.decimals).and_then(|scale| scale.checked_mul(multiple.units));
        common = match units {
            Some(units) if units > 0 => common.saturating_mul(units / greatest_divisor(common, units)),
            Some(_) => return Err(format!("multipleOf {} is not possible", multiple.text)),
            None => u128::MAX,
        };
        if common > REMAINDERS {
            return Err(format!(
                "multipleOf {} has, together with the others of this schema, more than {REMAINDERS} remainders",
                multiple.text
            ));
        }
    }
    Ok(())
}

/// As `check_schema` for the schemas within a Lark grammar.
pub fn check_inner_schemas(lark: &str) -> Result<(), String> {
    for (at, word) in lark.match_indices("%json") {
        let schema = Deserializer::from_str(&lark[at + word.len()..]).into_iter::<Value>().next();
        if let Some(Ok(schema)) = schema {
            let line = lark[..at].lines().count();
            check_schema(&schema).map_err(|error| format!("in the schema at line {line}: {error}"))?;
        }
    }
    Ok(())
}

/// A decimal number: `units` of the digit `decimals` behind the point.
struct Multiple {
    units: u128,
    decimals: u32,
    text: String,
}

fn find_multiples(schema: &Value, found: &mut Vec<Multiple>) {
    match schema {
        Value::Object(fields) => {
            for (name, value) in fields {
                match value.as_f64().filter(|_| name == "multipleOf") {
                    Some(number) => found.push(multiple(number, value.to_string())),
                    None => find_multiples(value, found),
                }
            }
        }
        Value::Array(values) => values.iter().for_each(|value| find_multiples(value, found)),
        _ => {}
    }
}

fn multiple(number: f64, text: String) -> Multiple {
    let (mut units, mut decimals) = (number.abs(), 0);
    while units.fract() != 0.0 {
        units *= 10.0;
        decimals += 1;
    }
    Multiple { units: units as u128, decimals, text }
}

fn greatest_divisor(left: u128, right: u128) -> u128 {
    if right == 0 {
        left
    } else {
        greatest_divisor(right, left % right)
    }
}

/// Refuses a Lark grammar with more than `limit` open brackets at one place, not counting those in strings and regular
/// expressions.
pub fn check_depth(text: &str, limit: usize) -> Result<(), String> {
    let mut depth = 0_usize;
    for (number, line) in text.lines().enumerate() {
        // Neither a string nor an expression goes on in the next line.
        let (mut quote, mut escaped) = (None, false);
        for letter in line.chars() {
            match letter {
                _ if escaped => escaped = false,
                '\\' => escaped = true,
                '"' | '/' if quote == Some(letter) => quote = None,
                '"' | '/' if quote.is_none() => quote = Some(letter),
                _ if quote.is_some() => {}
                '(' | '[' | '{' => depth += 1,
                ')' | ']' | '}' => depth = depth.saturating_sub(1),
                _ => {}
            }
            if depth > limit {
                return Err(format!("at line {}: more than {limit} brackets are open", number + 1));
            }
        }
    }
    Ok(())
}
