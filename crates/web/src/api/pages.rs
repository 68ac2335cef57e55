//! The API for people: `/openapi.json`, `/api` and `/api/errors/{type}`.

use super::{
    openapi,
    problem_type::{self, ProblemType},
    this_key::VARIABLE,
};
use crate::{
    app::App,
    extract::{Browser, Id},
    problem::Problem,
    respond::{self, Answer},
    settings::WebSettings,
    shell::shell,
    views::{
        ApiErrorPage, ApiMember, ApiOperation, ApiProblemRow, ApiReferencePage, ApiRow, ApiSection, Shell,
        Span,
    },
};
use axum::{
    extract::State,
    response::{IntoResponse as _, Response},
};
use http::{HeaderValue, StatusCode, header::CONTENT_TYPE};
use serde_json::{Map, Value};

/// `GET /openapi.json`
pub(crate) async fn document(State(app): State<App>) -> Response {
    let kind = HeaderValue::from_static("application/json");
    ([(CONTENT_TYPE, kind)], app.api.document.clone()).into_response()
}

/// `GET /api`
pub(crate) async fn reference(State(app): State<App>, browser: Browser) -> Answer {
    let sections = app.api.reference.0.clone();
    let page = with_sections(shell(&app, &browser, None), sections, &app.settings);
    respond::page(StatusCode::OK, &page)
}

/// The same from the settings alone.
pub(crate) fn reference_page(shell: Shell, settings: &WebSettings) -> ApiReferencePage {
    with_sections(shell, Reference::of(&openapi::document(settings)).0, settings)
}

fn with_sections(shell: Shell, sections: Vec<ApiSection>, settings: &WebSettings) -> ApiReferencePage {
    ApiReferencePage {
        shell,
        base: settings.base(),
        sections,
        problems: problem_type::TYPES.iter().map(|kind| row(kind)).collect(),
    }
}

/// `GET /api/errors/{type}`
pub(crate) async fn error(State(app): State<App>, browser: Browser, Id(slug): Id<String>) -> Answer {
    let kind = problem_type::by_slug(&slug).ok_or(Problem::NotFound)?;
    respond::page(StatusCode::OK, &error_page(shell(&app, &browser, None), kind))
}

/// The page of a kind of problem.
pub(crate) fn error_page(shell: Shell, kind: &ProblemType) -> ApiErrorPage {
    let member =
        |(name, about): &(&str, &str)| ApiMember { name: (*name).to_owned(), about: code_spans(about) };
    ApiErrorPage {
        shell,
        reference: kind.reference(),
        status: kind.status,
        title: kind.title,
        meaning: code_spans(kind.meaning),
        remedy: code_spans(kind.remedy),
        members: kind.members.iter().map(member).collect(),
        example: serde_json::to_string_pretty(&openapi::example(kind)).unwrap_or_default(),
    }
}

/// Cuts a text at its `code`, which stands between backticks.
fn code_spans(text: &str) -> Vec<Span> {
    let piece = |(n, piece): (usize, &str)| Span { code: n % 2 == 1, text: piece.to_owned() };
    text.split('`').enumerate().map(piece).collect()
}

fn row(kind: &ProblemType) -> ApiProblemRow {
    ApiProblemRow { status: kind.status, slug: kind.slug.to_owned(), title: kind.title.to_owned() }
}

/// The document's operations as the page shows them.
pub(crate) struct Reference(Vec<ApiSection>);

impl Reference {
    /// Reads them out of the document, by tag, in the document's order of tags.
    pub(crate) fn of(document: &Value) -> Self {
        let mut sections: Vec<ApiSection> = objects(&document["tags"])
            .map(|tag| ApiSection {
                name: text(&tag["name"]),
                about: text(&tag["description"]),
                operations: Vec::new(),
            })
            .collect();
        for route in crate::routes::table() {
            let method = route.method.as_str();
            let operation = &document["paths"][route.path][method.to_ascii_lowercase()];
            let section = sections.iter_mut().find(|section| section.name == operation["tags"][0]);
            if let Some(section) = section {
                section.operations.push(shown(document, method, route.path, operation));
            }
        }
        Self(sections)
    }
}

fn shown(document: &Value, method: &str, path: &str, operation: &Value) -> ApiOperation {
    let (answers, problems) = answers(&operation["responses"]);
    let body = resolve(document, &operation["requestBody"]["content"]["application/json"]["schema"]);
    ApiOperation {
        anchor: text(&operation["operationId"]),
        method: method.to_owned(),
        path: path.to_owned(),
        summary: text(&operation["summary"]),
        about: code_spans(&text(&operation["description"])),
        scope: text(&operation["security"][0]["apiKey"][0]),
        parameters: objects(&operation["parameters"]).map(parameter).collect(),
        body: members(document, body),
        answers,
        problems,
        curl: curl(document, method, path, operation, body),
    }
}

fn parameter(parameter: &Value) -> ApiRow {
    ApiRow {
        name: text(&parameter["name"]),
        kind: text(&parameter["in"]),
        required: parameter["required"] == true,
        about: code_spans(&text(&parameter["description"])),
    }
}

/// The members of a body: of all its forms, where it has several.
fn members(document: &Value, schema: &Value) -> Vec<ApiRow> {
    let forms = forms(schema);
    let alternative = forms.len() > 1;
    let of_form = |form: &Value| -> Vec<ApiRow> {
        let required =
            |name: &str| form["required"].as_array().is_some_and(|all| all.iter().any(|one| one == name));
        let properties = form["properties"].as_object().into_iter().flatten();
        properties
            .map(|(name, property)| ApiRow {
                name: name.clone(),
                kind: kind(resolve(document, property)),
                required: required(name) && !alternative,
                about: code_spans(&text(&property["description"])),
            })
            .collect()
    };
    let mut all: Vec<ApiRow> = forms.into_iter().flat_map(of_form).collect();
    // What has to be there comes first.
    all.sort_by_key(|row| !row.required);
    all
}

fn forms(schema: &Value) -> Vec<&Value> {
    schema["oneOf"].as_array().map_or_else(|| vec![schema], |forms| forms.iter().collect())
}

fn kind(schema: &Value) -> String {
    if let Some(words) = schema["enum"].as_array() {
        let words: Vec<String> = words.iter().map(text).collect();
        return words.join(", ");
    }
    match &schema["const"] {
        Value::Null => text(&schema["type"]),
        only => only.to_string(),
    }
}

/// What is answered, and with which problems.
fn answers(responses: &Value) -> (Vec<ApiRow>, Vec<ApiProblemRow>) {
    let (mut answers, mut problems) = (Vec::new(), Vec::new());
    for (status, response) in responses.as_object().into_iter().flatten() {
        match response["content"]["application/problem+json"]["examples"].as_object() {
            Some(examples) => {
                let kinds = examples.keys().filter_map(|slug| problem_type::by_slug(slug));
                problems.extend(kinds.map(row));
            }
            None => answers.push(ApiRow {
                name: status.clone(),
                kind: String::new(),
                required: true,
                about: code_spans(&text(&response["description"])),
            }),
        }
    }
    (answers, problems)
}

/// A command to try it with.
fn curl(document: &Value, method: &str, path: &str, operation: &Value, body: &Value) -> String {
    let base = text(&document["servers"][0]["url"]);
    let path = path.replace("{user}", "user_42").replace("{id}", "$ID");
    let mut lines = vec![
        format!("curl -X {method} \"{base}{path}\""),
        format!("  -H \"Authorization: Bearer ${VARIABLE}\""),
    ];
    let wants_token = objects(&operation["parameters"])
        .any(|p| p["name"] == "Countersign-Account-Holder" && p["required"] == true);
    if wants_token {
        lines.push("  -H \"Countersign-Account-Holder: $TOKEN\"".to_owned());
    }
    if method == "POST" {
        lines.push("  -H \"Idempotency-Key: $(uuidgen)\"".to_owned());
    }
    let sample = sample(document, body);
    if !sample.is_empty() {
        lines.push("  -H \"Content-Type: application/json\"".to_owned());
        lines.push(format!("  -d '{}'", Value::Object(sample)));
    }
    lines.join(" \\\n")
}

/// A body with what has to be in it.
fn sample(document: &Value, schema: &Value) -> Map<String, Value> {
    let Some(form) = forms(schema).into_iter().next() else { return Map::new() };
    let required = form["required"].as_array().into_iter().flatten().filter_map(Value::as_str);
    let value = |name: &str| {
        let property = resolve(document, &form["properties"][name]);
        let example = [&property["example"], &property["examples"][0], &property["enum"][0]];
        example.into_iter().find(|value| !value.is_null()).cloned().unwrap_or_else(|| "…".into())
    };
    required.map(|name| (name.to_owned(), value(name))).collect()
}

/// The schema itself, or the one that it refers to.
fn resolve<'a>(document: &'a Value, schema: &'a Value) -> &'a Value {
    let reference = schema["$ref"].as_str().or_else(|| schema["allOf"][0]["$ref"].as_str());
    let found = reference.and_then(|reference| document.pointer(reference.trim_start_matches('#')));
    found.unwrap_or(schema)
}

fn objects(value: &Value) -> impl Iterator<Item = &Value> {
    value.as_array().into_iter().flatten()
}

fn text(value: &Value) -> String {
    value.as_str().unwrap_or_default().to_owned()
}
