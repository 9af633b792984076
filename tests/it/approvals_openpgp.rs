//! `approvals.requireSigned` with OpenPGP keys, where `gpg` is installed.

use crate::approvals::{Forgery, refused};
use crate::resources::{execution, file, gate, gate_node, plan, task};
use crate::sandbox::{Place, Sandbox, text};

/// Whether `gpg` is installed; a test without it says that it proves nothing.
#[allow(clippy::print_stderr)]
fn gpg_is_here() -> bool {
    let here = std::process::Command::new("gpg")
        .arg("--version")
        .output()
        .is_ok_and(|ran| ran.status.success());
    if !here {
        eprintln!("skipped: gpg is not installed");
    }
    here
}

/// A home for gpg whose agent ends with the test.
struct Keyring<'a> {
    place: &'a Place<'a>,
    home: std::path::PathBuf,
}

impl<'a> Keyring<'a> {
    fn new(place: &'a Place<'a>) -> Keyring<'a> {
        use std::os::unix::fs::DirBuilderExt;
        let home = place.dir.join("../gnupg");
        std::fs::DirBuilder::new()
            .mode(0o700)
            .create(&home)
            .unwrap();
        Keyring { place, home }
    }

    /// Runs gpg with the clock at a given day.
    fn gpg(&self, day: &str, args: &[&str]) -> String {
        let ran = self
            .place
            .command("gpg")
            .env("GNUPGHOME", &self.home)
            .args([
                "--batch",
                "--quiet",
                "--pinentry-mode=loopback",
                "--passphrase=",
            ])
            .args(["--faked-system-time", day])
            .args(args)
            .output()
            .unwrap();
        let errors = String::from_utf8_lossy(&ran.stderr);
        assert!(ran.status.success(), "gpg {args:?}: {errors}");
        String::from_utf8(ran.stdout).unwrap()
    }

    /// Makes a key in January 2026.
    fn key(&self, user: &str, expires: &str) {
        self.gpg(
            "20260102T000000",
            &["--quick-generate-key", user, "ed25519", "sign", expires],
        );
    }

    /// Puts the key of a user onto the spec branch under a name.
    fn publish(&self, mail: &str, name: &str) {
        let key = self.gpg("20260120T000000", &["--armor", "--export", mail]);
        self.place
            .publish(&format!(".planspec/keys/{name}.asc"), key);
    }

    /// Lets Git sign with this key from now on, with the clock at a given day.
    fn sign_with(&self, mail: &str, day: &str) {
        let script = format!(
            "#!/bin/sh\nGNUPGHOME='{}' exec gpg --batch --pinentry-mode=loopback --passphrase= \
             --faked-system-time {day} \"$@\"\n",
            self.home.display()
        );
        self.place.write_executable(".git/gpg-that-day", &script);
        let program = self.place.dir.join(".git/gpg-that-day");
        self.place
            .git(&format!("config gpg.program {}", program.display()));
        self.place.git(&format!("config user.signingkey {mail}"));
    }
}

impl Drop for Keyring<'_> {
    fn drop(&mut self) {
        let mut kill = self.place.command("gpgconf");
        let _ = kill
            .env("GNUPGHOME", &self.home)
            .args(["--kill", "gpg-agent"])
            .output();
    }
}

fn waiting(sandbox: &Sandbox) -> Place<'_> {
    let solo = sandbox.repository("solo");
    let nodes = [gate_node("ok", "sign"), task("go").after("ok")];
    solo.write(".planspec.yaml", "approvals: {requireSigned: true}\n")
        .publish(
            "planspec/all.yaml",
            file(&[plan("p", &nodes), gate("sign", "p"), execution("run", "p")]),
        );
    solo.run("reconcile").ok();
    solo
}

const ANA: &str = "ana@example.com";
const TODAY: &str = "20260131T110000";

/// An approval in the name of ana, signed with the current key.
fn approval<'a>() -> Forgery<'a> {
    Forgery {
        actor: ANA,
        git: "",
        sign: "-S",
    }
}

#[test]
fn an_approval_that_is_signed_with_an_openpgp_key_counts() {
    if !gpg_is_here() {
        return;
    }
    let sandbox = Sandbox::new();
    let solo = waiting(&sandbox);
    let keys = Keyring::new(&solo);
    keys.key("Ana <ana@example.com>", "never");
    keys.publish(ANA, ANA);
    keys.sign_with(ANA, TODAY);
    solo.run("approve sign --reconcile").ok();
    assert_eq!(solo.node_phase("run/ok"), "Succeeded");
    let signed = solo.node("run/ok")["extensions"]["decision"]["reviews"][0]["signed"].clone();
    assert_eq!(signed["principal"], ANA);
    let listing = keys.gpg(TODAY, &["--with-colons", "--list-keys", ANA]);
    assert!(
        listing.contains(&format!(":{}:", text(&signed["key"]))),
        "{listing}"
    );
}

#[test]
fn openpgp_signatures_that_do_not_count() {
    if !gpg_is_here() {
        return;
    }
    let sandbox = Sandbox::new();
    let solo = waiting(&sandbox);
    let keys = Keyring::new(&solo);
    keys.key("Ana <ana@example.com>", "2026-01-20");
    keys.key("Ben <ben@example.com>", "never");
    let listed = |reason: &str| {
        let why = solo.run("reconcile").ok();
        assert_eq!(solo.node_phase("run/ok"), "Blocked", "{reason}");
        assert_eq!(solo.unapplied("run").last().unwrap(), reason, "{why}");
    };
    // In the user's own keyring, and nowhere on the spec branch.
    keys.sign_with("ben@example.com", TODAY);
    approval().send(&solo);
    refused(&solo, "NoSigners");
    // A trusted key that belongs to another actor.
    keys.publish(ANA, ANA);
    keys.publish("ben@example.com", "ben@example.com");
    approval().send(&solo);
    listed("UnknownKey");
    // A key whose file is named after ana, but whose user id is not ana.
    keys.publish("ben@example.com", ANA);
    approval().send(&solo);
    listed("OtherSigner");
    // An expired key, with a signature and a commit from before it expired.
    keys.publish(ANA, ANA);
    keys.sign_with(ANA, "20260115T000000");
    approval().send(&solo);
    listed("KeyExpired");
    // A record that was changed after it was signed.
    keys.publish("ben@example.com", ANA);
    keys.sign_with("ben@example.com", TODAY);
    let commit = approval().commit(&solo);
    let text = solo.git(&format!("cat-file commit {commit}"));
    let text = format!("{}\n", text.replace("author Ana", "author Eve"));
    let changed = solo.git_with("hash-object -t commit -w --stdin", &text);
    crate::approvals::send(&solo, ANA, &changed);
    listed("SignatureInvalid");
    // Invalid data instead of a key.
    solo.publish(".planspec/keys/ana@example.com.asc", "no key\n");
    approval().send(&solo);
    listed("UnknownKey");
}

#[test]
fn a_key_that_was_revoked_does_not_count() {
    if !gpg_is_here() {
        return;
    }
    let sandbox = Sandbox::new();
    let solo = waiting(&sandbox);
    let keys = Keyring::new(&solo);
    keys.key("Ana <ana@example.com>", "never");
    keys.sign_with(ANA, TODAY);
    let commit = approval().commit(&solo);
    // gpg wrote the revocation certificate when it made the key, with a colon that prevents accidental use.
    let folder = std::fs::read_dir(keys.home.join("openpgp-revocs.d")).unwrap();
    let certificate = folder.map(|entry| entry.unwrap().path()).next().unwrap();
    let revocation = std::fs::read_to_string(certificate)
        .unwrap()
        .replace(":-----BEGIN", "-----BEGIN");
    solo.write(".git/revocation", revocation);
    let path = solo.dir.join(".git/revocation");
    keys.gpg(TODAY, &["--import", path.to_str().unwrap()]);
    keys.publish(ANA, ANA);
    crate::approvals::send(&solo, ANA, &commit);
    refused(&solo, "KeyRevoked");
}
