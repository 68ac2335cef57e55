//! Moments on pages.

use std::fmt;

/// A moment as a `<time>` element: in UTC as it is sent, and in the reader's time zone where script runs
/// (`assets/app.js`). It is rendered without escaping, so it is made of figures and names of months only; see
/// `crate::times`, which makes every one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Time {
    datetime: String,
    text: String,
    form: TimeForm,
}

/// How a [`Time`] is shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum TimeForm {
    /// Day and time of day.
    Moment,
    /// The day only.
    Day,
    /// The time of day only.
    Clock,
    /// How long ago. Script adds the moment, and leaves the text.
    Ago,
}

impl Time {
    pub(crate) fn new(datetime: String, text: String, form: TimeForm) -> Self {
        Self { datetime, text, form }
    }

    /// What is read without script.
    #[must_use]
    pub fn text(&self) -> &str {
        &self.text
    }
}

impl fmt::Display for Time {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let form = match self.form {
            TimeForm::Moment => "moment",
            TimeForm::Day => "day",
            TimeForm::Clock => "clock",
            TimeForm::Ago => "ago",
        };
        write!(f, "<time datetime=\"{}\" data-form=\"{form}\">{}</time>", self.datetime, self.text)
    }
}

impl askama::filters::HtmlSafe for Time {}
