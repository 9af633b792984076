//! Which providers somebody means: one, what lies below it, or whatever a pattern matches. It is decided here alone.

use std::collections::BTreeSet;

use globset::GlobMatcher;

use super::runs::{Observed, ObservedNode, ObservedRun};
use super::{Error, Result, suggestion};

/// The providers that somebody means.
#[derive(Debug)]
pub struct Providers {
    wanted: String,
    glob: GlobMatcher,
}

impl Providers {
    /// `agent://coder`, with what lies below it; or a pattern with `*`.
    ///
    /// # Errors
    /// It is no pattern.
    pub fn read(wanted: &str) -> Result<Providers> {
        let glob = globset::Glob::new(wanted)
            .map_err(|error| Error::ambiguous(format!("--provider: {error}")))?;
        Ok(Providers {
            wanted: wanted.to_owned(),
            glob: glob.compile_matcher(),
        })
    }

    /// Whether a provider is meant.
    pub fn has(&self, provider: &str) -> bool {
        let below = provider.strip_prefix(&self.wanted);
        let is_below = below.is_some_and(|rest| {
            rest.is_empty() || rest.starts_with('/') || self.wanted.ends_with('/')
        });
        is_below || self.glob.is_match(provider)
    }

    /// That it is no provider at all, and which one was probably meant.
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

    /// That nothing that is open is bound to one of them, and what was probably meant. `is_asked` says which providers are
    /// asked about at all.
    ///
    /// # Errors
    /// It is no provider.
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
