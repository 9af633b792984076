//! Whether one commit meets the criteria of a plan, by attestations for exactly this commit.

use serde::{Deserialize, Serialize};
use serde_with::skip_serializing_none;

use crate::core::base::digest::short;
use crate::core::base::words::shortened;
use crate::core::repository::config::is_person;
use crate::core::resource::{Attested, ContractCriterion, CriterionResult, is_zero};
use crate::core::run::permit::{are_for, broken};
use crate::core::run::record::{RECORD_API_VERSION, verdict_ref};

/// Maximum number of characters of evidence that are shown.
const SAID_SHOWN: usize = 120;

/// A required criterion.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Wanted {
    /// Its id.
    pub id: String,
    /// What must hold.
    pub description: String,
    /// Whether checks decide it.
    pub has_checks: bool,
    /// Whether it can only be observed after deployment.
    pub observable: bool,
}

/// An attestation of a criterion.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Word {
    /// The id of the criterion.
    pub criterion: String,
    /// The actor.
    pub actor: String,
    /// Whether it is met.
    pub met: bool,
    /// The commit; `None` if none was named.
    pub commit: Option<String>,
    /// Whether it is from checks.
    pub is_check: bool,
    /// The evidence, in words.
    pub evidence: String,
}

impl From<&Attested> for Word {
    fn from(said: &Attested) -> Word {
        Word {
            criterion: said.criterion.clone(),
            actor: said.actor.clone(),
            met: said.met,
            commit: said.commit.clone(),
            is_check: !said.results.is_empty(),
            evidence: said.evidence.clone().unwrap_or_default(),
        }
    }
}

/// The state of a criterion for a commit.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Standing {
    /// It is met; names the actors.
    Met(Vec<String>),
    /// It can only be observed later.
    Later,
    /// It is not attested, or attested as not met; says why in a sentence.
    Missing(String),
}

/// The state of a criterion by all attestations. `is_same` returns whether another commit has the same content.
pub fn stands(
    wanted: &Wanted,
    words: &[Word],
    (commit, is_same): (&str, &dyn Fn(&str) -> bool),
    after_deployment: bool,
) -> Standing {
    if wanted.observable && !after_deployment {
        return Standing::Later;
    }
    let own: Vec<&Word> = words
        .iter()
        .filter(|one| one.criterion == wanted.id)
        .collect();
    let here = |one: &&&Word| one.commit.as_deref().is_some_and(is_same);
    // A negative attestation without a commit applies to every commit.
    let mut against = own
        .iter()
        .filter(|one| !one.met && (one.commit.is_none() || here(one)));
    if let Some(no) = against.next() {
        let said = shortened(&no.evidence, SAID_SHOWN);
        let colon = if said.is_empty() { "" } else { ": " };
        return Standing::Missing(format!(
            "{} says that it does not hold{colon}{said}",
            no.actor
        ));
    }
    let counts = |one: &&&Word| one.met && (one.is_check || !wanted.has_checks);
    let by = own.iter().filter(here).filter(counts);
    let by: Vec<String> = by.map(|one| one.actor.clone()).collect();
    if !by.is_empty() {
        return Standing::Met(by);
    }
    let how = if wanted.has_checks {
        "checked"
    } else {
        "attested"
    };
    let elsewhere = own
        .iter()
        .rev()
        .filter(counts)
        .find_map(|one| one.commit.as_deref());
    let unbound = own.iter().any(|one| one.met && one.commit.is_none());
    let commit = short(commit);
    Standing::Missing(match elsewhere {
        Some(other) => format!("it was {how} at {}, not at {commit}", short(other)),
        None if unbound && !wanted.has_checks => {
            format!("it was attested without a commit, not for {commit}")
        }
        None => format!("nobody has {how} it at {commit}"),
    })
}

/// An attestation of a document's criterion for one commit: a record on a separate ref.
#[skip_serializing_none]
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Verdict {
    /// `records.planspec.io/v1`
    pub api_version: String,
    /// `Verdict`
    pub kind: String,
    /// The `plan_id` of the document.
    pub plan: String,
    /// The commit.
    pub commit: String,
    /// The id of the criterion.
    pub criterion: String,
    /// Whether it is met.
    pub met: bool,
    /// The evidence, in words.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub evidence: String,
    /// One result for each check of the criterion, in order.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub results: Vec<CriterionResult>,
    /// The actor.
    pub actor: String,
    /// The time of the actor's clock; for display only.
    pub time: String,
    /// Makes equal records different commits.
    pub nonce: String,
    /// Minor version of the format.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub minor: u32,
}

/// The kind of such a record.
pub const VERDICT: &str = "Verdict";

impl Verdict {
    /// Checks that it is valid for a document with these criteria.
    ///
    /// # Errors
    /// It is not; says why in a sentence.
    pub fn check(
        &self,
        (name, plan, commit): (&str, &str, &str),
        criteria: &[ContractCriterion],
    ) -> Result<(), String> {
        if self.api_version != RECORD_API_VERSION || self.kind != VERDICT {
            return Err(format!("it is no {VERDICT} of {RECORD_API_VERSION}"));
        }
        let is_placed = self.plan.eq_ignore_ascii_case(plan)
            && self.commit == commit
            && verdict_ref(plan, commit, &self.criterion, &self.actor) == name;
        if !is_placed {
            return Err("it was made for another document, commit, criterion or actor".to_owned());
        }
        let mut all = criteria.iter();
        let criterion = all.find(|one| one.id == self.criterion);
        let criterion = criterion
            .ok_or_else(|| format!("the document has no criterion `{}`", self.criterion))?;
        self.may_say(criterion)
    }

    /// Checks who may say it: if the criterion has checks, their results must say that it is met; if it is manual, a
    /// person.
    ///
    /// # Errors
    /// The actor may not; says why in a sentence.
    pub fn may_say(&self, criterion: &ContractCriterion) -> Result<(), String> {
        let id = &criterion.id;
        if !self.results.is_empty() {
            are_for(&criterion.checks, &self.results).map_err(|refusal| refusal.message)?;
            if self.met != broken(&criterion.checks, &self.results).is_empty() {
                return Err(format!(
                    "what it says of `{id}` does not follow from its results"
                ));
            }
        } else if self.met && !criterion.checks.is_empty() {
            return Err(format!("`{id}` has checks, which decide"));
        }
        if self.met && criterion.manual && !is_person(&self.actor) {
            let actor = &self.actor;
            return Err(format!(
                "only a person can say that `{id}` is met, and {actor} is not one"
            ));
        }
        Ok(())
    }
}

impl From<&Verdict> for Word {
    fn from(said: &Verdict) -> Word {
        Word {
            criterion: said.criterion.clone(),
            actor: said.actor.clone(),
            met: said.met,
            commit: Some(said.commit.clone()),
            is_check: !said.results.is_empty(),
            evidence: said.evidence.clone(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HERE: &str = "1111111111111111111111111111111111111111";
    const THERE: &str = "2222222222222222222222222222222222222222";

    fn wanted(has_checks: bool, observable: bool) -> Wanted {
        Wanted {
            id: "fast".to_owned(),
            description: "d".to_owned(),
            has_checks,
            observable,
        }
    }

    fn word(actor: &str, met: bool, commit: Option<&str>, is_check: bool) -> Word {
        Word {
            criterion: "fast".to_owned(),
            actor: actor.to_owned(),
            met,
            commit: commit.map(str::to_owned),
            is_check,
            evidence: String::new(),
        }
    }

    fn told(wanted: &Wanted, words: &[Word], after: bool) -> String {
        match stands(wanted, words, (HERE, &|commit| commit == HERE), after) {
            Standing::Met(by) => format!("met by {}", by.join(", ")),
            Standing::Later => "later".to_owned(),
            Standing::Missing(why) => why,
        }
    }

    #[test]
    fn only_what_was_said_of_this_commit_counts() {
        let (by_word, by_check) = (wanted(false, false), wanted(true, false));
        let table: [(&Wanted, &[Word], &str); 10] = [
            (&by_word, &[], "nobody has attested it at 111111111111"),
            (&by_check, &[], "nobody has checked it at 111111111111"),
            (
                &by_word,
                &[word("ana", true, Some(HERE), false)],
                "met by ana",
            ),
            (
                &by_word,
                &[word("ana", true, Some(THERE), false)],
                "it was attested at 222222222222, not at 111111111111",
            ),
            (
                &by_word,
                &[word("ana", true, None, false)],
                "it was attested without a commit, not for 111111111111",
            ),
            // If checks decide, an attestation is not enough.
            (
                &by_check,
                &[word("ana", true, Some(HERE), false)],
                "nobody has checked it at 111111111111",
            ),
            (
                &by_check,
                &[word("ci", true, Some(HERE), true)],
                "met by ci",
            ),
            (
                &by_check,
                &[
                    word("ci", true, Some(HERE), true),
                    word("ben", false, Some(HERE), false),
                ],
                "ben says that it does not hold",
            ),
            (
                &by_check,
                &[
                    word("ci", true, Some(HERE), true),
                    word("ben", false, None, false),
                ],
                "ben says that it does not hold",
            ),
            // An error of another commit does not apply to this one.
            (
                &by_check,
                &[
                    word("ci", true, Some(HERE), true),
                    word("ben", false, Some(THERE), false),
                ],
                "met by ci",
            ),
        ];
        for (wanted, words, expected) in table {
            let told = told(wanted, words, false).replace(short(HERE), "111111111111");
            let told = told.replace(short(THERE), "222222222222");
            assert_eq!(told, expected, "{words:?}");
        }
    }

    #[test]
    fn what_shows_by_itself_is_asked_for_after_the_deployment() {
        let wanted = wanted(false, true);
        assert_eq!(told(&wanted, &[], false), "later");
        assert!(told(&wanted, &[], true).starts_with("nobody has attested it"));
        let words = [word("ana", true, Some(HERE), false)];
        assert_eq!(told(&wanted, &words, true), "met by ana");
    }

    #[test]
    fn a_verdict_counts_for_its_place_alone() {
        let criterion = |id: &str, manual| ContractCriterion {
            id: id.to_owned(),
            description: "d".to_owned(),
            kind: crate::core::resource::CriterionOf::SuccessCriterion,
            required: true,
            manual,
            checks: Vec::new(),
        };
        let all = [criterion("fast", false), criterion("seen", true)];
        let verdict = |criterion: &str, actor: &str| Verdict {
            api_version: RECORD_API_VERSION.to_owned(),
            kind: VERDICT.to_owned(),
            plan: "P".to_owned(),
            commit: HERE.to_owned(),
            criterion: criterion.to_owned(),
            met: true,
            evidence: String::new(),
            results: Vec::new(),
            actor: actor.to_owned(),
            time: String::new(),
            nonce: String::new(),
            minor: 0,
        };
        let name = |criterion: &str, actor: &str| verdict_ref("p", HERE, criterion, actor);
        let check = |said: &Verdict, name: &str| said.check((name, "p", HERE), &all);
        assert_eq!(check(&verdict("fast", "ci"), &name("fast", "ci")), Ok(()));
        assert!(check(&verdict("fast", "ci"), &name("fast", "ana")).is_err());
        assert!(check(&verdict("fast", "ci"), &name("seen", "ci")).is_err());
        let why = check(&verdict("seen", "agent:a"), &name("seen", "agent:a"));
        assert_eq!(
            why,
            Err("only a person can say that `seen` is met, and agent:a is not one".to_owned())
        );
        assert_eq!(check(&verdict("seen", "ana"), &name("seen", "ana")), Ok(()));
        let why = check(&verdict("slow", "ana"), &name("slow", "ana"));
        assert_eq!(why, Err("the document has no criterion `slow`".to_owned()));
    }
}
