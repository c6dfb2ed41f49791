//! Credit policies, decisions on applicants and loan books, expected losses.

use serde_json::Value as Json;
use starlark::eval::Evaluator;
use starlark::values::Value;

use super::super::arguments::Arguments;
use super::super::context::{Context, context};
use super::super::objects::{
    Assessments, Lending, Object, alloc, object_of, rows as rows_of_frame,
};
use super::data::{page, rows_in};
use super::models::{reference, resolve};
use super::predicting::{Rows, dropping, rows, spare};
use super::{model_argument, name_and_number, no_such};
use crate::client::outcome;
use crate::domain::assessment::{
    AssessmentRequest, AssessmentResponse, LoanPortfolioRequest, MAX_ASSESSED,
};
use crate::domain::dataset::DatasetRef;
use crate::domain::job::{Job, JobResult};
use crate::domain::loan::ExpectedLossRequest;
use crate::domain::page::PageQuery;
use crate::domain::policy::{PolicyTerms, PolicyVersion};
use crate::domain::prediction::{Row, VersionRef};
use crate::domain::reject::RejectInferenceRequest;
use crate::domain::schema::Cell;
use crate::domain::version::Version;
use crate::domain::whole::MAX_SEED;
use crate::error::{Code, Error, Result};

fn lending<'v>(value: Lending, eval: &mut Evaluator<'v, '_, '_>) -> Result<Value<'v>> {
    alloc(Object::Lending(Box::new(value)), eval)
}

/// `policy(name, terms=None, version=None)`.
pub(super) fn policy<'v>(
    arguments: &Arguments<'v>,
    eval: &mut Evaluator<'v, '_, '_>,
) -> Result<Value<'v>> {
    let context = &*context()?;
    let found = match arguments.json("terms")? {
        Some(terms) => {
            if arguments.get("version").is_some() {
                return Err(arguments.wrong("version", "is given by the server to new terms"));
            }
            let name = arguments.text("name")?.unwrap_or_default();
            let terms: PolicyTerms = arguments.typed("terms", terms)?;
            context.change(context.client().create_policy_version(name, &terms))?
        }
        None => policy_of(arguments, context, "name")?,
    };
    lending(Lending::Policy(Box::new(found)), eval)
}

/// `policies(limit=50)`.
pub(super) fn policies<'v>(
    arguments: &Arguments<'v>,
    eval: &mut Evaluator<'v, '_, '_>,
) -> Result<Value<'v>> {
    let context = &*context()?;
    let query = page(arguments, 50)?;
    let found = context.wait(context.client().list_policies(&query))?.items;
    let mut values = Vec::with_capacity(found.len());
    for policy in found {
        let newest = context.client();
        let newest = newest.get_policy_version(&policy.name, policy.latest_version);
        values.push(lending(Lending::Policy(Box::new(context.wait(newest)?)), eval)?);
    }
    Ok(eval.heap().alloc(values))
}

/// The policy that an argument names, by its `version` or the newest one.
fn policy_of(arguments: &Arguments<'_>, context: &Context, name: &str) -> Result<PolicyVersion> {
    let value = arguments.needed(name)?;
    let (policy, number) = match (object_of(value), value.unpack_str()) {
        (Some(Object::Lending(held)), _) => match held.as_ref() {
            Lending::Policy(policy) => (policy.policy.clone(), Some(policy.version)),
            _ => return Err(arguments.unlike(name, "a policy or its name", value)),
        },
        (_, Some(text)) => {
            let (policy, number) = name_and_number(text);
            (policy.to_owned(), number)
        }
        _ => return Err(arguments.unlike(name, "a policy or its name", value)),
    };
    let wanted = arguments.number("version", 1..=u64::from(i32::MAX.unsigned_abs()))?;
    let wanted = wanted.and_then(|wanted| u32::try_from(wanted).ok()).or(number);
    let client = context.client();
    context.wait(async {
        let number = match wanted {
            Some(number) => number,
            None => {
                let query = PageQuery { limit: Some(1), cursor: None };
                let newest = client.list_policy_versions(&policy, &query).await;
                let newest = newest.map(|page| page.items.first().map(|newest| newest.version));
                match newest {
                    Ok(Some(newest)) => newest,
                    Ok(None) => return Err(unknown(&policy)),
                    Err(error) if error.code() == Code::NotFound => return Err(unknown(&policy)),
                    Err(error) => return Err(error),
                }
            }
        };
        client.get_policy_version(&policy, number).await
    })
}

fn unknown(policy: &str) -> Error {
    no_such(format!("there is no policy {policy} (policies() lists what there is)"))
}

/// `assess(policy, rows, outcome=None, record=False, counterfactuals=False, version=None)`.
pub(super) fn assess<'v>(
    arguments: &Arguments<'v>,
    eval: &mut Evaluator<'v, '_, '_>,
) -> Result<Value<'v>> {
    let context = &*context()?;
    let policy = policy_of(arguments, context, "policy")?;
    let record = arguments.flag("record", false)?;
    let counterfactuals = arguments.flag("counterfactuals", false)?;
    let rows = rows(arguments, context)?;
    let terms = &policy.terms;
    let client = context.client();
    let model = context.wait(resolve(&client, &terms.model, terms.version.as_ref()))?;
    let (rows, outcomes) = read(arguments, context, (&policy, &model), rows)?;
    if record && rows.len() > MAX_ASSESSED {
        let problem = format!("at most {MAX_ASSESSED} rows are recorded at once");
        return Err(arguments.wrong("record", &problem));
    }
    let mut response: Option<AssessmentResponse> = None;
    // A part at least, so that the server says what is wrong with none.
    let parts: Vec<&[Row]> =
        if rows.is_empty() { vec![&[]] } else { rows.chunks(MAX_ASSESSED).collect() };
    for part in parts {
        let request = AssessmentRequest {
            rows: Some(part.to_vec()),
            version: Some(policy.version),
            record,
            counterfactuals,
        };
        let asked = client.assess(&policy.policy, &request);
        let answer = if record { context.change(asked) } else { context.wait(asked) }?;
        response = Some(match response {
            None => answer,
            Some(before) => joined(before, answer),
        });
    }
    let response = response.ok_or_else(|| Error::internal("assessing", "nothing was asked"))?;
    lending(Lending::Assessments(Assessments { response, rows, outcomes }), eval)
}

fn joined(mut before: AssessmentResponse, further: AssessmentResponse) -> AssessmentResponse {
    before.assessments.extend(further.assessments);
    before.decisions.approve += further.decisions.approve;
    before.decisions.refer += further.decisions.refer;
    before.decisions.decline += further.decisions.decline;
    before.basis = before.basis.or(further.basis);
    before
}

type Outcomes = Vec<Option<bool>>;

/// The rows with the columns that the policy reads, and whether each defaulted.
fn read(
    arguments: &Arguments<'_>,
    context: &Context,
    (policy, model): (&PolicyVersion, &Version),
    rows: Rows,
) -> Result<(Vec<Row>, Option<Outcomes>)> {
    let signature = &model.signature;
    let outcome = arguments.text("outcome")?;
    let is_read = |name: &str| {
        signature.inputs.iter().any(|input| input.name == name)
            || policy.terms.columns.iter().any(|column| column.name == name)
    };
    let (Rows::Given(all) | Rows::Found(all)) = &rows;
    let adverse = policy.terms.adverse.as_ref().or(signature.positive_class.as_ref());
    let outcomes = match outcome {
        None => None,
        Some(name) if !all.iter().any(|row| row.contains_key(name)) => {
            return Err(arguments.wrong("outcome", &format!("the rows have no column {name}")));
        }
        Some(name) => {
            let defaulted = |row: &Row| -> Option<bool> {
                let label = match row.get(name)? {
                    Cell::Null => return None,
                    Cell::Text(text) => text.clone(),
                    Cell::Bool(truth) => truth.to_string(),
                    Cell::Int(number) => number.to_string(),
                    Cell::Float(number) => number.to_string(),
                };
                Some(Some(&label) == adverse)
            };
            Some(all.iter().map(defaulted).collect())
        }
    };
    let rows = match rows {
        Rows::Found(rows) => dropping(rows, |name| !is_read(name)),
        Rows::Given(rows) => {
            let is_spare = match rows.iter().flat_map(Row::keys).all(|name| is_read(name)) {
                true => Vec::new(),
                false => context.wait(spare(context, model))?,
            };
            dropping(rows, |name| {
                !is_read(name) && (Some(name) == outcome || is_spare.iter().any(|s| s == name))
            })
        }
    };
    Ok((rows, outcomes))
}

/// `assess_book(policy, data, into, prefix="", staging=None, version=None, detach=False)`.
pub(super) fn assess_book<'v>(
    arguments: &Arguments<'v>,
    eval: &mut Evaluator<'v, '_, '_>,
) -> Result<Value<'v>> {
    let context = &*context()?;
    let policy = policy_of(arguments, context, "policy")?;
    let into = arguments.text("into")?.unwrap_or_default().to_owned();
    let staging = arguments.json("staging")?;
    let staging = staging.map(|staging| arguments.typed("staging", staging)).transpose()?;
    let prefix = arguments.text("prefix")?.unwrap_or_default().to_owned();
    let dataset = rows_in(arguments, context, ("data", &policy.policy))?;
    let dataset = DatasetRef { name: dataset.dataset, version: Some(dataset.version) };
    let version = Some(policy.version);
    let request = LoanPortfolioRequest { dataset, version, into, prefix, staging };
    let job = context.change(context.client().assess_dataset(&policy.policy, &request))?;
    ended(arguments, context, job, eval)
}

/// What a job makes, or the job itself where nobody waits for it.
fn ended<'v>(
    arguments: &Arguments<'v>,
    context: &Context,
    job: Job,
    eval: &mut Evaluator<'v, '_, '_>,
) -> Result<Value<'v>> {
    if arguments.flag("detach", false)? {
        return alloc(Object::Job(Box::new(job)), eval);
    }
    match outcome(context.follow(&job)?)? {
        JobResult::Assessment(book) => lending(Lending::Book(book), eval),
        JobResult::RejectInference(made) => lending(Lending::Inferred(made), eval),
        _ => Err(Error::internal("lending", "the job made something else")),
    }
}

/// `expected_losses(loans, scenarios=None, rules=None)`.
pub(super) fn expected_losses<'v>(
    arguments: &Arguments<'v>,
    eval: &mut Evaluator<'v, '_, '_>,
) -> Result<Value<'v>> {
    let context = &*context()?;
    let value = arguments.needed("loans")?;
    let loans = match object_of(value) {
        Some(Object::Frame(frame)) => {
            let without_missing = |row: serde_json::Map<String, Json>| -> Json {
                row.into_iter().filter(|(_, value)| !value.is_null()).collect()
            };
            rows_of_frame(frame)?.into_iter().map(without_missing).collect::<Vec<_>>().into()
        }
        _ => arguments.json("loans")?.unwrap_or_default(),
    };
    let mut request = ExpectedLossRequest {
        loans: arguments.typed("loans", loans)?,
        rules: Default::default(),
        scenarios: Vec::new(),
    };
    if let Some(rules) = arguments.json("rules")? {
        request.rules = arguments.typed("rules", rules)?;
    }
    if let Some(scenarios) = arguments.json("scenarios")? {
        request.scenarios = arguments.typed("scenarios", scenarios)?;
    }
    let losses = context.wait(context.client().expected_losses(&request))?;
    lending(Lending::Losses(losses), eval)
}

/// `infer_rejects(data, model, into, factor, bands=10, seed=0, version=None, adverse=None,
/// detach=False)`.
pub(super) fn infer_rejects<'v>(
    arguments: &Arguments<'v>,
    eval: &mut Evaluator<'v, '_, '_>,
) -> Result<Value<'v>> {
    let context = &*context()?;
    let (model, number) = model_argument(arguments, "model")?;
    let version = reference(arguments, "version")?.or(number.map(VersionRef::Number));
    let into = arguments.text("into")?.unwrap_or_default().to_owned();
    let factor = arguments.typed("factor", arguments.json("factor")?.unwrap_or_default())?;
    let bands = arguments.number("bands", 2..=100)?.and_then(|bands| u32::try_from(bands).ok());
    let seed = arguments.number("seed", 0..=MAX_SEED)?.unwrap_or(0);
    let dataset = rows_in(arguments, context, ("data", &model))?;
    let dataset = DatasetRef { name: dataset.dataset, version: Some(dataset.version) };
    let bands = bands.unwrap_or(10);
    let adverse = arguments.text("adverse")?.map(str::to_owned);
    let request =
        RejectInferenceRequest { dataset, model, version, adverse, into, bands, factor, seed };
    let job = context.change(context.client().infer_rejects(&request))?;
    ended(arguments, context, job, eval)
}
