//! The pages about the API.

use super::Shell;
use askama::Template;

/// `GET /api`: every operation, with a command to try it.
#[derive(Template)]
#[template(path = "api.html")]
pub struct ApiReferencePage {
    /// What surrounds the page.
    pub shell: Shell,
    /// The address that every path follows.
    pub base: String,
    /// The operations, by what they are about.
    pub sections: Vec<ApiSection>,
    /// Every kind of problem.
    pub problems: Vec<ApiProblemRow>,
}

/// Operations about one thing.
#[derive(Clone)]
pub struct ApiSection {
    /// For example `"Challenges"`.
    pub name: String,
    /// One sentence.
    pub about: String,
    /// The operations.
    pub operations: Vec<ApiOperation>,
}

impl ApiSection {
    /// Its name as the end of an address on the page.
    #[must_use]
    pub fn anchor(&self) -> String {
        self.name.to_lowercase().replace(' ', "-")
    }
}

/// One operation.
#[derive(Clone)]
pub struct ApiOperation {
    /// Its name, as the end of an address on the page.
    pub anchor: String,
    /// The method.
    pub method: String,
    /// The path, with placeholders.
    pub path: String,
    /// What it does, in a few words.
    pub summary: String,
    /// What it does, in sentences; may be nothing.
    pub about: Vec<Span>,
    /// The scope that the key needs; empty where every key will do.
    pub scope: String,
    /// Parameters in path, query and headers.
    pub parameters: Vec<ApiRow>,
    /// The members of the body.
    pub body: Vec<ApiRow>,
    /// What it answers when it does what was asked.
    pub answers: Vec<ApiRow>,
    /// What it answers when it does not.
    pub problems: Vec<ApiProblemRow>,
    /// A command to try it with.
    pub curl: String,
}

impl ApiOperation {
    /// Whether there is more to say than the summary.
    #[must_use]
    pub fn has_about(&self) -> bool {
        self.about.iter().any(|span| !span.text.is_empty())
    }
}

/// A parameter, a member or an answer.
#[derive(Clone)]
pub struct ApiRow {
    /// Its name, or a status.
    pub name: String,
    /// Where it stands, or which values it has; may be empty.
    pub kind: String,
    /// Whether it has to be there.
    pub required: bool,
    /// What it is for.
    pub about: Vec<Span>,
}

/// A stretch of a text.
#[derive(Clone)]
pub struct Span {
    /// Whether it is code.
    pub code: bool,
    /// The text.
    pub text: String,
}

/// A member of a problem.
#[derive(Clone)]
pub struct ApiMember {
    /// Its name.
    pub name: String,
    /// What it says.
    pub about: Vec<Span>,
}

/// A kind of problem, in a list.
#[derive(Clone)]
pub struct ApiProblemRow {
    /// The status.
    pub status: u16,
    /// The last part of its type.
    pub slug: String,
    /// Its title.
    pub title: String,
}

/// `GET /api/errors/{type}`: one kind of problem.
#[derive(Template)]
#[template(path = "api_error.html")]
pub struct ApiErrorPage {
    /// What surrounds the page.
    pub shell: Shell,
    /// The `type`.
    pub reference: String,
    /// The status.
    pub status: u16,
    /// The title.
    pub title: &'static str,
    /// What has happened.
    pub meaning: Vec<Span>,
    /// What to do about it.
    pub remedy: Vec<Span>,
    /// The members that it has beside the five of RFC 9457.
    pub members: Vec<ApiMember>,
    /// How it may look.
    pub example: String,
}
