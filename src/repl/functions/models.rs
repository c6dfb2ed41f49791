//! Models, their versions, and the aliases that point at them.

use futures_util::{StreamExt, TryStreamExt, stream};
use serde_json::Value as Json;
use starlark::eval::Evaluator;
use starlark::values::Value;

use super::super::arguments::Arguments;
use super::super::context::context;
use super::super::objects::{Move, Object, Trained, alloc};
use super::data::page;
use super::{AT_ONCE, CHAMPION, model_argument, no_such};
use crate::client::Client;
use crate::domain::name::did_you_mean;
use crate::domain::page::{MAX_LIMIT, PageQuery};
use crate::domain::prediction::VersionRef;
use crate::domain::version::{AliasTarget, Version};
use crate::error::{Code, Context as _, Error, Result};

/// `models(limit=50)`.
pub(super) fn models<'v>(
    arguments: &Arguments<'v>,
    eval: &mut Evaluator<'v, '_, '_>,
) -> Result<Value<'v>> {
    let context = &*context()?;
    let query = page(arguments, 50)?;
    let found = context.wait(context.client().list_models(&query))?.items;
    let values: Vec<Value<'v>> =
        found.into_iter().map(|model| alloc(Object::Model(model), eval)).collect::<Result<_>>()?;
    Ok(eval.heap().alloc(values))
}

/// `model(name)`.
pub(super) fn model<'v>(
    arguments: &Arguments<'v>,
    eval: &mut Evaluator<'v, '_, '_>,
) -> Result<Value<'v>> {
    let context = &*context()?;
    let name = arguments.text("name")?.unwrap_or_default();
    let found = context.wait(async {
        match context.client().get_model(name).await {
            Err(error) if error.code() == Code::NotFound => {
                Err(unknown(&context.client(), name).await?)
            }
            result => result,
        }
    })?;
    alloc(Object::Model(found), eval)
}

/// Says that there is no such model, and which one may have been meant.
pub(super) async fn unknown(client: &Client, name: &str) -> Result<Error> {
    let query = PageQuery { limit: Some(MAX_LIMIT), cursor: None };
    let there = client.list_models(&query).await?.items;
    let near = did_you_mean(name, there.iter().map(|m| m.name.as_str()));
    Ok(no_such(format!("there is no model {name}{near} (models() lists what there is)")))
}

/// `versions(model, limit=20)`.
pub(super) fn versions<'v>(
    arguments: &Arguments<'v>,
    eval: &mut Evaluator<'v, '_, '_>,
) -> Result<Value<'v>> {
    let context = &*context()?;
    let client = &context.client();
    let (model, _) = model_argument(arguments, "model")?;
    let query = page(arguments, 20)?;
    let found: Vec<Trained> = context.wait(async {
        let listed = match client.list_versions(&model, &query).await {
            Err(error) if error.code() == Code::NotFound => {
                return Err(unknown(client, &model).await?);
            }
            listed => listed?.items,
        };
        stream::iter(listed)
            .map(|summary| async move {
                let version = client.get_version(&summary.model, summary.version).await?;
                Ok::<_, Error>(Trained { version, aliases: summary.aliases, champion: None })
            })
            .buffered(AT_ONCE)
            .try_collect()
            .await
    })?;
    let values: Vec<Value<'v>> = found
        .into_iter()
        .map(|trained| alloc(Object::Version(Box::new(trained)), eval))
        .collect::<Result<_>>()?;
    Ok(eval.heap().alloc(values))
}

/// `version(model, version=None)`.
pub(super) fn version<'v>(
    arguments: &Arguments<'v>,
    eval: &mut Evaluator<'v, '_, '_>,
) -> Result<Value<'v>> {
    let context = &*context()?;
    let (model, number) = model_argument(arguments, "model")?;
    let wanted = reference(arguments, "version")?.or(number.map(VersionRef::Number));
    let found = context.wait(async {
        let version = resolve(&context.client(), &model, wanted.as_ref()).await?;
        with_champion(&context.client(), version).await
    })?;
    alloc(Object::Version(Box::new(found)), eval)
}

/// A version by number or alias, as an argument gives it.
pub(super) fn reference(arguments: &Arguments<'_>, name: &str) -> Result<Option<VersionRef>> {
    let Some(value) = arguments.get(name) else { return Ok(None) };
    if let Some(alias) = value.unpack_str() {
        return Ok(Some(VersionRef::Alias(alias.to_owned())));
    }
    let number = arguments.number(name, 1..=u64::from(u32::MAX));
    let number = number.map_err(|_| arguments.unlike(name, "a number or an alias", value))?;
    Ok(number.and_then(|n| u32::try_from(n).ok()).map(VersionRef::Number))
}

/// The version that a reference names; the champion when there is none.
pub(super) async fn resolve(
    client: &Client,
    model: &str,
    wanted: Option<&VersionRef>,
) -> Result<Version> {
    let number = match wanted {
        Some(VersionRef::Number(number)) => *number,
        Some(VersionRef::Alias(alias)) => at_alias(client, model, alias).await?,
        None => at_alias(client, model, CHAMPION).await?,
    };
    client.get_version(model, number).await
}

async fn at_alias(client: &Client, model: &str, alias: &str) -> Result<u32> {
    if let Some(found) = client.get_alias(model, alias).await? {
        return Ok(found.version);
    }
    match client.get_model(model).await {
        Err(error) if error.code() == Code::NotFound => Err(unknown(client, model).await?),
        Err(error) => Err(error),
        Ok(_) => {
            let there = client.list_aliases(model).await?;
            let near = did_you_mean(alias, there.iter().map(|a| a.alias.as_str()));
            Err(no_such(format!(
                "{model} has no {alias}{near}: promote(\"{model}\", n) sets one, version=n names \
                 a version by its number"
            )))
        }
    }
}

/// Puts a version beside its aliases and the champion.
pub(super) async fn with_champion(client: &Client, version: Version) -> Result<Trained> {
    let there = client.list_aliases(&version.model).await?;
    let mine = there.iter().filter(|a| a.version == version.version);
    let aliases = mine.map(|a| a.alias.clone()).collect();
    let champion = there.iter().find(|a| a.alias == CHAMPION && a.version != version.version);
    let champion = match champion {
        None => None,
        Some(champion) => {
            let other = client.get_version(&version.model, champion.version).await?;
            Some((champion.version, other.metrics.main().1))
        }
    };
    Ok(Trained { version, aliases, champion })
}

/// `promote(version, n=None, alias="champion", reason=None)`.
pub(super) fn promote<'v>(
    arguments: &Arguments<'v>,
    eval: &mut Evaluator<'v, '_, '_>,
) -> Result<Value<'v>> {
    let context = &*context()?;
    let (model, known) = model_argument(arguments, "version")?;
    let given = arguments.number("n", 1..=u64::from(u32::MAX))?;
    let version = match (given.and_then(|n| u32::try_from(n).ok()), known) {
        (Some(given), Some(known)) if given != known => {
            let problem = format!("is {given}, and the version given is {model} {known}");
            return Err(arguments.wrong("n", &problem));
        }
        (Some(version), _) | (None, Some(version)) => version,
        (None, None) => {
            let problem = format!("is missing: which version of {model}?");
            return Err(arguments.wrong("n", &problem));
        }
    };
    let alias = arguments.text("alias")?.unwrap_or(CHAMPION);
    let reason = arguments.text("reason")?.map(str::to_owned);
    let moved = context.change(async {
        let seen = context.client().get_alias(&model, alias).await?;
        let target = AliasTarget { version, reason };
        let moved = context.client().move_alias(&model, alias, &target, seen.as_ref()).await?;
        Ok(Move {
            model: moved.model,
            alias: moved.alias,
            previous: seen.map(|seen| seen.version),
            version: moved.version,
            revision: moved.revision,
        })
    })?;
    alloc(Object::Move(moved), eval)
}

/// `aliases(model)`.
pub(super) fn aliases<'v>(
    arguments: &Arguments<'v>,
    eval: &mut Evaluator<'v, '_, '_>,
) -> Result<Value<'v>> {
    let context = &*context()?;
    let (model, _) = model_argument(arguments, "model")?;
    let found = context.wait(context.client().list_aliases(&model))?;
    dicts(&found, &["alias", "version", "revision", "moved_at"], eval)
}

/// `history(model, alias="champion", limit=50)`.
pub(super) fn history<'v>(
    arguments: &Arguments<'v>,
    eval: &mut Evaluator<'v, '_, '_>,
) -> Result<Value<'v>> {
    let context = &*context()?;
    let (model, _) = model_argument(arguments, "model")?;
    let alias = arguments.text("alias")?.unwrap_or(CHAMPION);
    let query = page(arguments, 50)?;
    let found = context.wait(context.client().list_alias_moves(&model, alias, &query))?.items;
    let fields = ["revision", "previous", "version", "moved_at", "reason", "moved_by"];
    dicts(&found, &fields, eval)
}

/// Values as dicts of some of their fields; what is absent is None.
fn dicts<'v>(
    values: &[impl serde::Serialize],
    fields: &[&str],
    eval: &mut Evaluator<'v, '_, '_>,
) -> Result<Value<'v>> {
    let row = |value| {
        let all = serde_json::to_value(value).context("reading an alias")?;
        let pair = |name: &&str| ((*name).to_owned(), all.get(name).cloned().unwrap_or_default());
        Ok(Json::Object(fields.iter().map(pair).collect()))
    };
    let rows: Vec<Json> = values.iter().map(row).collect::<Result<_>>()?;
    Ok(eval.heap().alloc(rows))
}
