//! The one table of operations. A route exists only by standing here, and it can't stand here
//! without saying who may use it.

use std::collections::HashMap;

use actix_web::http::Method;
use actix_web::web::ServiceConfig;
use utoipa::openapi::path::{Operation as Description, Parameter, ParameterIn, PathItem, Paths};
use utoipa::openapi::{RefOr, Schema};
use utoipa_actix_web::OpenApiFactory;

use super::{
    activations, advice, aliases, analyses, assessments, binnings, counterfactuals, datasets, docs,
    explanations, forecasts, health, investments, jobs, keys, loans, metrics, models, policies,
    predictions, reasons, risk, scorecards, simplifications, versions,
};
use crate::domain::key::Scope;

/// Who may use an operation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Access {
    /// Whoever reaches the server.
    Public,
    /// Whoever has a key with this scope.
    Scope(Scope),
}

/// An operation as its handler declares it, with what the table adds.
pub(super) struct Declared {
    pub(super) access: Access,
    pub(super) paths: Paths,
    pub(super) schemas: Vec<(String, RefOr<Schema>)>,
}

impl Declared {
    fn new(access: Access, handler: &impl OpenApiFactory) -> Self {
        let mut schemas = Vec::new();
        handler.schemas(&mut schemas);
        Self { access, paths: handler.paths(), schemas }
    }
}

macro_rules! routes {
    ($($access:expr => [$($handler:path),+ $(,)?])+) => {
        /// Mounts every operation and the pages of the documentation.
        pub(super) fn mount(config: &mut ServiceConfig) {
            $($(config.service($handler);)+)+
            docs::mount(config);
        }

        /// Every operation of the interface.
        pub(super) fn declared() -> Vec<Declared> {
            vec![$($(Declared::new($access, &$handler),)+)+]
        }
    };
}

routes! {
    Access::Public => [health::livez, health::readyz, docs::get_openapi]
    // First of those with names in their paths, since each is tried in its turn.
    Access::Scope(Scope::Predict) => [
        predictions::create_prediction,
        predictions::replay_prediction,
        forecasts::create_forecast,
        explanations::create_explanation,
        counterfactuals::create_counterfactual,
        activations::create_activations,
        risk::create_risk_assessment,
        risk::create_risk_backtest,
        risk::create_credit_losses,
        assessments::create_assessment,
        assessments::replay_assessment,
        loans::create_expected_losses,
        binnings::create_binning,
        investments::create_investment_portfolio,
        investments::create_investment_backtest,
        investments::create_investment_frontier,
    ]
    Access::Scope(Scope::Read) => [
        datasets::list_datasets,
        datasets::get_dataset,
        datasets::list_dataset_versions,
        datasets::get_dataset_version,
        datasets::preview_dataset_version,
        datasets::get_dataset_content,
        models::list_models,
        models::get_model,
        versions::list_model_versions,
        versions::get_model_version,
        versions::get_model_weights,
        scorecards::get_scorecard,
        aliases::list_aliases,
        aliases::get_alias,
        aliases::list_alias_moves,
        aliases::get_alias_at,
        analyses::list_analyses,
        analyses::get_analysis,
        reasons::list_reason_tables,
        reasons::get_reason_table,
        policies::list_policies,
        policies::list_policy_versions,
        policies::get_policy_version,
        assessments::get_assessment,
        predictions::get_prediction,
        jobs::list_jobs,
        jobs::get_job,
        jobs::get_job_checkpoint,
        jobs::stream_job_events,
        metrics::get_metrics,
    ]
    Access::Scope(Scope::Train) => [
        datasets::create_dataset_version,
        datasets::delete_dataset_version,
        advice::create_advice,
        models::update_model,
        versions::create_model_version,
        versions::delete_model_version,
        simplifications::create_simplification,
        analyses::create_analysis,
        reasons::create_reason_table,
        policies::create_policy_version,
        assessments::create_portfolio,
        loans::create_reject_inference,
        aliases::move_alias,
        aliases::delete_alias,
        aliases::roll_back_alias,
        jobs::cancel_job,
    ]
    Access::Scope(Scope::Admin) => [keys::list_keys, keys::create_key, keys::revoke_key]
}

/// One method of a route.
pub(super) struct Operation {
    pub(super) method: Method,
    pub(super) access: Access,
    /// The query parameters that it knows; none are checked where it is absent.
    pub(super) query: Option<Vec<String>>,
}

/// Every route by its path template, for the gate.
pub(super) struct Routes(HashMap<String, Vec<Operation>>);

impl Routes {
    pub(super) fn new() -> Self {
        let mut routes: HashMap<String, Vec<Operation>> = HashMap::new();
        for declared in declared() {
            for (template, item) in &declared.paths.paths {
                for (method, description) in methods(item) {
                    let query = Some(query_names(description));
                    let operation = Operation { method, access: declared.access, query };
                    routes.entry(template.clone()).or_default().push(operation);
                }
            }
        }
        for template in docs::TEMPLATES {
            let page = Operation { method: Method::GET, access: Access::Public, query: None };
            routes.insert((*template).to_owned(), vec![page]);
        }
        Self(routes)
    }

    /// Adds a POST route that is no part of the interface.
    pub(super) fn add(&mut self, template: &str, scope: Scope) {
        let access = Access::Scope(scope);
        let operation = Operation { method: Method::POST, access, query: None };
        self.0.insert(template.to_owned(), vec![operation]);
    }

    /// The operations of the route that actix-web matched.
    pub(super) fn get(&self, template: &str) -> Option<&[Operation]> {
        self.0.get(template).map(Vec::as_slice)
    }
}

fn methods(item: &PathItem) -> impl Iterator<Item = (Method, &Description)> {
    [
        (Method::GET, &item.get),
        (Method::PUT, &item.put),
        (Method::POST, &item.post),
        (Method::DELETE, &item.delete),
        (Method::PATCH, &item.patch),
    ]
    .into_iter()
    .filter_map(|(method, description)| Some((method, description.as_ref()?)))
}

fn query_names(description: &Description) -> Vec<String> {
    let parameters = description.parameters.iter().flatten();
    parameters
        .filter_map(|parameter| match parameter {
            RefOr::T(Parameter { name, parameter_in: ParameterIn::Query, .. }) => {
                Some(name.clone())
            }
            _ => None,
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_declared_operation_is_found_with_its_access() {
        let routes = Routes::new();
        let versions = routes.get("/api/v1/datasets/{dataset}/versions").unwrap();
        let access = |method| versions.iter().find(|o| o.method == method).map(|o| o.access);
        assert_eq!(access(Method::GET), Some(Access::Scope(Scope::Read)));
        assert_eq!(access(Method::POST), Some(Access::Scope(Scope::Train)));
        assert_eq!(access(Method::PUT), None);
        let list = versions.iter().find(|o| o.method == Method::GET).unwrap();
        assert_eq!(list.query.as_deref().unwrap(), ["limit", "cursor"]);
        assert!(routes.get("/api/v1/nothing").is_none());
    }

    #[test]
    fn only_the_public_list_is_public() {
        let mut public: Vec<String> = Routes::new()
            .0
            .into_iter()
            .filter(|(_, o)| o.iter().any(|o| o.access == Access::Public))
            .map(|(template, _)| template)
            .collect();
        public.sort();
        assert_eq!(
            public,
            ["/docs", "/docs/", "/docs/{file}", "/livez", "/openapi.json", "/readyz"]
        );
    }
}
