//! Credit policies: kept, listed, read, and bound to the version of a model that scores for them.

mod check;

use std::sync::Arc;

use super::assessments::cut_off;
use super::cache::Named;
use super::counterfactuals::check_changeable;
use super::loaded::Loaded;
use super::{Idempotency, Service, not_found};
use crate::domain::key::Caller;
use crate::domain::name::check_name;
use crate::domain::page::{Page, PageQuery};
use crate::domain::policy::{Policy, PolicyTerms, PolicyVersion, PolicyVersionSummary};
use crate::domain::schema::{Column, ColumnType};
use crate::domain::version::Signature;
use crate::error::{Code, Error, FieldError, Result};

/// Most faults that are named.
const MAX_ERRORS: usize = 100;

/// A policy with the version of its model.
#[derive(Clone)]
pub(super) struct Bound {
    pub(super) policy: Arc<PolicyVersion>,
    project: String,
    pub(super) loaded: Arc<Loaded>,
    /// The class of those who don't pay.
    pub(super) adverse: String,
}

impl Bound {
    pub(super) fn model(&self) -> Named<'_> {
        Named { project: &self.project, model: &self.terms().model }
    }

    pub(super) fn terms(&self) -> &PolicyTerms {
        &self.policy.terms
    }

    pub(super) fn signature(&self) -> &Signature {
        &self.loaded.version.signature
    }

    /// What a row has: the model's inputs, then the policy's further columns.
    pub(super) fn columns(&self) -> Vec<Column> {
        let further = self.terms().columns.iter().map(|column| Column {
            name: column.name.clone(),
            kind: column.kind,
            nullable: true,
        });
        self.signature().inputs.iter().cloned().chain(further).collect()
    }
}

impl Service {
    /// Keeps the next version of a policy, by which is decided from then on where none is named.
    ///
    /// # Errors
    /// [`Code::InvalidRequest`] naming all that is wrong with its terms, an unknown model, version or
    /// alias among it.
    pub async fn create_policy_version(
        &self,
        caller: &Caller,
        once: Option<&Idempotency>,
        policy: &str,
        terms: PolicyTerms,
    ) -> Result<PolicyVersion> {
        check_name("/policy", policy)?;
        if let Some(kept) = self.kept(caller, once).await? {
            return Ok(kept);
        }
        let name = Named { project: &caller.project, model: &terms.model };
        let fields = ("/model", "/version");
        let loaded = self.loaded_for_body(name, terms.version.as_ref(), fields).await?;
        let mut faults = check::faults(&terms, &loaded.version.signature);
        if check::is_for(&loaded.version.signature).is_ok() {
            let signature = &loaded.version.signature;
            let version = (loaded.version.version, signature.calibrator.as_ref());
            // Of a class that there is not nothing is known to be approved.
            let is_known = terms.adverse.as_ref().is_none_or(|a| signature.classes.contains(a));
            let decision = is_known.then(|| cut_off(&terms, signature));
            faults.extend(self.check_reasons(name, version, &terms, decision).await?);
            if let Err(error) =
                check_changeable(&terms.changeable, &loaded.version.signature, &loaded.model)
            {
                faults.extend(moved(error, "/change", "/changeable")?);
            }
        }
        if !faults.is_empty() {
            faults.truncate(MAX_ERRORS);
            let detail = "the policy can't be used as it is";
            return Err(Error::fields(Code::InvalidRequest, detail, faults));
        }
        let (by, policy) = (caller.clone(), policy.to_owned());
        self.once(caller, once, |tx| {
            Box::pin(
                async move { tx.insert_policy_version(&by.project, &policy, &terms, by.key).await },
            )
        })
        .await
    }

    /// Policies by name.
    ///
    /// # Errors
    /// [`Code::InvalidRequest`] for a bad page.
    pub async fn list_policies(&self, caller: &Caller, query: &PageQuery) -> Result<Page<Policy>> {
        self.store().list_policies(&caller.project, query).await
    }

    /// Versions of a policy, the newest first.
    ///
    /// # Errors
    /// [`Code::NotFound`], [`Code::InvalidRequest`] for a bad page.
    pub async fn list_policy_versions(
        &self,
        caller: &Caller,
        policy: &str,
        query: &PageQuery,
    ) -> Result<Page<PolicyVersionSummary>> {
        if self.store().get_policy(&caller.project, policy).await?.is_none() {
            return Err(not_found("policy", policy));
        }
        self.store().list_policy_versions(&caller.project, policy, query).await
    }

    /// A version of a policy.
    ///
    /// # Errors
    /// [`Code::NotFound`].
    pub async fn get_policy_version(
        &self,
        caller: &Caller,
        policy: &str,
        version: u32,
    ) -> Result<PolicyVersion> {
        self.policy_version(&caller.project, policy, Some(version)).await
    }

    /// A version of a policy, or the newest one.
    pub(super) async fn policy_version(
        &self,
        project: &str,
        policy: &str,
        version: Option<u32>,
    ) -> Result<PolicyVersion> {
        let found = self.store().get_policy_version(project, policy, version).await?;
        found.ok_or_else(|| match version {
            Some(version) => {
                let detail = format!("there is no version {version} of policy {policy}");
                Error::new(Code::NotFound, detail)
            }
            None => not_found("policy", policy),
        })
    }

    /// A policy with the version that scores for it: the one with this number, or the one that the policy
    /// names. A policy that follows an alias is held against the version once more.
    ///
    /// # Errors
    /// [`Code::NotFound`]; [`Code::InvalidRequest`] where the policy doesn't fit the version any more.
    pub(super) async fn bound(
        &self,
        project: &str,
        policy: PolicyVersion,
        model_version: Option<u32>,
    ) -> Result<Bound> {
        let name = Named { project, model: &policy.terms.model };
        let loaded = match model_version {
            Some(number) => self.loaded(name, number).await?,
            None => self.loaded_as(name, policy.terms.version.as_ref()).await?,
        };
        let signature = &loaded.version.signature;
        let mut faults = check::faults(&policy.terms, signature);
        if !faults.is_empty() {
            faults.truncate(MAX_ERRORS);
            faults.iter_mut().for_each(|f| f.pointer = format!("/policy{}", f.pointer));
            let detail = format!(
                "policy {} {} doesn't fit version {} of model {}, which scores for it now: keep a new \
                 version of the policy",
                policy.policy, policy.version, loaded.version.version, policy.terms.model
            );
            return Err(Error::fields(Code::InvalidRequest, detail, faults));
        }
        let adverse = policy.terms.adverse.clone().or(signature.positive_class.clone());
        let (project, policy) = (project.to_owned(), Arc::new(policy));
        Ok(Bound { policy, project, loaded, adverse: adverse.unwrap_or_default() })
    }
}

/// The fields of a problem below another pointer; errors that are none go on.
fn moved(error: Error, from: &str, to: &str) -> Result<Vec<FieldError>> {
    match error {
        Error::Problem { detail, errors, .. } if errors.is_empty() => {
            Ok(vec![FieldError::new(to, detail)])
        }
        Error::Problem { errors, .. } => {
            let moved = |error: FieldError| match error.pointer.strip_prefix(from) {
                Some(rest) => FieldError::new(format!("{to}{rest}"), error.detail),
                None => error,
            };
            Ok(errors.into_iter().map(moved).collect())
        }
        error => Err(error),
    }
}

/// The type of a column that a policy may compare: one of the model's inputs, or its own.
pub(super) fn kind_of(
    terms: &PolicyTerms,
    signature: &Signature,
    name: &str,
) -> Option<ColumnType> {
    let input = signature.inputs.iter().find(|input| input.name == name).map(|input| input.kind);
    let own = || terms.columns.iter().find(|column| column.name == name).map(|column| column.kind);
    input.or_else(own)
}
