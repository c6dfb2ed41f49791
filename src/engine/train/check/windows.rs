//! What can be said of windows before any row is read.

use std::collections::BTreeSet;

use super::{Bounds, Findings, INSIDE, SHARE};
use crate::domain::model::Task;
use crate::domain::name::did_you_mean;
use crate::domain::network::{AttentionNetwork, LstmNetwork, NetworkSpec, Normalisation};
use crate::domain::schema::ColumnType;
use crate::domain::training::TrainingSpec;
use crate::domain::window::{MAX_HORIZON, MAX_LOOK_BACK, MAX_QUANTILES, WindowSpec};

/// From 1, finite.
const PAUSE: Bounds = Bounds { low: 1.0, from: true, high: f64::MAX, below: false };

/// The task of a specification with windows, whose numbers are forecast where nothing else is said;
/// none where the target tells no task.
pub(crate) fn window_task(
    spec: &TrainingSpec,
    kind: Option<ColumnType>,
    distinct: impl FnOnce() -> u64,
) -> Option<Task> {
    if spec.window.is_none() || spec.task.is_some() {
        return spec.task;
    }
    match Task::infer(None, kind?, distinct()).ok()? {
        Task::Regression => Some(Task::Forecast),
        task => Some(task),
    }
}

/// Whether the target's own past is among what is read: it is, where it is foretold.
pub(super) fn reads_target(spec: &TrainingSpec) -> bool {
    spec.window.as_ref().is_some_and(|window| window.horizon > 0)
        && spec.task != Some(Task::Forecast)
}

/// Checks the window's own fields, and that it is there where it is needed.
pub(super) fn check_window(spec: &TrainingSpec, findings: &mut Findings) {
    let Some(window) = &spec.window else {
        let kind = spec.network_kind();
        if spec.task == Some(Task::Forecast) {
            findings.add("/window", "is needed for a forecast: say its time and horizon");
        } else if matches!(kind, "lstm" | "attention" | "nlinear" | "dlinear") {
            findings.add("/window", format!("is needed for {kind}, which reads windows of rows"));
        }
        return;
    };
    if window.time.is_empty() {
        findings.add("/window/time", "names no column; say which one orders the rows");
    }
    if let Some(look_back) = window.look_back {
        findings.whole("/window/look_back", look_back.into(), 1..=MAX_LOOK_BACK.into());
    }
    findings.whole("/window/horizon", window.horizon.into(), 0..=MAX_HORIZON.into());
    findings.whole("/window/gap", window.gap.into(), 0..=MAX_HORIZON.into());
    findings.whole("/window/stride", window.stride.into(), 1..=MAX_HORIZON.into());
    if let Some(season) = window.season {
        findings.whole("/window/season", season.into(), 1..=MAX_LOOK_BACK.into());
    }
    if let Some(pause) = window.max_pause {
        findings.real("/window/max_pause", pause, PAUSE);
    }
    if window.horizon == 0 && window.gap > 0 {
        findings.add(
            "/window/gap",
            "has no meaning at horizon 0, where the window ends in the row of the target",
        );
    }
    check_levels(window, findings);
    check_roles(spec, window, findings);
}

fn check_levels(window: &WindowSpec, findings: &mut Findings) {
    let levels = &window.quantiles;
    if levels.len() > MAX_QUANTILES {
        let detail = format!("has {} levels; {MAX_QUANTILES} are the most", levels.len());
        findings.add("/window/quantiles", detail);
    }
    for (i, level) in levels.iter().enumerate() {
        findings.real(&format!("/window/quantiles/{i}"), *level, INSIDE);
    }
    if levels.windows(2).any(|pair| pair[0] >= pair[1]) {
        findings.add("/window/quantiles", "has to ascend");
    }
    if !levels.is_empty() && !levels.contains(&0.5) {
        findings
            .add("/window/quantiles", "has to hold 0.5, the median, which is the point forecast");
    }
}

/// No column has two roles.
fn check_roles(spec: &TrainingSpec, window: &WindowSpec, findings: &mut Findings) {
    let mut roles: BTreeSet<&str> = BTreeSet::from([spec.target.as_str()]);
    let keys = std::iter::once(("/window/time", &window.time));
    let keys = keys.chain(window.entity.iter().map(|entity| ("/window/entity", entity)));
    for (pointer, name) in keys {
        if !roles.insert(name) {
            findings.add(pointer, format!("{name} has another role already"));
        }
    }
    for (i, name) in window.targets.iter().enumerate() {
        if !roles.insert(name) {
            let detail = format!("{name} is named already: as target, time, entity or before");
            findings.add(format!("/window/targets/{i}"), detail);
        }
    }
    for (i, name) in spec.features.iter().flatten().enumerate() {
        if roles.contains(name.as_str()) && *name != spec.target {
            let detail = format!("{name} is read as a part of the window already");
            findings.add(format!("/features/{i}"), detail);
        }
    }
}

/// Checks what depends on whether the task is a forecast, once that is known.
pub(crate) fn check_windowed_task(spec: &TrainingSpec, findings: &mut Findings) {
    let (Some(task), Some(window)) = (spec.task, &spec.window) else { return };
    let is_forecast = task == Task::Forecast;
    let kind = spec.network_kind();
    if is_forecast {
        if window.horizon == 0 {
            findings.add("/window/horizon", "has to be 1 or more: nothing would be forecast");
        }
        if matches!(kind, "linear" | "mlp" | "tabm" | "monotone" | "transformer") {
            let detail = "does not forecast; take nlinear, dlinear, lstm or attention";
            findings.add("/network/kind", format!("{kind} {detail}"));
        }
        let has_features = spec.features.as_ref().is_some_and(|f| !f.is_empty());
        if has_features && kind != "lstm" {
            let name = if kind == "default" { "nlinear, the default" } else { kind };
            let detail = format!(
                "{name} reads nothing but the series that it forecasts; leave them out, or take \
                 lstm, which reads them"
            );
            findings.add("/features", detail);
        }
    } else {
        for (field, is_given) in
            [("targets", !window.targets.is_empty()), ("quantiles", !window.quantiles.is_empty())]
        {
            if is_given {
                let detail = "is for a forecast only; leave it out, or say task forecast";
                findings.add(format!("/window/{field}"), detail);
            }
        }
        if matches!(kind, "nlinear" | "dlinear") {
            findings.add("/network/kind", format!("{kind} does nothing but forecast"));
        }
        if matches!(kind, "tabm" | "monotone" | "transformer") {
            let detail = format!("{kind} reads the columns of a row; take lstm or attention");
            findings.add("/network/kind", detail);
        }
    }
    check_normalisation(spec, window, is_forecast, findings);
}

fn check_normalisation(
    spec: &TrainingSpec,
    window: &WindowSpec,
    is_forecast: bool,
    findings: &mut Findings,
) {
    let only = "is for a forecast only; leave it out";
    let mut add = |field: &str| findings.add(format!("/network/{field}"), only);
    match &spec.network {
        Some(NetworkSpec::Lstm(lstm)) if !is_forecast => {
            lstm.normalisation.iter().for_each(|_| add("normalisation"));
        }
        Some(NetworkSpec::Attention(attention)) if !is_forecast => {
            attention.normalisation.iter().for_each(|_| add("normalisation"));
            attention.patch.iter().for_each(|_| add("patch"));
            attention.patch_stride.iter().for_each(|_| add("patch_stride"));
        }
        Some(NetworkSpec::NLinear(nlinear))
            if nlinear.ridge == Some(true)
                && (nlinear.normalisation == Normalisation::None
                    || !window.quantiles.is_empty()) =>
        {
            let detail = "goes with a normalisation and without quantiles only; leave it out";
            findings.add("/network/ridge", detail);
        }
        _ => {}
    }
}

/// Checks the sizes of a network that reads windows.
pub(super) fn check_network(network: &NetworkSpec, findings: &mut Findings) {
    match network {
        NetworkSpec::Lstm(LstmNetwork { layers, hidden, dropout, .. }) => {
            findings.whole("/network/layers", (*layers).into(), 1..=8);
            findings.whole("/network/hidden", (*hidden).into(), 1..=1024);
            findings.real("/network/dropout", *dropout, SHARE);
        }
        NetworkSpec::Attention(attention) => check_attention(attention, findings),
        NetworkSpec::DLinear(dlinear) => {
            findings.whole("/network/kernel", dlinear.kernel.into(), 1..=999);
            if dlinear.kernel % 2 == 0 {
                findings.add("/network/kernel", "has to be odd, so that it has a middle");
            }
        }
        _ => {}
    }
}

fn check_attention(attention: &AttentionNetwork, findings: &mut Findings) {
    let AttentionNetwork { width, heads, layers, feed_forward, patch, patch_stride, .. } =
        attention;
    for (field, value, most) in [
        ("width", width, 1024),
        ("heads", heads, 64),
        ("layers", layers, 16),
        ("feed_forward", feed_forward, 4096),
        ("patch", patch, MAX_LOOK_BACK),
        ("patch_stride", patch_stride, MAX_LOOK_BACK),
    ] {
        if let Some(value) = value {
            findings.whole(&format!("/network/{field}"), (*value).into(), 1..=most.into());
        }
    }
    // Widths are 16 or 64 when absent, by the task: what divides the one divides the other.
    let (heads, width) = (heads.unwrap_or(4), width.unwrap_or(16));
    if heads > 0 && !width.is_multiple_of(heads) {
        findings.add("/network/heads", format!("has to divide the width, {width}"));
    }
    let patch = patch.unwrap_or(16);
    if let Some(stride) = patch_stride
        && *stride > patch
    {
        findings.add("/network/patch_stride", format!("passes over steps: {patch} is a patch"));
    }
    if let Some(dropout) = attention.dropout {
        findings.real("/network/dropout", dropout, SHARE);
    }
}

/// Checks the columns that a window names.
pub(super) fn check_kinds(
    window: &WindowSpec,
    columns: &[(&str, ColumnType)],
    findings: &mut Findings,
) {
    let kind = |name: &str| columns.iter().find(|c| c.0 == name).map(|c| c.1);
    let unknown = |name: &str| {
        format!("there is no column {name}{}", did_you_mean(name, columns.iter().map(|c| c.0)))
    };
    match kind(&window.time) {
        None => findings.add("/window/time", unknown(&window.time)),
        Some(kind) if kind != ColumnType::Timestamp && !kind.is_numeric() => {
            let detail = format!(
                "{} has to be a timestamp or a number to order the rows; where it is text, upload \
                 it again with its type: types={}:timestamp",
                window.time, window.time
            );
            findings.add("/window/time", detail);
        }
        Some(_) => {}
    }
    if let Some(entity) = &window.entity
        && kind(entity).is_none()
    {
        findings.add("/window/entity", unknown(entity));
    }
    for (i, name) in window.targets.iter().enumerate() {
        let pointer = format!("/window/targets/{i}");
        match kind(name) {
            None => findings.add(pointer, unknown(name)),
            Some(kind) if !kind.is_numeric() => {
                findings.add(pointer, format!("{name} holds no numbers to forecast"));
            }
            Some(_) => {}
        }
    }
}
