//! The table of all paths, from which the router and the description of the API are built.

use std::sync::Arc;

use axum::Router;
use axum::routing::{MethodRouter, delete, get, patch, post, put};

use super::{App, board, openapi, resources as r, runs, webhooks};

/// The body of a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Takes {
    /// Nothing.
    Nothing,
    /// One resource, or a patch of one.
    Resource,
    /// An array of resources.
    Resources,
    /// An array of anything.
    Values,
    /// A namespace.
    Namespace,
    /// Options: their fields; those with `!` are required.
    Fields(&'static [&'static str]),
    /// The same, as an HTML form.
    Form(&'static [&'static str]),
    /// A webhook of a forge.
    Call,
}

/// The body of a successful response.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Gives {
    /// A resource.
    Resource,
    /// A page of resources.
    List,
    /// A stream of events.
    Events,
    /// One namespace, or all of them.
    Namespace,
    /// A `Status`.
    Status,
    /// An answer of this kind, as of the commands.
    Document(&'static str),
    /// An object.
    Object,
    /// A text.
    Text,
    /// A page of HTML, or a file that it loads.
    Page,
}

/// A method of a path.
pub struct Route {
    /// `get`
    pub method: &'static str,
    /// The path.
    pub path: &'static str,
    /// What it does, in a few words.
    pub summary: &'static str,
    /// The body of a request.
    pub takes: Takes,
    /// The code of a successful response.
    pub code: u16,
    /// The body of a successful response.
    pub gives: Gives,
    /// Query parameters.
    pub query: &'static [&'static str],
    make: fn() -> MethodRouter<Arc<App>>,
}

const LISTS: &[&str] = &[
    "labelSelector",
    "fieldSelector",
    "limit",
    "continue",
    "watch",
    "since",
];
const STREAMS: &[&str] = &["labelSelector", "fieldSelector", "since"];

macro_rules! routes {
    ($($method:ident $path:literal $summary:literal $takes:expr, $code:literal $gives:expr, $query:expr, $handler:path;)*) => {
        /// All routes.
        pub const ROUTES: &[Route] = &[$(Route {
            method: stringify!($method),
            path: $path,
            summary: $summary,
            takes: $takes,
            code: $code,
            gives: $gives,
            query: $query,
            make: || $method($handler),
        }),*];
    };
}

use Gives::{Document, Events, List, Namespace, Object, Page, Resource, Status, Text};
use Takes::{Call, Fields, Form, Nothing, Resources, Values};

const CLAIM: Takes = Fields(&["lease", "claim"]);

routes! {
    get "/healthz" "Check whether the server is up" Nothing, 200 Text, &[], super::health;
    get "/health" "Check whether the server is up" Nothing, 200 Text, &[], super::health;
    get "/openapi.json" "Get this description" Nothing, 200 Object, &[], openapi::served;
    post "/webhooks/github" "Receive a webhook of GitHub" Call, 202 Status, &[], webhooks::github;
    post "/webhooks/gitlab" "Receive a webhook of GitLab" Call, 202 Status, &[], webhooks::gitlab;
    post "/webhooks/plain" "Check for changes now" Call, 202 Status, &[], webhooks::plain;
    get "/apis/planspec.io/v1alpha1/namespaces" "List namespaces" Nothing, 200 Namespace, &[], r::namespaces;
    post "/apis/planspec.io/v1alpha1/namespaces" "Create a namespace" Takes::Namespace, 201 Namespace, &[], r::create_namespace;
    get "/apis/planspec.io/v1alpha1/namespaces/{namespace}" "Get a namespace" Nothing, 200 Namespace, &[], r::namespace;
    delete "/apis/planspec.io/v1alpha1/namespaces/{namespace}" "Delete a namespace with everything in it" Nothing, 200 Status, &[], r::remove_namespace;
    post "/apis/planspec.io/v1alpha1/namespaces/{namespace}/apply" "Create or replace resources, all or none" Resources, 200 Object, &[], r::apply;
    get "/apis/planspec.io/v1alpha1/namespaces/{namespace}/next" "List nodes of a namespace that can be claimed" Nothing, 200 Document("NextNodes"), &["provider", "limit"], runs::next_in_namespace;
    get "/apis/planspec.io/v1alpha1/namespaces/{namespace}/{type}" "List resources" Nothing, 200 List, LISTS, r::list;
    post "/apis/planspec.io/v1alpha1/namespaces/{namespace}/{type}" "Create a resource" Takes::Resource, 201 Resource, &[], r::create;
    get "/apis/planspec.io/v1alpha1/namespaces/{namespace}/{type}/watch" "Watch resources" Nothing, 200 Events, STREAMS, r::watch_some;
    put "/apis/planspec.io/v1alpha1/namespaces/{namespace}/{type}/watch" "Replace a resource named watch" Takes::Resource, 200 Resource, &[], r::replace_watch;
    patch "/apis/planspec.io/v1alpha1/namespaces/{namespace}/{type}/watch" "Change a resource named watch" Takes::Resource, 200 Resource, &[], r::patch_watch;
    delete "/apis/planspec.io/v1alpha1/namespaces/{namespace}/{type}/watch" "Delete a resource named watch" Nothing, 200 Status, &[], r::remove_watch;
    get "/apis/planspec.io/v1alpha1/namespaces/{namespace}/{type}/{name}" "Get a resource" Nothing, 200 Resource, &[], r::get;
    put "/apis/planspec.io/v1alpha1/namespaces/{namespace}/{type}/{name}" "Replace a resource" Takes::Resource, 200 Resource, &[], r::replace;
    patch "/apis/planspec.io/v1alpha1/namespaces/{namespace}/{type}/{name}" "Change a resource by a JSON merge patch" Takes::Resource, 200 Resource, &[], r::patch;
    delete "/apis/planspec.io/v1alpha1/namespaces/{namespace}/{type}/{name}" "Delete a resource" Nothing, 200 Status, &[], r::remove;
    put "/apis/planspec.io/v1alpha1/namespaces/{namespace}/{type}/{name}/status" "Refused, because a status follows from records" Takes::Resource, 200 Resource, &[], r::status;
    get "/apis/planspec.io/v1alpha1/namespaces/{namespace}/{type}/{name}/log" "Show the history of a run, or the revisions of another resource" Nothing, 200 Object, &["limit"], runs::log_of;
    get "/apis/planspec.io/v1alpha1/namespaces/{namespace}/plans/{name}/graph" "Get the graph of a plan" Nothing, 200 Object, &[], r::graph;
    get "/apis/planspec.io/v1alpha1/namespaces/{namespace}/goals/{name}/plan" "Get the active plan of a goal" Nothing, 200 Resource, &[], r::active_plan;
    post "/apis/planspec.io/v1alpha1/namespaces/{namespace}/gates/{name}/decisions" "Approve, reject or comment" Fields(&["decision!", "execution", "node", "digest", "message"]), 200 Document("Decided"), &[], runs::decide_at;
    get "/apis/planspec.io/v1alpha1/namespaces/{namespace}/executions/{name}/next" "List nodes of a run that can be claimed" Nothing, 200 Document("NextNodes"), &["provider", "limit"], runs::next_of_run;
    post "/apis/planspec.io/v1alpha1/namespaces/{namespace}/executions/{name}/attestations" "Record whether a criterion is met" Fields(&["criterion!", "met!", "evidence", "commit"]), 200 Document("Attested"), &[], runs::attest_of;
    post "/apis/planspec.io/v1alpha1/namespaces/{namespace}/executions/{name}/retry" "Retry failed nodes" Fields(&["node", "rebind", "again", "plan", "message"]), 200 Document("Requested"), &[], runs::retry_run;
    post "/apis/planspec.io/v1alpha1/namespaces/{namespace}/executions/{name}/cancel" "Cancel a run" Fields(&["message"]), 200 Document("Requested"), &[], runs::cancel_run;
    post "/apis/planspec.io/v1alpha1/namespaces/{namespace}/executions/{name}/nodes/{node}/claim" "Claim a node" CLAIM, 200 Document("Claimed"), &[], runs::claim_node;
    post "/apis/planspec.io/v1alpha1/namespaces/{namespace}/executions/{name}/nodes/{node}/renew" "Renew a claim" CLAIM, 200 Document("Claimed"), &[], runs::renew_node;
    post "/apis/planspec.io/v1alpha1/namespaces/{namespace}/executions/{name}/nodes/{node}/release" "Give a node back" Fields(&["message", "claim"]), 200 Document("Released"), &[], runs::release_node;
    post "/apis/planspec.io/v1alpha1/namespaces/{namespace}/executions/{name}/nodes/{node}/report" "Report whether a node succeeded or failed" Fields(&["result!", "outputs", "message", "commit", "attempt", "claim"]), 200 Document("Reported"), &[], runs::report_node;
    post "/apis/planspec.io/v1alpha1/records" "Forward a record that its author wrote and signed" Fields(&["ref!", "commit!", "record!"]), 200 Status, &[], runs::carry_record;
    post "/apis/planspec.io/v1alpha1/validate" "Check resources without storing them" Values, 200 Object, &[], r::validate;
    get "/apis/planspec.io/v1alpha1/next" "List nodes that can be claimed" Nothing, 200 Document("NextNodes"), &["provider", "limit"], runs::next_everywhere;
    get "/apis/planspec.io/v1alpha1/{type}" "List resources of all namespaces" Nothing, 200 List, LISTS, r::list_all;
    get "/apis/planspec.io/v1alpha1/{type}/watch" "Watch resources of all namespaces" Nothing, 200 Events, STREAMS, r::watch_all;
    get "/" "The board" Nothing, 200 Page, &[], board::home;
    get "/{file}" "A page or a file of the board" Nothing, 200 Page, &[], board::file;
    get "/runs/" "The board: all runs" Nothing, 200 Page, &[], board::runs;
    get "/runs/{*path}" "The board: a run, a node, its history" Nothing, 200 Page, &[], board::of_runs;
    post "/runs/{*path}" "The board: the decision form of a gate" Form(&["gate!", "digest!", "decision!", "message"]), 303 Text, &[], board::decide;
    get "/plans/" "The board: all plans" Nothing, 200 Page, &[], board::plans;
    get "/plans/{*path}" "The board: a plan, a revision" Nothing, 200 Page, &[], board::of_plans;
    get "/board/events" "The board: events when something has changed" Nothing, 200 Events, &[], board::events;
    get "/review" "Review what changes between two revisions" Nothing, 200 Document("Review"), &["base!", "head!", "plan", "namespace"], runs::review_of;
    get "/audit" "Check that the status follows from what it cites" Nothing, 200 Document("Audit"), &["namespace", "execution", "since"], runs::audit_of;
}

/// The router with all routes.
pub fn router() -> Router<Arc<App>> {
    let all = ROUTES.iter();
    all.fold(Router::new(), |router, route| {
        router.route(route.path, (route.make)())
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// With a duplicate path, or two that are equivalent, the server would panic at its start.
    #[test]
    fn every_path_is_one_that_the_router_takes() {
        let _ = router();
        let published = "/apis/planspec.io/v1alpha1/";
        let own = [
            "/",
            "/{file}",
            "/healthz",
            "/health",
            "/openapi.json",
            "/review",
            "/audit",
        ];
        let below = ["/webhooks/", "/runs/", "/plans/", "/board/"];
        for route in ROUTES {
            let is_below = below.iter().any(|folder| route.path.starts_with(folder));
            let is_own = own.contains(&route.path) || is_below;
            assert!(
                is_own || route.path.starts_with(published),
                "{}",
                route.path
            );
        }
    }
}
