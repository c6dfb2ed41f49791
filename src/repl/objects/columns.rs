//! A frame as Starlark holds it: like any other object, and its columns can be taken by their names.

#![expect(
    unsafe_code,
    reason = "what is derived for the collector: it is told of the one value that is held"
)]

use std::fmt;

use allocative::Allocative;
use starlark::any::ProvidesStaticType;
use starlark::values::{
    AllocValue, Heap, NoSerialize, StarlarkValue, Trace, Value, ValueLike, starlark_value,
};

use super::{Object, frame, object_of};
use crate::domain::name::did_you_mean;
use crate::error::{Code, Error, Result};
use crate::frame::Frame;

#[derive(Debug, Trace, ProvidesStaticType, NoSerialize, Allocative)]
pub(super) struct Columns<'v> {
    /// The struct of its fields and methods.
    object: Value<'v>,
}

impl<'v> Columns<'v> {
    pub(super) fn new(object: Value<'v>) -> Self {
        Self { object }
    }

    /// The struct in a value that is a frame.
    pub(super) fn object_in(value: Value<'v>) -> Option<Value<'v>> {
        Some(value.downcast_ref::<Self>()?.object)
    }

    fn frame(&self) -> Result<&'v Frame> {
        match object_of(self.object) {
            Some(Object::Frame(frame)) => Ok(frame),
            _ => Err(Error::internal("taking a column", "it is of no frame")),
        }
    }

    /// The values of a column.
    fn column(&self, index: Value<'v>, heap: Heap<'v>) -> Result<Value<'v>> {
        let frame = self.frame()?;
        let name = index.unpack_str().ok_or_else(|| {
            let detail = "a column is taken by its name, as a list: f[\"income\"]; f.select([...]) gives a \
                          frame of several, f.row(0) and f.head(5) give rows";
            Error::new(Code::InvalidRequest, detail)
        })?;
        if frame.column(name).is_none() {
            let near =
                did_you_mean(name, frame.columns().iter().map(|column| column.name.as_str()));
            return Err(Error::new(
                Code::InvalidRequest,
                format!("there is no column {name}{near}"),
            ));
        }
        let rows = frame::rows(&frame.only(name)?)?;
        let values = rows.into_iter().flat_map(|row| row.into_iter().map(|(_, value)| value));
        Ok(heap.alloc(values.collect::<Vec<_>>()))
    }
}

impl fmt::Display for Columns<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.frame().map_or(Err(fmt::Error), |of| f.write_str(&frame::text(of)))
    }
}

#[starlark_value(type = "frame")]
impl<'v> StarlarkValue<'v> for Columns<'v> {
    fn get_attr(&self, attribute: &str, heap: Heap<'v>) -> Option<Value<'v>> {
        let own = self.object.get_attr(attribute, heap).ok().flatten();
        // As people write it who know data frames.
        own.or_else(|| {
            self.frame().ok()?.column(attribute)?;
            self.column(heap.alloc(attribute), heap).ok()
        })
    }

    fn has_attr(&self, attribute: &str, heap: Heap<'v>) -> bool {
        let is_column = || self.frame().is_ok_and(|frame| frame.column(attribute).is_some());
        self.object.has_attr(attribute, heap) || is_column()
    }

    fn dir_attr(&self) -> Vec<String> {
        self.object.dir_attr()
    }

    fn at(&self, index: Value<'v>, heap: Heap<'v>) -> starlark::Result<Value<'v>> {
        self.column(index, heap).map_err(starlark::Error::new_native)
    }

    fn length(&self) -> starlark::Result<i32> {
        let rows = self.frame().map_err(starlark::Error::new_native)?.rows();
        Ok(i32::try_from(rows).unwrap_or(i32::MAX))
    }
}

impl<'v> AllocValue<'v> for Columns<'v> {
    fn alloc_value(self, heap: Heap<'v>) -> Value<'v> {
        heap.alloc_complex_no_freeze(self)
    }
}
