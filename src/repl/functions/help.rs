//! `help()`: the catalogue, read aloud.

use starlark::eval::Evaluator;
use starlark::values::Value;

use super::super::arguments::Arguments;
use super::super::catalogue::{self, Function};
use super::super::context::context;
use super::super::objects::{Object, kind, object_of, text_of};
use super::super::source::unmasked;
use super::super::text::{shortened, wrapped};
use crate::domain::name::did_you_mean;
use crate::error::Result;

/// Characters of a value that is only looked at.
const GLANCE: usize = 60;

/// `help(of=None)`.
pub(super) fn help<'v>(
    arguments: &Arguments<'v>,
    _: &mut Evaluator<'v, '_, '_>,
) -> Result<Value<'v>> {
    let text = match arguments.get("of") {
        None => overview(),
        Some(value) => match (object_of(value), named(value)) {
            (Some(object), _) => of_object(object),
            (None, Some(function)) => of_function(function),
            (None, None) if value.unpack_str().is_none() => {
                format!("{}: {}", kind(value), shortened(&text_of(value, true), GLANCE))
            }
            (None, None) => {
                let text = value.unpack_str().unwrap_or_default();
                let known = catalogue::functions().map(|f| f.name);
                let near = did_you_mean(text, known);
                let shown = shortened(&text_of(value, true), GLANCE);
                let problem = format!("{shown} names no function{near}");
                return Err(arguments.wrong("of", &problem));
            }
        },
    };
    context()?.print(&text);
    Ok(Value::new_none())
}

/// The help on a function, by its name.
pub fn documentation(name: &str) -> Option<String> {
    catalogue::find(name).map(of_function)
}

/// The function of the catalogue that a value is, is bound to, or names.
fn named(value: Value<'_>) -> Option<&'static Function> {
    let text = match value.unpack_str() {
        Some(text) => text.to_owned(),
        None => unmasked(&value.to_repr()),
    };
    let bound = text.strip_prefix("partial(").and_then(|rest| rest.split(',').next());
    let name = bound.unwrap_or(&text);
    let name = if name == "quit" { "exit" } else { name };
    catalogue::find(name)
}

fn overview() -> String {
    let width = catalogue::functions().map(|f| f.name.len()).max().unwrap_or(0);
    let mut lines: Vec<String> =
        catalogue::functions().map(|f| format!("  {:<width$}  {}", f.name, f.summary)).collect();
    lines.push(String::new());
    lines.push(
        "help(train) tells more, help(value) what a value has. Cells are Starlark, which \
                reads"
            .to_owned(),
    );
    lines.push(
        "like Python. A ; at the end hides a result; _ is the last one, Out[n] an earlier \
                one."
            .to_owned(),
    );
    lines.join("\n")
}

fn of_function(function: &Function) -> String {
    let mut text = wrapped(&function.signature(), 0, 4);
    text.push_str(&format!("\n  {}\n", function.summary));
    let width = function.parameters.iter().map(|p| p.name.len()).max().unwrap_or(0);
    for parameter in function.parameters {
        let line = format!("  {:<width$}  {}", parameter.name, parameter.about);
        text.push_str(&format!("\n{}", wrapped(&line, 0, width + 4)));
    }
    if !function.parameters.is_empty() {
        text.push('\n');
    }
    if !function.notes.is_empty() {
        text.push_str(&format!("\n{}\n", wrapped(&format!("  {}", function.notes), 0, 2)));
    }
    text.push_str(&format!("\n  example: {}", function.example));
    text
}

fn of_object(object: &Object) -> String {
    let methods = object.methods();
    let mut text = format!("{}: {}\n", object.kind(), object.text());
    let names: Vec<String> = match object.fields() {
        Ok(fields) => fields.keys().cloned().collect(),
        Err(error) => vec![error.to_string()],
    };
    text.push_str(&format!("\n{}", wrapped(&format!("  fields   {}", names.join(", ")), 0, 11)));
    for (at, name) in methods.iter().enumerate() {
        let Some(function) = catalogue::find(name) else { continue };
        let head = if at == 0 { "methods" } else { "" };
        let signature = function.signature();
        // The value itself is the first argument.
        let rest = signature.split_once('(').map_or("", |(_, rest)| rest);
        let first = function.parameters.first().map_or(0, |p| p.name.len());
        let rest = rest.get(first..).unwrap_or_default().trim_start_matches(", ");
        let line = wrapped(&format!("  {head:<7}  {name}({rest}"), 0, 15);
        text.push_str(&format!("\n{line}"));
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn help_fits_a_narrow_terminal() {
        let texts = catalogue::functions().map(of_function).chain([overview()]);
        for text in texts {
            let longest =
                text.lines().filter(|l| !l.starts_with("  example")).map(|l| l.chars().count());
            assert!(longest.max().unwrap() <= 90, "{text}");
        }
    }

    #[test]
    fn a_function_tells_its_arguments_and_an_example() {
        let text = of_function(catalogue::find("head").unwrap());
        let expected = "head(dataset, n=10, offset=0)\n  the first rows of a dataset or a frame\n
  dataset  a dataset, its name, or a frame
  n        so many rows, 1 to 10,000
  offset   rows to pass over\n
  A list of dicts, which predict() takes as rows.\n
  example: loans.head(3)";
        assert_eq!(text, expected);
    }
}
