//! Columns that are told as one, and the inputs that belong to them.

use std::ops::Range;

use super::AttributedColumn;
use crate::domain::name::did_you_mean;
use crate::engine::features::{FittedFeatures, Layout};
use crate::error::{Code, Error, Result};

/// A column, or several.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Player {
    /// By their places in the order in which columns are read.
    pub(super) columns: Vec<usize>,
    pub(super) inputs: Vec<usize>,
}

/// The columns of tables and windows in the order in which they are read, with their inputs in a row or in
/// each step; none of pictures and texts.
pub(super) fn columns<'a>(
    features: &'a FittedFeatures,
    layout: &Layout,
) -> Vec<(&'a str, Range<usize>)> {
    match layout {
        Layout::Table(_) => features.spans().collect(),
        Layout::Sequence { .. } => {
            let series = features.sequence().map_or(&[][..], |s| &s.series);
            let own = series.iter().enumerate().map(|(at, s)| (s.name.as_str(), at..at + 1));
            let beside = features
                .spans()
                .map(|(name, span)| (name, span.start + series.len()..span.end + series.len()));
            own.chain(beside).collect()
        }
        Layout::Image(_) | Layout::Text { .. } => Vec::new(),
    }
}

/// The given groups of columns, each in the place of its first one, and every other column alone.
///
/// # Errors
/// [`Code::InvalidRequest`] for a column that is not read or is in two groups, and for groups of pictures
/// or texts.
pub(super) fn players(
    features: &FittedFeatures,
    layout: &Layout,
    groups: &[Vec<String>],
) -> Result<Vec<Player>> {
    let refuse =
        |pointer: String, detail: String| Error::field(Code::InvalidRequest, pointer, detail);
    let columns = columns(features, layout);
    if columns.is_empty() && !groups.is_empty() {
        let detail = "a picture or a text is one column, and is told by its pixels or words: send no \
                      groups";
        return Err(refuse("/groups".to_owned(), detail.to_owned()));
    }
    let mut group_of: Vec<Option<usize>> = vec![None; columns.len()];
    for (group, names) in groups.iter().enumerate() {
        if names.is_empty() {
            let detail = "has no column: name one or more".to_owned();
            return Err(refuse(format!("/groups/{group}"), detail));
        }
        for (place, name) in names.iter().enumerate() {
            let pointer = || format!("/groups/{group}/{place}");
            let at = columns.iter().position(|(known, _)| known == name).ok_or_else(|| {
                let hint = did_you_mean(name, columns.iter().map(|(known, _)| *known));
                refuse(pointer(), format!("the version reads no column {name}{hint}"))
            })?;
            if group_of[at].replace(group).is_some() {
                let detail = format!("{name} stands twice: a column is in one group");
                return Err(refuse(pointer(), detail));
            }
        }
    }
    let mut players: Vec<(Option<usize>, Player)> = Vec::new();
    for (at, (_, span)) in columns.iter().enumerate() {
        let group = group_of[at];
        let known = players.iter().position(|(of, _)| group.is_some() && *of == group);
        let place = known.unwrap_or_else(|| {
            players.push((group, Player { columns: Vec::new(), inputs: Vec::new() }));
            players.len() - 1
        });
        let player = &mut players[place].1;
        player.columns.push(at);
        match layout {
            Layout::Sequence { steps, channels, .. } => {
                let of_step = |step: usize| span.clone().map(move |input| step * channels + input);
                player.inputs.extend((0..*steps).flat_map(of_step));
            }
            _ => player.inputs.extend(span.clone()),
        }
    }
    Ok(players.into_iter().map(|(_, player)| player).collect())
}

/// What the columns of each player add together.
pub(super) fn told_as_one(
    columns: Vec<AttributedColumn>,
    players: &[Player],
) -> Vec<AttributedColumn> {
    if players.len() == columns.len() || players.is_empty() {
        return columns;
    }
    let together = |player: &Player| {
        let members: Vec<&AttributedColumn> =
            player.columns.iter().filter_map(|at| columns.get(*at)).collect();
        let mut told = named(&members.iter().map(|c| c.name.as_str()).collect::<Vec<_>>());
        told.attribution = members.iter().map(|column| column.attribution).sum();
        for member in members {
            told.parts.resize(member.parts.len(), 0.0);
            told.parts.iter_mut().zip(&member.parts).for_each(|(sum, part)| *sum += part);
        }
        told
    };
    players.iter().map(together).collect()
}

/// A column or a group, of which nothing is known yet.
pub(super) fn named(members: &[&str]) -> AttributedColumn {
    let columns = match members {
        [_] => Vec::new(),
        several => several.iter().map(|name| (*name).to_owned()).collect(),
    };
    AttributedColumn {
        name: members.join(" + "),
        columns,
        attribution: 0.0,
        standard_error: None,
        parts: Vec::new(),
        words: Vec::new(),
    }
}
