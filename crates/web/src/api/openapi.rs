//! `/openapi.json`: the description of the API (OpenAPI 3.1).
//!
//! What belongs to one operation stands at its handler. What follows from the table of routes (which key, which token, which
//! headers) and from the table of problems is added here, so that it cannot be said twice and differently.

use super::problem_type::{self, ProblemType};
use crate::{
    routes::{self, Access, RouteInfo},
    settings::WebSettings,
};
use countersign_core::application::Scope;
use serde_json::{Map, Value, json};
use std::collections::BTreeMap;
use utoipa::OpenApi;

#[derive(OpenApi)]
#[openapi(
    paths(
        super::this_key::show,
        super::users::list,
        super::users::put,
        super::users::show,
        super::users::switch_off,
        super::users::reactivate,
        super::authenticators::list,
        super::authenticators::begin,
        super::authenticators::confirm,
        super::authenticators::remove,
        super::backup_codes::show,
        super::backup_codes::make,
        super::tokens::make,
        super::challenges::create,
        super::challenges::show,
        super::challenges::send,
        super::challenges::verify,
        super::challenges::redeem,
    ),
    tags(
        (name = "Keys", description = "The API key of the request."),
        (name = "Challenges", description = "Asking a user for a second step, and getting the result."),
        (name = "Users", description = "The application’s users."),
        (name = "Account-holder tokens", description = "Proof that the account holder is present, without which nothing of theirs changes."),
        (name = "Authenticators", description = "Adding and removing authenticator apps and backup codes."),
    ),
)]
struct Described;

const ABOUT: &str = "Two-factor authentication for an application that keeps its own password page. Every request needs an API key of the \
    application; changes to a user’s second step also need the account holder’s own token. Errors are RFC 9457 problems whose `type` is an address below `/api/errors/`.";

/// The pattern of `{id}` and of every other id that is made here.
const UUID: &str = "^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$";

/// The extensions by which a handler's description says what is added here.
const PROBLEMS: &str = "x-problems";
const ACCOUNT_HOLDER: &str = "x-account-holder";

/// The whole document.
pub(crate) fn document(settings: &WebSettings) -> Value {
    let mut document = serde_json::to_value(Described::openapi()).unwrap_or_else(|error| {
        tracing::error!(%error, "the description of the API cannot be written as JSON");
        json!({})
    });
    document["info"] = json!({
        "title": "Countersign API", "version": settings.assets_version, "description": ABOUT,
        "license": {"name": "Apache-2.0", "identifier": "Apache-2.0"},
    });
    document["servers"] = json!([{"url": settings.base()}]);
    document["components"]["securitySchemes"] = json!({"apiKey": {
        "type": "http", "scheme": "bearer",
        "description": "An API key of the application: `Authorization: Bearer csk_…`. The examples read it from the environment variable `COUNTERSIGN_API_KEY`.",
    }});
    document["components"]["schemas"]["Problem"] = problem_schema();
    for route in routes::table() {
        let Some(needs) = Needs::of(route) else { continue };
        let method = route.method.as_str().to_ascii_lowercase();
        if let Some(operation) = document["paths"][route.path].get_mut(&method) {
            finish(operation, route, &needs);
        }
    }
    refine(&mut document["components"]["schemas"]);
    document
}

/// What an operation needs besides its path and body.
struct Needs {
    /// `None`: every key will do.
    scope: Option<Scope>,
    alone: bool,
    holder: bool,
}

impl Needs {
    fn of(route: &RouteInfo) -> Option<Self> {
        match route.access {
            Access::ApiKey => Some(Self { scope: None, alone: false, holder: false }),
            Access::Api(scope) => Some(Self { scope: Some(scope), alone: false, holder: false }),
            Access::ApiAlone(scope) => Some(Self { scope: Some(scope), alone: true, holder: false }),
            Access::ApiHolder => Some(Self { scope: Some(Scope::Authenticators), alone: true, holder: true }),
            _ => None,
        }
    }
}

fn finish(operation: &mut Value, route: &RouteInfo, needs: &Needs) {
    let has_body = operation.get("requestBody").is_some();
    let Some(members) = operation.as_object_mut() else { return };
    let own = members.remove(PROBLEMS).unwrap_or_default();
    let optional_holder = members.remove(ACCOUNT_HOLDER).is_some();
    members.insert(
        "security".to_owned(),
        json!([{"apiKey": needs.scope.iter().map(|scope| scope.as_str()).collect::<Vec<_>>()}]),
    );
    let mut parameters =
        members.remove("parameters").and_then(|all| all.as_array().cloned()).unwrap_or_default();
    parameters.extend(path_parameters(route.path));
    parameters.extend(header_parameters(route, needs.holder, optional_holder));
    members.insert("parameters".to_owned(), parameters.into());
    let own =
        own.as_array().into_iter().flatten().filter_map(Value::as_str).filter_map(problem_type::by_slug);
    let common = common_problems(route, needs, has_body).filter_map(problem_type::by_slug);
    let kinds: Vec<&'static ProblemType> = own.chain(common).collect();
    let responses = members.entry("responses").or_insert_with(|| json!({}));
    if let Some(responses) = responses.as_object_mut() {
        for response in responses.values_mut() {
            response["headers"] = headers(None);
        }
        responses.extend(problem_responses(kinds.into_iter()));
    }
}

fn common_problems(
    route: &RouteInfo,
    needs: &Needs,
    has_body: bool,
) -> impl Iterator<Item = &'static str> + use<> {
    let (post, put) = (route.method == http::Method::POST, route.method == http::Method::PUT);
    let lists: [(bool, &[&str]); 7] = [
        (
            true,
            &[
                "malformed-request",
                "api-key-refused",
                "too-many-wrong-keys",
                "rate-limited",
                "internal",
                "unavailable",
            ],
        ),
        (needs.scope.is_some(), &["scope-missing"]),
        (needs.alone, &["actor-may-not-change"]),
        (needs.holder, &["account-holder-token-refused"]),
        (post, &["bad-idempotency-key", "request-in-progress", "idempotency-key-reused"]),
        (post || put, &["malformed-json", "body-too-large"]),
        (has_body, &["content-type", "invalid-value"]),
    ];
    lists.into_iter().filter(|(holds, _)| *holds).flat_map(|(_, slugs)| slugs.iter().copied())
}

fn path_parameters(path: &str) -> Vec<Value> {
    let names = path.split('/').filter_map(|part| part.strip_prefix('{')?.strip_suffix('}'));
    names.map(|name| match name {
        "user" => json!({
            "name": "user", "in": "path", "required": true,
            "description": "The application’s own id of the user, percent-encoded: `/` is `%2F`.",
            "schema": {"type": "string", "minLength": 1, "maxLength": 128, "pattern": "^[!-~]+$", "not": {"enum": [".", ".."]}},
            "example": "user_42",
        }),
        name => json!({
            "name": name, "in": "path", "required": true, "description": "The id from the response.",
            "schema": {"type": "string", "format": "uuid", "pattern": UUID},
            "example": "01890000-0000-7000-8000-000000000000",
        }),
    })
    .collect()
}

fn header_parameters(route: &RouteInfo, holder: bool, optional_holder: bool) -> Vec<Value> {
    let header = |name: &str, required: bool, about: &str, schema: Value| json!({"name": name, "in": "header", "required": required, "description": about, "schema": schema});
    let mut headers = vec![header(
        "Countersign-Actor",
        false,
        "The administrator acting for the user. Required when someone else is acting; it blocks security changes.",
        json!({"type": "string", "minLength": 1, "maxLength": 128, "pattern": "^[!-~]+$"}),
    )];
    if holder || optional_holder {
        headers.push(header(
            "Countersign-Account-Holder",
            holder,
            "The account-holder token of this user.",
            json!({"type": "string", "pattern": "^cst_[A-Za-z0-9_-]{43}$"}),
        ));
    }
    if route.method == http::Method::POST {
        headers.push(header(
            "Idempotency-Key",
            false,
            "A random value for this request. Send the same request with the same value again, and you get the first response, for an hour.",
            json!({"type": "string", "minLength": 1, "maxLength": 255, "pattern": "^[!-~]+$"}),
        ));
    }
    headers
}

fn headers(status: Option<u16>) -> Value {
    let text = |about: &str| json!({"description": about, "schema": {"type": "string"}});
    let mut headers = json!({
        "RateLimit-Policy": text("How many requests the application may send in a window: `\"default\";q=600;w=60`."),
        "RateLimit": text("How many are left, and in how many seconds the next window begins: `\"default\";r=599;t=60`."),
        "X-Request-Id": text("The number of the request in the server’s log."),
    });
    if matches!(status, Some(409 | 429 | 503)) {
        headers["Retry-After"] = text("Whole seconds to wait.");
    }
    if status == Some(401) {
        headers["WWW-Authenticate"] = text("`Bearer`");
    }
    headers
}

/// One response for each status, with every problem that has it as an example.
fn problem_responses(kinds: impl Iterator<Item = &'static ProblemType>) -> Map<String, Value> {
    let mut by_status: BTreeMap<u16, BTreeMap<&str, &ProblemType>> = BTreeMap::new();
    for kind in kinds {
        by_status.entry(kind.status).or_default().insert(kind.slug, kind);
    }
    let response = |(status, kinds): (u16, BTreeMap<&str, &ProblemType>)| {
        let titles: Vec<&str> = kinds.values().map(|kind| kind.title).collect();
        let types: Vec<String> = kinds.values().map(|kind| kind.reference()).collect();
        let examples: Map<String, Value> = kinds
            .iter()
            .map(|(slug, kind)| ((*slug).to_owned(), json!({"summary": kind.title, "value": example(kind)})))
            .collect();
        let schema = json!({"allOf": [
            {"$ref": "#/components/schemas/Problem"},
            {"properties": {"type": {"enum": types}, "status": {"const": status}}},
        ]});
        let content = json!({"application/problem+json": {"schema": schema, "examples": examples}});
        let response = json!({"description": titles.join(". ") + ".", "headers": headers(Some(status)), "content": content});
        (status.to_string(), response)
    };
    by_status.into_iter().map(response).collect()
}

/// A problem as it could be answered.
pub(super) fn example(kind: &ProblemType) -> Value {
    let mut body = json!({
        "type": kind.reference(), "title": kind.title, "status": kind.status, "detail": kind.remedy,
    });
    for (name, _) in kind.members {
        let value = match *name {
            "retry_after" => json!(30),
            "field" => json!("/user"),
            "scope" => json!("challenges"),
            "header" => json!("countersign-actor"),
            "reason" => json!("wrong"),
            "expected" => json!("a string"),
            // Only there where it explains something.
            _ => continue,
        };
        body[*name] = value;
    }
    body
}

fn problem_schema() -> Value {
    json!({
        "type": "object",
        "description": "A problem (RFC 9457). `type` says which; `detail` is a sentence about this very one.",
        "required": ["type", "title", "status", "detail"],
        "properties": {
            "type": {"type": "string", "format": "uri-reference", "pattern": "^/api/errors/[a-z-]+$"},
            "title": {"type": "string"},
            "status": {"type": "integer", "minimum": 400, "maximum": 599},
            "detail": {"type": "string"},
            "retry_after": {"type": "integer", "minimum": 1},
            "field": {"type": "string"},
            "expected": {"type": "string"},
            "scope": {"type": "string"},
            "header": {"type": "string"},
            "reason": {"type": "string"},
            "attempts_left": {"type": "integer", "minimum": 0},
            "phone_off_by_seconds": {"type": "integer"},
        },
    })
}

/// What a derived schema cannot say: bodies take no other members, and some members belong together.
fn refine(schemas: &mut Value) {
    for name in [
        "UserDraft",
        "AuthenticatorDraft",
        "Confirmation",
        "ChallengeDraft",
        "CodeRequest",
        "CodeTyped",
        "Redemption",
    ] {
        schemas[name]["additionalProperties"] = false.into();
    }
    schemas["AuthenticatorDraft"]["properties"]["type"] = json!({
        "const": "app", "example": "app", "description": "An authenticator app is all that can be set up here.",
    });
    schemas["ChallengeDraft"]["dependentRequired"] = json!({"state": ["return_to"]});
    let one = |name: &str, schema: Value| json!({"type": "object", "required": [name], "properties": {name: schema}, "additionalProperties": false});
    let challenge = json!({
        "type": "string", "format": "uuid", "pattern": UUID, "example": "01890000-0000-7000-8000-000000000000",
        "description": "A challenge that the account holder has just answered. It can be exchanged for one token.",
    });
    let first = json!({
        "const": true, "example": true,
        "description": "The account holder has no authenticator app yet, and is in a session of their own with the application.",
    });
    schemas["TokenDraft"] = json!({
        "description": "What the token is based on: one of the two.",
        "oneOf": [one("challenge", challenge), one("first_enrolment", first)],
    });
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    fn sample() -> Value {
        document(&WebSettings {
            public_url: "https://login.example.org".parse().unwrap(),
            secure_cookies: true,
            trusted_proxies: Vec::new(),
            service_name: "Countersign".into(),
            security_contact: None,
            support: crate::views::SupportContacts::default(),
            channel_is_up: None,
            api_requests_per_minute: 600,
            assets_version: "1.2.3".into(),
            dev_outbox: None,
            stopping: std::sync::Arc::default(),
            metrics: None,
        })
    }

    fn operations(document: &Value) -> Vec<(String, Value)> {
        let paths = document["paths"].as_object().unwrap();
        let each = paths.iter().flat_map(|(path, methods)| {
            let methods = methods.as_object().unwrap();
            methods.iter().map(move |(method, operation)| {
                (format!("{} {path}", method.to_uppercase()), operation.clone())
            })
        });
        each.collect()
    }

    #[test]
    fn the_document_and_the_table_of_routes_name_the_same_operations() {
        let described: BTreeSet<String> = operations(&sample()).into_iter().map(|(name, _)| name).collect();
        let built: BTreeSet<String> = routes::table()
            .iter()
            .filter(|route| Needs::of(route).is_some())
            .map(|route| format!("{} {}", route.method, route.path))
            .collect();
        assert_eq!(described, built);
    }

    #[test]
    fn it_says_what_it_describes() {
        let document = sample();
        assert!(document["openapi"].as_str().unwrap().starts_with("3.1."));
        assert_eq!(document["info"]["version"], "1.2.3");
        assert_eq!(document["servers"][0]["url"], "https://login.example.org");
    }

    #[test]
    fn every_operation_names_its_scope_its_problems_and_an_id_of_its_own() {
        let document = sample();
        let mut ids = BTreeSet::new();
        for (name, operation) in operations(&document) {
            assert!(ids.insert(operation["operationId"].as_str().unwrap().to_owned()), "{name}");
            let scopes = operation["security"][0]["apiKey"].as_array().unwrap();
            let of_any_key = operation["operationId"] == "getKey";
            assert_eq!(scopes.len(), usize::from(!of_any_key), "{name}");
            assert!(scopes.iter().all(|scope| scope.as_str().unwrap().parse::<Scope>().is_ok()), "{name}");
            assert_eq!(operation["responses"]["403"].is_object(), !of_any_key, "{name}");
            assert!(operation["summary"].is_string(), "{name}");
            for status in ["400", "401", "429", "500", "503"] {
                assert!(operation["responses"][status].is_object(), "{name} {status}");
            }
            assert!(operation.get(PROBLEMS).is_none() && operation.get(ACCOUNT_HOLDER).is_none(), "{name}");
        }
    }

    /// A slug that no table has would be left out in silence.
    #[test]
    fn every_problem_that_a_handler_names_exists_and_each_is_named_somewhere() {
        let described = serde_json::to_value(Described::openapi()).unwrap();
        let mut named = BTreeSet::new();
        for (name, operation) in operations(&described) {
            for slug in operation[PROBLEMS].as_array().into_iter().flatten() {
                let slug = slug.as_str().unwrap();
                assert!(problem_type::by_slug(slug).is_some(), "{name}: {slug}");
            }
        }
        for (_, operation) in operations(&sample()) {
            for (_, response) in operation["responses"].as_object().unwrap() {
                let examples = response["content"]["application/problem+json"]["examples"].as_object();
                named.extend(examples.into_iter().flat_map(|all| all.keys().cloned()));
            }
        }
        // These two are about addresses that are no operation at all.
        named.extend(["not-found".to_owned(), "method-not-allowed".to_owned()]);
        let all: BTreeSet<String> = problem_type::TYPES.iter().map(|kind| kind.slug.to_owned()).collect();
        assert_eq!(named, all);
    }

    /// What `refine` names by hand is there.
    #[test]
    fn every_body_refuses_other_members() {
        let document = sample();
        for (name, operation) in operations(&document) {
            let Some(schema) =
                operation["requestBody"]["content"]["application/json"]["schema"]["$ref"].as_str()
            else {
                continue;
            };
            let schema = document.pointer(schema.trim_start_matches('#')).unwrap();
            let parts = schema["oneOf"].as_array().cloned().unwrap_or_else(|| vec![schema.clone()]);
            for part in parts {
                assert_eq!(part["additionalProperties"], false, "{name}");
                assert!(part["properties"].is_object(), "{name}");
            }
        }
    }
}
