//! Starlark's own functions where they have to know this program's values, and the way out.

use starlark::environment::GlobalsBuilder;
use starlark::eval::Evaluator;
use starlark::values::dict::DictRef;
use starlark::values::float::UnpackFloat;
use starlark::values::list::UnpackList;
use starlark::values::none::NoneType;
use starlark::values::tuple::UnpackTuple;
use starlark::values::{Heap, Value};

use super::super::arguments::Arguments;
use super::super::context::{context, interrupted};
use super::super::objects::{Object, kind, object_of, shown, text_of};
use super::super::outcome::Detail;
use crate::error::Result;

/// Whole numbers up to it are exact.
const MOST_WHOLE: f64 = 9.0e15;

#[starlark::starlark_module]
pub(super) fn register(builder: &mut GlobalsBuilder) {
    /// Print values, a space between; what is shown as a table or a plot has lines of its own.
    fn print(#[starlark(args)] values: UnpackTuple<Value<'_>>) -> starlark::Result<NoneType> {
        let context = context().map_err(starlark::Error::new_native)?;
        context.print(&printed(&values.items, context.width()));
        Ok(NoneType)
    }

    /// How many items a value has, or rows.
    fn len(#[starlark(require = pos)] value: Value<'_>) -> starlark::Result<i32> {
        match object_of(value) {
            Some(Object::Dataset(dataset)) => Ok(i32::try_from(dataset.rows).unwrap_or(i32::MAX)),
            _ => value.length(),
        }
    }

    /// A value as text.
    fn str(#[starlark(require = pos)] value: Value<'_>) -> starlark::Result<String> {
        Ok(text_of(value, false))
    }

    /// A value as text that shows what it is.
    fn repr(#[starlark(require = pos)] value: Value<'_>) -> starlark::Result<String> {
        Ok(text_of(value, true))
    }

    /// What a value is.
    fn r#type(#[starlark(require = pos)] value: Value<'_>) -> starlark::Result<String> {
        Ok(kind(value))
    }

    /// The sum of numbers.
    fn sum<'v>(
        #[starlark(require = pos)] values: UnpackList<Value<'v>>,
        heap: Heap<'v>,
    ) -> starlark::Result<Value<'v>> {
        let mut total = heap.alloc(0);
        for value in values.items {
            total = total.add(value, heap)?;
        }
        Ok(total)
    }

    /// A number to so many digits behind the point; a whole one where none are asked for.
    fn round<'v>(
        #[starlark(require = pos)] value: UnpackFloat,
        #[starlark(require = pos)] digits: Option<i32>,
        heap: Heap<'v>,
    ) -> starlark::Result<Value<'v>> {
        let number = value.0;
        Ok(match digits {
            None if number.is_finite() && number.abs() < MOST_WHOLE => {
                heap.alloc(number.round() as i64)
            }
            None => heap.alloc(number),
            Some(digits) if digits < 0 => {
                let unit = 10_f64.powi(-digits.max(-300));
                heap.alloc((number / unit).round() * unit)
            }
            Some(digits) => {
                let text = format!("{number:.*}", usize::try_from(digits).unwrap_or(0).min(17));
                heap.alloc(text.parse().unwrap_or(number))
            }
        })
    }

    /// The names of a value's fields and methods.
    fn dir(#[starlark(require = pos)] value: Value<'_>) -> starlark::Result<Vec<String>> {
        let mut names = value.dir_attr();
        if object_of(value).is_some() {
            names.retain(|name| !name.starts_with('_'));
        }
        names.sort();
        Ok(names)
    }
}

/// What values print: those with a table or a plot as a cell shows them, the others in one line.
fn printed(values: &[Value<'_>], width: usize) -> String {
    let mut lines = Vec::new();
    let mut line: Vec<String> = Vec::new();
    for value in values {
        let shown = shown(*value, Detail::Short);
        // A long dict among other values is a part of their line.
        let is_part = values.len() > 1 && DictRef::from_value(*value).is_some();
        if is_part || (shown.table.is_none() && shown.plot.is_none()) {
            line.push(text_of(*value, false));
            continue;
        }
        if !line.is_empty() {
            lines.push(std::mem::take(&mut line).join(" "));
        }
        lines.push(shown.lines(width));
    }
    if !line.is_empty() || lines.is_empty() {
        lines.push(line.join(" "));
    }
    lines.join("\n")
}

/// Ends the session.
pub(super) fn exit<'v>(
    arguments: &Arguments<'v>,
    _: &mut Evaluator<'v, '_, '_>,
) -> Result<Value<'v>> {
    let code = arguments.number("code", 0..=255)?.unwrap_or(0);
    context()?.exit.set(u8::try_from(code).ok());
    // What ends the cell; the code tells it from an interrupt.
    Err(interrupted("exit"))
}
