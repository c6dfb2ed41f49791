//! The one table of functions. Calls are checked against it, help and completion read it, and
//! every example is run by the tests.

mod analyses;
mod data;
mod frames;
mod investments;
mod lending;
mod models;
mod plots;
mod risk;
mod session;
mod training;

/// A function of the cells.
#[derive(Debug)]
pub struct Function {
    pub name: &'static str,
    pub summary: &'static str,
    pub parameters: &'static [Parameter],
    /// What it gives and what else is worth knowing.
    pub notes: &'static str,
    /// Cells that work as they stand where `loans.csv` is, with the target `default`, and
    /// `rates.csv`, with a `rate` for each `date`; they come
    /// after those of the functions above it in the table.
    pub example: &'static str,
}

/// A parameter of a function.
#[derive(Debug)]
pub struct Parameter {
    /// The last one may begin with `*`, and takes any number of values, or with `**`, and takes
    /// arguments of any name.
    pub name: &'static str,
    /// None: it must be given.
    pub default: Option<&'static str>,
    pub about: &'static str,
}

impl Function {
    /// `load(source, name=None, types=None)`.
    pub fn signature(&self) -> String {
        let parameters: Vec<String> = self
            .parameters
            .iter()
            .map(|p| match p.default {
                Some(_) if p.name.starts_with('*') => p.name.to_owned(),
                Some(default) => format!("{}={default}", p.name),
                None => p.name.to_owned(),
            })
            .collect();
        format!("{}({})", self.name, parameters.join(", "))
    }
}

/// Every function, in the order of the work.
pub fn functions() -> impl Iterator<Item = &'static Function> {
    let parts = [
        data::FUNCTIONS,
        frames::FUNCTIONS,
        plots::FUNCTIONS,
        training::FUNCTIONS,
        models::FUNCTIONS,
        analyses::FUNCTIONS,
        risk::FUNCTIONS,
        lending::FUNCTIONS,
        investments::FUNCTIONS,
        session::FUNCTIONS,
    ];
    parts.into_iter().flatten()
}

pub(super) fn find(name: &str) -> Option<&'static Function> {
    functions().find(|f| f.name == name)
}

const fn needed(name: &'static str, about: &'static str) -> Parameter {
    Parameter { name, default: None, about }
}

const fn optional(name: &'static str, default: &'static str, about: &'static str) -> Parameter {
    Parameter { name, default: Some(default), about }
}

const NONE: &str = "None";
const FRAME: Parameter = needed("frame", "a frame or a dataset");
const LIMIT: Parameter = optional("limit", "50", "at most so many, 1 to 500");

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_signature_is_what_may_be_typed() {
        let load = find("load").map(Function::signature);
        assert_eq!(load.as_deref(), Some("load(source, name=None, types=None)"));
    }

    #[test]
    fn needed_parameters_come_first_and_no_name_twice() {
        for function in functions() {
            let names: Vec<_> = function.parameters.iter().map(|p| p.name).collect();
            let mut unique = names.clone();
            unique.sort_unstable();
            unique.dedup();
            assert_eq!(unique.len(), names.len(), "{}", function.name);
            let optional = function.parameters.iter().skip_while(|p| p.default.is_none());
            assert!(optional.into_iter().all(|p| p.default.is_some()), "{}", function.name);
            assert!(function.example.contains(function.name), "{}", function.name);
        }
    }
}
