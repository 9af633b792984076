//! Signatures of status commits, which `status.signers` requires.

use std::collections::BTreeSet;

use super::store::{Store, View};
use super::{Error, Result};
use crate::core::base::limits::CONFIG_FILE;
use crate::core::repository::config::Config;
use crate::core::resource::Time;
use crate::core::run::record::Signature;
use crate::git::signature::{self, SignatureVerifier};

/// Signs a new status commit if required, and refuses a key that nobody would trust.
///
/// # Errors
/// Git cannot sign here, or the key does not belong to a signer.
pub fn signed(store: &Store, view: &View, commit: String, now: Time) -> Result<String> {
    let signers = &view.config.status.signers;
    if signers.is_empty() {
        return Ok(commit);
    }
    let wanted = "the configuration requires signed status commits (`status.signers`)";
    let signed = signature::sign(&store.repo, &commit, now, &store.identity());
    let signed = signed.map_err(|error| {
        Error::forbidden(format!("{wanted}, but {error}")).hint(
            "the reconciler signs with its own key: set `user.signingkey` and `gpg.format` there (`git help config`)",
        )
    })?;
    match objection(store, (&view.config, &view.spec_commit), &signed, now)? {
        None => Ok(signed),
        Some(why) => Err(Error::forbidden(format!("{wanted}, but {why}")).hint(format!(
            "sign with the key of {}, or have it listed in `{}` and in `status.signers` of {CONFIG_FILE}",
            listed(signers),
            view.config.approvals.signers_file()
        ))),
    }
}

/// Why a status commit does not have the signature that a spec commit requires; `None` if it does.
///
/// # Errors
/// An object cannot be read.
pub fn objection(
    store: &Store,
    (config, spec_commit): (&Config, &str),
    commit: &str,
    time: Time,
) -> Result<Option<String>> {
    let signers = &config.status.signers;
    if signers.is_empty() {
        return Ok(None);
    }
    let verifier = SignatureVerifier {
        repo: &store.repo,
        commit: spec_commit,
        approvals: &config.approvals,
        arrival: time,
    };
    let listed = listed(signers);
    Ok(match verifier.check(commit, &listed, signers)? {
        Signature::Good(_) => None,
        Signature::Bad(reason, _) => Some(format!(
            "it is not signed by {listed}, as `status.signers` requires ({reason})"
        )),
        Signature::Unchecked => Some(format!("it is not signed by {listed}")),
    })
}

fn listed(signers: &BTreeSet<String>) -> String {
    let signers: Vec<&str> = signers.iter().map(String::as_str).collect();
    signers.join(" or ")
}
