//! Matches providers: one, those below it, or a pattern. This is the only place that decides it.

use std::collections::BTreeSet;

use globset::GlobMatcher;

use super::runs::{Observed, ObservedNode, ObservedRun};
use super::{Error, Result, suggestion};

/// The providers that a user asks for.
#[derive(Debug)]
pub struct Providers {
    wanted: String,
    glob: GlobMatcher,
}

impl Providers {
    /// Parses `agent://coder`, which includes those below it, or a pattern with `*`.
    ///
    /// # Errors
    /// It is not a valid pattern.
    pub fn read(wanted: &str) -> Result<Providers> {
        let glob = globset::Glob::new(wanted)
            .map_err(|error| Error::ambiguous(format!("--provider: {error}")))?;
        Ok(Providers {
            wanted: wanted.to_owned(),
            glob: glob.compile_matcher(),
        })
    }

    /// Whether a provider matches.
    pub fn has(&self, provider: &str) -> bool {
        let below = provider.strip_prefix(&self.wanted);
        let is_below = below.is_some_and(|rest| {
            rest.is_empty() || rest.starts_with('/') || self.wanted.ends_with('/')
        });
        is_below || self.glob.is_match(provider)
    }

    /// Checks that it is a provider, or suggests one.
    ///
    /// # Errors
    /// It is written with one colon.
    pub fn check(&self) -> Result {
        let wanted = &self.wanted;
        match wanted.split_once(':') {
            Some((scheme, name)) if !name.starts_with("//") => {
                let name = name.trim_start_matches('/');
                Err(Error::ambiguous(format!("`{wanted}` is not a provider"))
                    .hint(format!("did you mean `{scheme}://{name}`?")))
            }
            _ => Ok(()),
        }
    }

    /// A note that no open node is bound to a matching provider, with a suggestion. `is_asked` selects the providers to
    /// consider.
    ///
    /// # Errors
    /// It is not a provider.
    pub fn unknown(
        &self,
        observed: &Observed,
        is_asked: impl Fn(&str) -> bool,
    ) -> Result<Option<String>> {
        let runs = observed.runs();
        let open = runs.filter(|run| !run.status.phase.is_terminal());
        let bound = open
            .flat_map(ObservedRun::nodes)
            .filter_map(ObservedNode::provider);
        let bound: BTreeSet<&str> = bound.filter(|provider| is_asked(provider)).collect();
        if bound.iter().any(|provider| self.has(provider)) {
            return Ok(None);
        }
        self.check()?;
        if bound.is_empty() {
            return Ok(None);
        }
        let wanted = &self.wanted;
        let instead = suggestion(wanted, bound);
        let instead = instead.map_or(String::new(), |instead| format!("; {instead}"));
        Ok(Some(format!(
            "no node of an open run is bound to `{wanted}`{instead}"
        )))
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn who_is_meant() {
        let table = [
            ("tool://make", "tool://make", true),
            ("tool://make", "tool://make/test", true),
            ("tool://make", "tool://maker", false),
            ("tool://", "tool://make", true),
            ("tool://*", "tool://make", true),
            ("agent://*", "tool://make", false),
            ("*", "agent://coder", true),
            ("agent://coder", "agent://coder", true),
            ("agent://code", "agent://coder", false),
            ("somebody", "somebody", true),
        ];
        for (wanted, provider, expected) in table {
            let providers = Providers::read(wanted).unwrap();
            assert_eq!(providers.has(provider), expected, "{wanted}: {provider}");
        }
        assert!(Providers::read("[").is_err());
    }
}
