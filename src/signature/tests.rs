//! Signatures that the real minisign made, and what is none.

use super::*;
use crate::error::Lasts;
use proptest::prelude::*;
use std::{fs, process::Command};

const INFO: &[u8] = b"d6:lengthi0e4:name10:shop-1.4.2e";
const COMMENT: &str = "seedship1 app=shop version=1.4.2 published=2024-05-01T12:00:00Z";

/// A key pair that the real minisign made, and a place to sign in.
struct Signer {
    at: tempfile::TempDir,
    key: Key,
}

impl Signer {
    fn new() -> Self {
        let at = tempfile::tempdir().unwrap();
        minisign(Command::new("minisign").args(["-G", "-W", "-p", "pub", "-s", "sec"]), &at);
        let public = fs::read_to_string(at.path().join("pub")).unwrap();
        let lines: Vec<_> = public.lines().collect();
        let key = Key::parse(lines[1]).unwrap();
        assert_eq!(lines[0], format!("untrusted comment: minisign public key {}", key.id));
        Self { at, key }
    }

    fn sign(&self, bytes: &[u8], comment: &str, more: &[&str]) -> String {
        let [info, signature] = ["info", "sig"].map(|name| self.at.path().join(name));
        fs::write(info, bytes).unwrap();
        let arguments = ["-S", "-s", "sec", "-m", "info", "-x", "sig", "-t", comment];
        minisign(Command::new("minisign").args(arguments).args(more), &self.at);
        fs::read_to_string(signature).unwrap()
    }
}

fn minisign(command: &mut Command, at: &tempfile::TempDir) {
    let out = command.current_dir(at.path()).output().expect("minisign is installed");
    assert!(out.status.success(), "{}", String::from_utf8_lossy(&out.stderr));
}

fn check(keys: &[Key], text: impl AsRef<[u8]>) -> Result<Signed> {
    verify(keys, INFO, text.as_ref(), "shop", &Version::parse("1.4.2").unwrap())
}

/// It is refused for good, for this cause, and a hint says what to do.
#[track_caller]
fn assert_refused(result: Result<Signed>, cause: &str) {
    let error = result.unwrap_err();
    assert_eq!((error.exit, error.lasts), (Exit::Permission, Lasts::Final));
    assert!(error.to_string().contains(cause), "{error}");
    assert!(error.hint.is_some(), "{error}");
}

#[test]
fn what_minisign_signed_is_accepted_by_any_of_the_keys() {
    let (ours, other) = (Signer::new(), Signer::new());
    let text = ours.sign(INFO, &format!("{COMMENT} git=abc123 build=7"), &[]);
    let signed = check(&[other.key.clone(), ours.key.clone()], text).unwrap();
    let expected = Signed {
        app: "shop".into(),
        version: Version::parse("1.4.2").unwrap(),
        published: Unix::parse("2024-05-01T12:00:00Z").unwrap(),
        facts: "git=abc123 build=7".into(),
        signer: ours.key.id.clone(),
    };
    assert_eq!(signed, expected);
}

#[test]
fn a_seal_says_whose_it_is_and_only_the_key_proves_it() {
    let (ours, other) = (Signer::new(), Signer::new());
    let seal = Seal::read(ours.sign(INFO, "any comment", &[]).as_bytes()).unwrap();
    assert_eq!((seal.id.as_str(), seal.comment.as_str()), (&*ours.key.id, "any comment"));
    assert!(seal.is_by(&ours.key, INFO));
    assert!(!seal.is_by(&other.key, INFO) && !seal.is_by(&ours.key, b"other"));
    // Another key that says it had the same id.
    let forged = Key { id: seal.id.clone(), ..other.key };
    assert!(!seal.is_by(&forged, INFO));
    assert!(Seal::read(b"untrusted comment: x\n").is_none());
}

#[test]
fn an_unknown_key_is_named() {
    let (ours, other) = (Signer::new(), Signer::new());
    let text = other.sign(INFO, COMMENT, &[]);
    assert_refused(check(&[ours.key], &text), &format!("by key {}", other.key.id));
    assert_refused(check(&[], &text), "none of the app's public_keys");
}

#[test]
fn a_key_that_only_bears_the_id_of_the_right_one_does_not_help_or_hinder() {
    let (ours, other) = (Signer::new(), Signer::new());
    let text = ours.sign(INFO, COMMENT, &[]);
    // The first 14 characters hold algorithm and id; the rest is the key itself.
    let forged = Key::parse(&format!("{}{}", &ours.key.text[..14], &other.key.text[14..]));
    let forged = forged.unwrap();
    assert_eq!(forged.id, ours.key.id);
    assert_refused(check(std::slice::from_ref(&forged), &text), "does not verify");
    assert!(check(&[forged.clone(), ours.key.clone()], &text).is_ok());
    assert!(check(&[ours.key, forged], &text).is_ok());
}

#[test]
fn changed_bytes_and_changed_comments_do_not_verify() {
    let ours = Signer::new();
    let keys = [ours.key.clone()];
    let text = ours.sign(b"another torrent", COMMENT, &[]);
    assert_refused(check(&keys, text), "does not verify");
    let text = ours.sign(INFO, &COMMENT.replace("1.4.2", "1.4.1"), &[]);
    assert_refused(check(&keys, text.replace("1.4.1", "1.4.2")), "does not verify");
}

#[test]
fn a_signature_for_another_app_or_version_says_so() {
    let ours = Signer::new();
    let keys = [ours.key.clone()];
    let text = ours.sign(INFO, &COMMENT.replace("shop", "blog"), &[]);
    assert_refused(check(&keys, text), "it is for app `blog`");
    let text = ours.sign(INFO, &COMMENT.replace("1.4.2", "1.4.1"), &[]);
    assert_refused(check(&keys, text), "it is for version 1.4.1, the torrent is 1.4.2");
}

#[test]
fn a_foreign_comment_is_shown_and_the_right_one_given() {
    let ours = Signer::new();
    let text = ours.sign(INFO, "timestamp:1 file:info", &[]);
    let error = check(std::slice::from_ref(&ours.key), &text).unwrap_err();
    assert!(error.hint.as_ref().unwrap().contains("app=shop version=1.4.2 published="));
    assert_refused(Err(error), "`timestamp:1 file:info` does not begin with");
}

#[test]
fn legacy_signatures_are_refused_by_name() {
    let ours = Signer::new();
    let text = ours.sign(INFO, COMMENT, &["-l"]);
    assert_refused(check(&[ours.key], text), "a legacy signature");
}

#[test]
fn what_is_no_signature_is_told_apart() {
    let ours = Signer::new();
    let text = ours.sign(INFO, COMMENT, &[]);
    let keys = [ours.key];
    let long = text.replace("untrusted comment:", &format!("untrusted comment:{:20000}", ""));
    for bad in [&text[1..], &text[..text.len() / 2], "", &format!("{text}more\n"), &long] {
        assert_refused(check(&keys, bad), "not in minisign's form");
    }
    assert_refused(check(&keys, b"\xff\xfe"), "not in minisign's form");
    assert_refused(Err(missing("shop")), "has none");
}

#[test]
fn what_is_no_key_is_told() {
    for bad in ["", "RWQ", "RWQf6LRCGA9i53mlYecO4IzT51TGPpvWucNSCh1CBM0QTaLn73Y7GFO=", "é"] {
        assert!(Key::parse(bad).unwrap_err().hint.is_some(), "{bad}");
    }
    let key = Key::parse("RWQf6LRCGA9i53mlYecO4IzT51TGPpvWucNSCh1CBM0QTaLn73Y7GFO3").unwrap();
    assert_eq!(key.id, "E7620F1842B4E81F");
}

#[test]
fn the_comment_has_one_form() {
    assert!(Comment::parse(COMMENT).is_ok());
    for (good, bad) in [
        ("seedship1", "seedship2"),
        ("seedship1 ", "seedship1  "),
        ("app=shop", "app="),
        ("app=shop", "version=1.4.2"),
        ("version=1.4.2", "version=../x"),
        ("12:00:00Z", "12:00:00+00:00"),
        ("12:00:00Z", "12:00Z"),
        ("12:00:00Z", "12:00:00.5Z"),
        ("T12", " 12"),
        ("05-01", "13-01"),
        ("00Z", "00Z "),
        ("00Z", "00Z git"),
        ("00Z", "00Z =x"),
        ("00Z", "00Z git="),
        ("00Z", "00Z Git=x"),
        ("00Z", "00Z git=é"),
        ("00Z", "00Z git=a\tb"),
        ("00Z", "00Z git=a git=b"),
        ("00Z", "00Z app=blog"),
    ] {
        let text = COMMENT.replacen(good, bad, 1);
        assert_ne!(text, COMMENT);
        assert!(Comment::parse(&text).is_err(), "{text}");
    }
}

proptest! {
    #[test]
    fn what_is_read_is_what_was_written(
        app in "[!-~]{1,9}",
        version in "[0-9A-Za-z][0-9A-Za-z.+~_-]{0,9}",
        time in 0i64..253_402_300_799,
        facts in prop::collection::btree_map("x[a-z0-9_-]{0,5}", "[!-~]{1,9}", 0..4),
    ) {
        let facts: Vec<_> = facts.iter().map(|(key, value)| format!("{key}={value}")).collect();
        let version = Version::parse(&version).unwrap();
        let comment = Comment { app, version, published: Unix(time), facts: facts.join(" ") };
        prop_assert_eq!(Comment::parse(&comment.to_string()), Ok(comment));
    }

    #[test]
    fn there_is_one_text_for_each_comment(
        text in "(seedship1 )?(app=\\PC{0,3} )?(version=.{0,3} )?(published=2024-05-0[0-9]T12:00:00Z)?( [a-z]=.{0,3}){0,2}"
    ) {
        if let Ok(comment) = Comment::parse(&text) {
            prop_assert_eq!(comment.to_string(), text);
        }
    }

    #[test]
    fn nothing_makes_it_panic(text in any::<Vec<u8>>(), key in ".*", lines in "(untrusted comment:.{0,9}\n)?[A-Za-z0-9+/=]{0,120}\n(trusted comment: .{0,9}\n)?[A-Za-z0-9+/=]{0,100}\n?") {
        let keys = [Key::parse("RWQf6LRCGA9i53mlYecO4IzT51TGPpvWucNSCh1CBM0QTaLn73Y7GFO3").unwrap()];
        prop_assert!(check(&keys, text).is_err());
        prop_assert!(check(&keys, lines).is_err());
        let _ = Key::parse(&key);
    }
}
