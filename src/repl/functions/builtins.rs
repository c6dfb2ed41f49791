//! Starlark's own functions where they have to know this program's values, and the way out.

use starlark::environment::GlobalsBuilder;
use starlark::eval::Evaluator;
use starlark::values::Value;
use starlark::values::none::NoneType;
use starlark::values::tuple::UnpackTuple;

use super::super::arguments::Arguments;
use super::super::context::{context, interrupted};
use super::super::objects::{object_of, text_of};
use crate::error::Result;

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
        Ok(object_of(value).map_or_else(|| value.get_type(), |object| object.kind()).to_owned())
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
