//! The parameters of a protocol request, from a query or a form.

use url::form_urlencoded;

/// Names and values in the order in which they came, each name once.
#[derive(Clone, Default)]
pub struct Parameters {
    pairs: Vec<(String, String)>,
    damaged: bool,
}

impl std::fmt::Debug for Parameters {
    /// The names alone: some values are secrets.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_list().entries(self.pairs.iter().map(|(name, _)| name)).finish()
    }
}

impl Parameters {
    /// What arrived. `damaged` says that something came twice or is no text (RFC 6749 §3.1: no parameter may come more
    /// than once); it is not among the pairs.
    pub fn new(pairs: impl IntoIterator<Item = (String, String)>, damaged: bool) -> Self {
        Self { pairs: pairs.into_iter().collect(), damaged }
    }

    /// A value. One that is empty counts as left out (RFC 6749 §3.1).
    pub fn get(&self, name: &str) -> Option<&str> {
        let (_, value) = self.pairs.iter().find(|(known, _)| known == name)?;
        Some(value.as_str()).filter(|value| !value.is_empty())
    }

    /// Whether something came twice or is no text.
    pub fn is_damaged(&self) -> bool {
        self.damaged
    }

    /// Those with other names than these.
    pub fn without(&self, names: &[&str]) -> Self {
        let kept = self.pairs.iter().filter(|(name, _)| !names.contains(&name.as_str())).cloned();
        Self { pairs: kept.collect(), damaged: self.damaged }
    }

    /// With one more.
    #[must_use]
    pub(super) fn with(mut self, name: &str, value: String) -> Self {
        self.pairs.push((name.to_owned(), value));
        self
    }

    /// Each, in the order in which they came.
    pub(super) fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        self.pairs.iter().map(|(name, value)| (name.as_str(), value.as_str()))
    }

    /// As a query.
    pub fn to_query(&self) -> String {
        form_urlencoded::Serializer::new(String::new()).extend_pairs(&self.pairs).finish()
    }
}
