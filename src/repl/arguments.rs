//! The arguments of a call, checked against the catalogue.

use serde::de::DeserializeOwned;
use serde_json::Value as Json;
use starlark::collections::SmallMap;
use starlark::values::{UnpackValue, Value};

use super::catalogue::{Function, Parameter};
use crate::domain::name::did_you_mean;
use crate::error::{Code, Error, Result};

/// What a function was called with, by parameter.
pub(super) struct Arguments<'v> {
    function: &'static Function,
    given: Vec<Option<Value<'v>>>,
    /// What a `*` or `**` at the end of the parameters takes: values without and with a name.
    more: Vec<Value<'v>>,
    others: Vec<(String, Value<'v>)>,
}

impl<'v> Arguments<'v> {
    /// # Errors
    /// [`Code::InvalidRequest`] naming every argument that is unknown, missing or given twice.
    pub(super) fn new(
        function: &'static Function,
        positional: &[Value<'v>],
        named: SmallMap<String, Value<'v>>,
    ) -> Result<Self> {
        let is_many = |p: &&Parameter| p.name.starts_with('*');
        let many = function.parameters.last().filter(is_many).map(|p| p.name);
        let parameters = match many {
            Some(_) => &function.parameters[..function.parameters.len() - 1],
            None => function.parameters,
        };
        let (takes_more, takes_others) =
            (many.is_some_and(|m| !m.starts_with("**")), many.is_some_and(|m| m.starts_with("**")));
        let mut problems = Vec::new();
        let mut others = Vec::new();
        if positional.len() > parameters.len() && takes_others {
            let about = function.parameters.last().map(|p| p.about).unwrap_or_default();
            let first = parameters.last().map(|p| p.name).unwrap_or_default();
            problems.push(format!("what follows {first} needs a name: {about}"));
        } else if positional.len() > parameters.len() && !takes_more {
            problems.push(format!(
                "it takes at most {} arguments, and {} were given",
                parameters.len(),
                positional.len()
            ));
        }
        let mut given: Vec<Option<Value<'v>>> = vec![None; parameters.len()];
        for (slot, value) in given.iter_mut().zip(positional) {
            *slot = Some(*value);
        }
        for (name, value) in named {
            match parameters.iter().position(|p| p.name == name) {
                None if takes_others => others.push((name, value)),
                None => {
                    let known = parameters.iter().map(|p| p.name);
                    problems.push(format!("no argument {name}{}", did_you_mean(&name, known)));
                }
                Some(at) if given[at].is_some() => problems.push(format!("{name} is given twice")),
                Some(at) => given[at] = Some(value),
            }
        }
        for (parameter, value) in parameters.iter().zip(&given) {
            if parameter.default.is_none() && value.is_none() {
                problems.push(format!("{} is missing: {}", parameter.name, parameter.about));
            }
        }
        if problems.is_empty() {
            let more = positional.iter().skip(parameters.len()).copied().collect();
            return Ok(Self { function, given, more, others });
        }
        let name = function.name;
        let detail = format!("{name}(): {}; help({name}) lists them", problems.join("; "));
        Err(Error::new(Code::InvalidRequest, detail))
    }

    /// The values that a `*` at the end of the parameters takes.
    pub(super) fn more(&self) -> &[Value<'v>] {
        &self.more
    }

    /// The arguments that a `**` at the end of the parameters takes, in their order.
    pub(super) fn others(&self) -> &[(String, Value<'v>)] {
        &self.others
    }

    /// A number between 0 and 1, neither of which it is.
    pub(super) fn share(&self, name: &str, default: f64) -> Result<f64> {
        let Some(value) = self.get(name) else { return Ok(default) };
        let share = value.to_json_value().ok().and_then(|json| json.as_f64());
        let share = share.filter(|share| *share > 0.0 && *share < 1.0);
        share.ok_or_else(|| self.unlike(name, "a number between 0 and 1", value))
    }

    /// An argument that was given and is not None.
    pub(super) fn get(&self, name: &str) -> Option<Value<'v>> {
        let at = self.function.parameters.iter().position(|p| p.name == name)?;
        self.given.get(at).copied().flatten().filter(|value| !value.is_none())
    }

    /// An argument that must be there.
    pub(super) fn needed(&self, name: &str) -> Result<Value<'v>> {
        self.get(name).ok_or_else(|| self.wrong(name, "must not be None"))
    }

    pub(super) fn text(&self, name: &str) -> Result<Option<&'v str>> {
        let Some(value) = self.get(name) else { return Ok(None) };
        let text = value.unpack_str();
        text.map(Some).ok_or_else(|| self.unlike(name, "a text", value))
    }

    pub(super) fn flag(&self, name: &str, default: bool) -> Result<bool> {
        let Some(value) = self.get(name) else { return Ok(default) };
        value.unpack_bool().ok_or_else(|| self.unlike(name, "True or False", value))
    }

    /// A whole number within `range`.
    pub(super) fn number(
        &self,
        name: &str,
        range: std::ops::RangeInclusive<u64>,
    ) -> Result<Option<u64>> {
        let Some(value) = self.get(name) else { return Ok(None) };
        let number = u64::unpack_value(value).ok().flatten().filter(|n| range.contains(n));
        number.map(Some).ok_or_else(|| {
            let what = format!("a whole number from {} to {}", range.start(), range.end());
            self.unlike(name, &what, value)
        })
    }

    /// An argument as JSON.
    pub(super) fn json(&self, name: &str) -> Result<Option<Json>> {
        let Some(value) = self.get(name) else { return Ok(None) };
        let json = value.to_json_value().map_err(|error| self.wrong(name, &error.to_string()));
        json.map(Some)
    }

    /// JSON as the type that it has to be of.
    pub(super) fn typed<T: DeserializeOwned>(&self, name: &str, json: Json) -> Result<T> {
        serde_json::from_value(json).map_err(|error| {
            let text = match error.to_string() {
                text if text == "invalid number" => {
                    "has a number that is out of range: counts are whole and not negative".into()
                }
                text => text,
            };
            self.wrong(name, &format!("{text}{}", suggestion(&text)))
        })
    }

    /// Says what is wrong with an argument.
    pub(super) fn wrong(&self, name: &str, problem: &str) -> Error {
        let detail = format!("{}(): {name}: {problem}", self.function.name);
        Error::new(Code::InvalidRequest, detail)
    }

    /// Says what an argument has to be.
    pub(super) fn unlike(&self, name: &str, wanted: &str, value: Value<'v>) -> Error {
        let shown = super::text::shortened(&super::objects::text_of(value, true), 40);
        self.wrong(name, &format!("must be {wanted}, not {shown}"))
    }
}

/// serde names what it met and what it knows in backticks, in this order.
fn suggestion(text: &str) -> String {
    let mut names = text.split('`').skip(1).step_by(2);
    names.next().map_or_else(String::new, |met| did_you_mean(met, names))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_misspelt_field_is_suggested() {
        let text = "unknown field `hiden`, expected `hidden` or `dropout`";
        assert_eq!(suggestion(text), "; did you mean hidden?");
        assert_eq!(suggestion("invalid type: string \"x\", expected f64"), "");
    }
}
