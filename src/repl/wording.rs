//! Errors of the server in the words of cells: arguments in place of a request's fields, functions in place of paths.

use crate::error::{Error, FieldError};

/// What a function calls its request's own words.
struct Words {
    /// Fields and their arguments; the first of them that a field begins with renames it.
    fields: &'static [(&'static str, &'static str)],
    /// Parts of sentences that name fields.
    texts: &'static [(&'static str, &'static str)],
}

const OF_RISK: Words = Words {
    fields: &[
        ("/prices/from", "/start"),
        ("/prices/to", "/end"),
        ("/prices/", "/"),
        ("/holdings/", "/"),
        ("/stress/", "/"),
        ("/settings/", "/"),
        // Of a backtest, where it begins.
        ("/start", "/first"),
    ],
    texts: &[
        ("widen from and to", "widen start and end"),
        ("lies before from", "lies before start"),
    ],
};
const OF_INVESTMENTS: Words = Words {
    fields: &[
        ("/prices/from", "/since"),
        ("/prices/to", "/until"),
        ("/prices/", "/"),
        ("/goal/", "/"),
        ("/estimates/", "/"),
    ],
    texts: &[
        ("widen from and to", "widen since and until"),
        ("lies before from", "lies before since"),
    ],
};
const OF_ANALYSES: Words =
    Words { fields: &[("/analysis/class", "/of"), ("/analysis/", "/")], texts: &[] };
/// All of its request is of reasons.
const OF_REASONS: Words = Words { fields: &[("/reasons/", "/"), ("/reasons", "")], texts: &[] };

/// The ends of paths, and the functions that ask them.
const PATHS: &[(&str, &str)] = &[
    ("/investments/portfolios", "invest"),
    ("/investments/backtests", "walk_forward"),
    ("/investments/frontiers", "frontier"),
    ("/risk/backtests", "backtest_risk"),
    ("/risk/assessments", "risk"),
    ("/portfolios", "assess_book"),
    ("/assessments", "assess"),
    ("/explanations", "explain"),
    ("/forecasts", "forecast"),
    ("/predictions", "predict"),
];
const METHOD: &str = "POST ";

/// An error of what a function asked for, which names its arguments.
pub(super) fn by_arguments(function: &str, error: Error) -> Error {
    let words = match function {
        "risk" | "backtest_risk" => OF_RISK,
        "invest" | "walk_forward" | "frontier" => OF_INVESTMENTS,
        "importance" | "dependence" | "surrogate" | "units" | "fairness" | "rolling_origin" => {
            OF_ANALYSES
        }
        "reasons" => OF_REASONS,
        _ => return error,
    };
    let Error::Problem { code, detail, mut errors } = error else { return error };
    let said = |text: &str| {
        words.texts.iter().fold(text.to_owned(), |text, (own, cells)| text.replace(own, cells))
    };
    let detail = said(unprefixed(&detail, &errors));
    for field in &mut errors {
        let found = words.fields.iter().find(|(own, _)| field.pointer.starts_with(own));
        if let Some((own, argument)) = found {
            field.pointer = field.pointer.replacen(own, argument, 1);
        }
        field.detail = said(&field.detail);
    }
    Error::Problem { code, detail, errors }
}

/// A sentence without the field that it begins with, where that is named beside it.
pub(super) fn unprefixed<'a>(detail: &'a str, errors: &[FieldError]) -> &'a str {
    let [one] = errors else { return detail };
    let rest = detail.strip_prefix(&one.pointer).and_then(|rest| rest.strip_prefix(": "));
    rest.filter(|rest| !rest.is_empty()).unwrap_or(detail)
}

/// A sentence of the server as it is said in cells: `None`, and functions to call.
pub(super) fn spoken(text: &str) -> String {
    let text = text.replace("send null where", "give None where");
    let text = text.replace("is null, but", "is None, but");
    let mut parts = text.split(METHOD);
    let mut said = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        let end = part.find(|c: char| c.is_whitespace() || ",;:)".contains(c));
        let (path, rest) = part.split_at(end.unwrap_or(part.len()));
        match call(path) {
            Some(call) => said.push_str(&call),
            None => said.push_str(&format!("{METHOD}{path}")),
        }
        said.push_str(rest);
    }
    said
}

/// `forecast("vix")` of `/api/v1/models/vix/forecasts`.
fn call(path: &str) -> Option<String> {
    let (end, function) = PATHS.iter().find(|(end, _)| path.ends_with(end))?;
    let before = path.strip_suffix(end)?;
    let model = before.rsplit_once("/models/").map(|(_, model)| model);
    let model = model.filter(|model| !model.contains(['/', '{']));
    Some(model.map_or_else(|| format!("{function}()"), |model| format!("{function}({model:?})")))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::Code;

    #[test]
    fn paths_are_functions_and_null_is_none() {
        for (text, expected) in [
            (
                "model vix forecasts: ask POST /api/v1/models/vix/forecasts",
                "model vix forecasts: ask forecast(\"vix\")",
            ),
            ("to others is told by POST .../explanations", "to others is told by explain()"),
            ("by POST .../portfolios, or not", "by assess_book(), or not"),
            ("ask POST /api/v1/nothing", "ask POST /api/v1/nothing"),
            (
                "is missing; send null where it is unknown",
                "is missing; give None where it is unknown",
            ),
            ("the POST", "the POST"),
        ] {
            assert_eq!(spoken(text), expected);
        }
    }

    #[test]
    fn fields_are_the_arguments_of_the_function() {
        for (function, pointer, expected) in [
            ("risk", "/prices/from", "/start"),
            ("backtest_risk", "/start", "/first"),
            ("risk", "/holdings/weights/AAPL", "/weights/AAPL"),
            ("invest", "/prices/to", "/until"),
            ("invest", "/profile/limits", "/profile/limits"),
            ("dependence", "/analysis/columns/0", "/columns/0"),
            ("surrogate", "/analysis/class", "/of"),
            ("reasons", "/reasons/adverse", "/adverse"),
            ("reasons", "/reasons", ""),
            ("train", "/analysis/columns/0", "/analysis/columns/0"),
        ] {
            let error = Error::field(Code::InvalidRequest, pointer, "widen from and to");
            let Error::Problem { errors, .. } = by_arguments(function, error) else { panic!() };
            assert_eq!(errors[0].pointer, expected, "{function} {pointer}");
        }
        let error = Error::field(Code::InvalidRequest, "/prices", "widen from and to");
        assert_eq!(by_arguments("risk", error).to_string(), "widen start and end");
    }
}
