//! Features fitted on the rows that may be known.

use super::prepare::MAX_NUMBERS;
use super::{by_time, plan};
use crate::domain::network::NetworkSpec;
use crate::domain::schema::ColumnType;
use crate::domain::training::{PartsSpec, TrainingSpec};
use crate::engine::features::{FittedFeatures, Scored, Standard, is_free_text};
use crate::error::{Code, Error, Result};
use crate::frame::Frame;

/// How columns become numbers.
pub(super) struct Fitted {
    /// Fitted on the training rows.
    pub(super) features: FittedFeatures,
    /// Fitted on the training and the validation rows, which stand beside: for a refit.
    pub(super) wide: Option<(FittedFeatures, Frame)>,
    /// What was left out, and why.
    pub(super) left_out: Vec<String>,
}

impl Fitted {
    /// On the training and the validation rows, the first of the frames; `bad` are the rows of the positive
    /// class among these, in this order, where there is one.
    pub(super) fn of(
        frames: &[Frame; 3],
        mut names: Vec<String>,
        spec: &TrainingSpec,
        scale: Option<Standard>,
        bad: &[bool],
    ) -> Result<Self> {
        let [train, validation, _] = frames;
        if let Some(name) = text_column(spec, train, &names)? {
            return Self::of_text(frames, name, spec, scale);
        }
        let bins = plan::bins(spec, train.rows());
        let fit = |frame: &Frame, names: &[String]| {
            if let Some(NetworkSpec::Scorecard(card)) = &spec.network {
                let bad = bad.get(..frame.rows()).unwrap_or_default();
                let rows = Scored { frame, bad };
                let (preprocessing, order) = (&spec.preprocessing, &spec.monotone);
                return FittedFeatures::fit_scorecard(&rows, names, card, preprocessing, order);
            }
            FittedFeatures::fit(frame, names, &spec.preprocessing, bins, scale, &spec.monotone)
        };
        let may_be_by_time = matches!(spec.parts(), PartsSpec::Time(_));
        if !may_be_by_time && spec.refit != Some(true) {
            let (features, left_out) = fit(train, &names)?;
            return Ok(Self { features, wide: None, left_out });
        }
        let all = Frame::concat(&[train, validation])?;
        // Of both, as a column may have one value in the one and another one in the other.
        let (mut wide, mut left_out_of_all) = fit(&all, &names)?;
        let mut drifting = Vec::new();
        if by_time::is_by_time(spec, &wide.layout()) {
            let (earlier, later) = (wide.transform(train)?, wide.transform(validation)?);
            let rule = by_time::drift_rule(spec);
            let (drifted, why) = by_time::left_out(rule, &wide, &earlier, &later);
            drifting = why;
            if !drifted.is_empty() {
                names.retain(|name| !drifted.contains(name));
                (wide, left_out_of_all) = fit(&all, &names)?;
            }
        }
        let (features, left_out_of_train) = fit(train, &names)?;
        let mut left_out = match spec.refit {
            Some(false) => left_out_of_train,
            _ => left_out_of_all,
        };
        left_out.extend(drifting);
        Ok(Self { features, wide: Some((wide, all)), left_out })
    }

    /// As they were fitted before.
    pub(super) fn given(
        [train, validation, _]: &[Frame; 3],
        features: &FittedFeatures,
        spec: &TrainingSpec,
    ) -> Result<Self> {
        let wide = match spec.refit {
            Some(true) => Some((features.clone(), Frame::concat(&[train, validation])?)),
            _ => None,
        };
        Ok(Self { features: features.clone(), wide, left_out: Vec::new() })
    }

    fn of_text(
        frames: &[Frame; 3],
        name: &str,
        spec: &TrainingSpec,
        scale: Option<Standard>,
    ) -> Result<Self> {
        let text = spec.preprocessing.text.unwrap_or_default();
        let rows = frames.iter().map(Frame::rows).sum();
        let fit = |frame: &Frame| -> Result<(FittedFeatures, Option<String>)> {
            let (features, cut) = FittedFeatures::fit_text(frame, name, text, scale)?;
            check_size(&features, rows)?;
            Ok((features, cut))
        };
        let [train, validation, _] = frames;
        let (features, cut) = fit(train)?;
        if spec.refit != Some(true) {
            return Ok(Self { features, wide: None, left_out: cut.into_iter().collect() });
        }
        let all = Frame::concat(&[train, validation])?;
        // What is served reads them as the wide ones do.
        let (wide, cut) = fit(&all)?;
        Ok(Self { features, wide: Some((wide, all)), left_out: cut.into_iter().collect() })
    }
}

/// Fails where so many texts, each as wide as the longest, are more than memory should hold.
fn check_size(features: &FittedFeatures, rows: usize) -> Result<()> {
    let width = features.width();
    if rows.saturating_mul(width) <= MAX_NUMBERS {
        return Ok(());
    }
    let detail = format!(
        "{rows} texts of up to {width} words and parts of words each are more than memory should \
         hold, {MAX_NUMBERS} in all: read fewer words of each, shorten the longest texts, or train on \
         fewer rows"
    );
    Err(Error::field(Code::InvalidSpec, "/preprocessing/text/max_words", detail))
}

/// The column that is read as text, where one is: where that is asked for, or where the one feature
/// is free text and the network may read it.
fn text_column<'a>(
    spec: &TrainingSpec,
    train: &Frame,
    names: &'a [String],
) -> Result<Option<&'a str>> {
    let [name] = names else { return Ok(None) };
    if train.column(name).is_none_or(|column| column.kind != ColumnType::String) {
        return Ok(None);
    }
    let is_text = match &spec.network {
        Some(network) if network.is_for_text() => true,
        None | Some(NetworkSpec::Linear(_)) => {
            spec.preprocessing.text.is_some() || is_free_text(&train.texts(name)?)
        }
        Some(_) => false,
    };
    Ok(is_text.then_some(name))
}
