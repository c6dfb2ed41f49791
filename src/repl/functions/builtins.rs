//! Starlark's own functions where they have to know this program's values, and the way out.

use starlark::environment::GlobalsBuilder;
use starlark::eval::Evaluator;
use starlark::values::float::UnpackFloat;
use starlark::values::list::UnpackList;
use starlark::values::none::NoneType;
use starlark::values::tuple::UnpackTuple;
use starlark::values::{Heap, Value};

use super::super::arguments::Arguments;
use super::super::context::{context, interrupted};
use super::super::objects::{kind, object_of, text_of};
use crate::error::Result;

/// Whole numbers up to it are exact.
const MOST_WHOLE: f64 = 9.0e15;

#[starlark::starlark_module]
pub(super) fn register(builder: &mut GlobalsBuilder) {
    /// Print values, a space between.
    fn print(#[starlark(args)] values: UnpackTuple<Value<'_>>) -> starlark::Result<NoneType> {
        let texts: Vec<String> = values.items.iter().map(|value| text_of(*value, false)).collect();
        context().map_err(starlark::Error::new_native)?.print(&texts.join(" "));
        Ok(NoneType)
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
