//! The pages: parses, calls one flow, renders.
//!
//! - [`routes`]: every route and who may use it, in one table from which the router is built.
//! - `extract`: what a handler asks for: the browser, an own session, a waiting sign-in, a form.
//! - `pages`: one file for each page; [`views`] and the templates say what they show.
//! - `forward_auth`: the answers to reverse proxies that ask who may see a page.
//! - [`api`]: the same for applications' own servers, in JSON.
//! - `openid_connect`: the endpoints at which applications sign people in; `onward`: where a form may lead in the end.
//! - `guard`: what holds for every request: foreign origins, security headers, time limits, error pages.
//! - `flash`: what an answer says has happened, for the next page to show once.
//! - `words`: every refusal as a sentence for a person.
//!
//! A handler never decides who may do something: it asks for the type that proves it. Rules are not here either; they
//! are in the core, and the flows apply them.

pub mod api;
mod app;
mod client_address;
mod cookies;
mod csrf;
mod extract;
mod flash;
mod forward_auth;
mod guard;
mod notice;
mod onward;
mod openid_connect;
mod pages;
mod problem;
mod qr;
mod respond;
mod return_to;
pub mod routes;
mod settings;
mod shell;
mod times;
pub mod views;
mod words;

pub use routes::{Access, RouteInfo, router, table};
pub use settings::{DevMessageView, DevMessages, WebSettings};
pub use views::SupportContacts;
