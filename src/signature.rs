//! Who made a release: minisign signatures of a torrent's raw `info` bytes.
//!
//! The info hash proves the payload, the signature proves the info hash. Its trusted comment,
//! which is signed with it, names the app and the version, so that a signature for one app cannot
//! bring a release into another, nor an old torrent back under a new name.
//!
//! Only prehashed signatures are taken, which every minisign since 0.10 makes: one form, one
//! meaning. The older, legacy form is refused by name. Pure: nothing here reads a file or a clock.

use crate::{
    error::{Error, Exit, Result, escaped},
    release::{Unix, Version},
};
use minisign_verify::{Error as Minisign, PublicKey, Signature};
use serde::{Deserialize, Serialize};
use std::fmt;

/// A longer signature is not looked at; minisign's own comments have at most 8 KiB.
const SIGNATURE_MAX: usize = 16 << 10;

/// The first word of a trusted comment: the form that is read here.
const FORM: &str = "seedship1";

/// A minisign public key.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Key {
    /// Its id in hex, as minisign prints it: upper case, without leading zeros.
    pub id: String,
    /// Its text, `RWQ…`, as on the second line of `minisign.pub`.
    pub text: String,
    public: PublicKey,
}

impl Key {
    /// Reads the second line of a `minisign.pub`.
    pub fn parse(text: &str) -> Result<Self> {
        let public = PublicKey::from_base64(text).ok();
        match (public, key_id(text)) {
            (Some(public), Some(id)) => Ok(Self { id, text: text.to_owned(), public }),
            _ => {
                let thing = format!("public key `{}`", escaped(text.as_bytes()));
                Err(Error::new(Exit::Config, "read", thing, "it is no minisign public key")
                    .hint("take the second line of minisign.pub, 56 characters from RW on")
                    .unrecorded())
            }
        }
    }
}

impl TryFrom<String> for Key {
    type Error = String;
    fn try_from(text: String) -> Result<Self, String> {
        Self::parse(&text).map_err(|error| match error.hint {
            Some(hint) => format!("`{text}`: {}; {hint}", error.cause),
            None => error.cause,
        })
    }
}

impl From<Key> for String {
    fn from(key: Key) -> Self {
        key.text
    }
}

/// What a verified signature says.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Signed {
    /// The app it is for.
    pub app: String,
    /// The version it is.
    pub version: Version,
    /// When it was published; in seconds.
    pub published: Unix,
    /// The free facts of its comment, as signed: `git=abc build=7`, or nothing.
    pub facts: String,
    /// The id of the key that signed it.
    pub signer: String,
}

/// Verifies that one of `keys` signed `raw_info` for this app and version.
///
/// # Errors
/// 77, final for these bytes and keys: the text is no signature, a legacy one, of another key,
/// does not verify, or is for another app or version.
pub fn verify(
    keys: &[Key],
    raw_info: &[u8],
    signature_text: &[u8],
    app: &str,
    version: &Version,
) -> Result<Signed> {
    let (signature, id) = decode(signature_text, app)?;
    let by_id: Vec<_> = keys.iter().filter(|key| key.id == id).collect();
    if by_id.is_empty() {
        let cause = format!("it is by key {id}, which is none of the app's public_keys");
        return Err(refused(app, cause)
            .hint("sign with a key the app knows, or add that key to its public_keys"));
    }
    let verified = by_id.into_iter().map(|key| key.public.verify(raw_info, &signature, false));
    match verified.reduce(|one, other| one.or(other)) {
        Some(Ok(())) => {}
        Some(Err(Minisign::UnexpectedAlgorithm)) => {
            return Err(refused(app, "it is a legacy signature, not a prehashed one")
                .hint("sign with minisign 0.10 or newer, without -l"));
        }
        _ => {
            let cause = "it does not verify: the torrent or the comment is not what was signed";
            return Err(refused(app, cause).hint(
                "sign this very torrent again; if nobody changed it on purpose, distrust it",
            ));
        }
    }
    let comment = Comment::parse(signature.trusted_comment()).map_err(|why| {
        let comment = escaped(signature.trusted_comment().as_bytes());
        refused(app, format!("its trusted comment `{comment}` {why}")).hint(format!(
            "sign with -t \"{FORM} app={app} version={version} published=$(date -u +%FT%TZ)\""
        ))
    })?;
    comment.must_be(app, version)?;
    let Comment { app, version, published, facts } = comment;
    Ok(Signed { app, version, published, facts, signer: id })
}

/// The torrent of an app with keys has no signature.
pub fn missing(app: &str) -> Error {
    refused(app, "the torrent has none")
        .hint("publish it signed; or, if anyone may deploy, set unsigned = \"accept\" for the app")
}

/// Final, because the same torrent and keys will always say the same.
fn refused(app: &str, cause: impl fmt::Display) -> Error {
    let thing = format!("the signature for app `{}`", escaped(app.as_bytes()));
    Error::new(Exit::Permission, "accept", thing, cause).finally()
}

/// The signature and its key's id, or that it is none.
fn decode(text: &[u8], app: &str) -> Result<(Signature, String)> {
    let seal = Seal::read(text).ok_or_else(|| {
        refused(app, "it is not in minisign's form")
            .hint("the torrent's `minisign` key holds the four lines of a .minisig file")
    })?;
    Ok((seal.signature, seal.id))
}

/// What a signature says by itself: to be shown, and to be believed by nobody.
pub struct Seal {
    /// The id of the key that it says made it.
    pub id: String,
    /// Its trusted comment, whatever it holds.
    pub comment: String,
    signature: Signature,
}

impl Seal {
    /// Reads four lines as minisign writes them and nothing else; `None` for anything else.
    pub fn read(text: &[u8]) -> Option<Self> {
        let text = std::str::from_utf8(text).ok().filter(|text| text.len() <= SIGNATURE_MAX)?;
        let lines: Vec<_> = text.lines().collect();
        let four = lines.len() == 4 && lines[0].starts_with("untrusted comment:");
        let signature = Signature::decode(text).ok().filter(|_| four)?;
        let comment = signature.trusted_comment().to_owned();
        Some(Self { id: key_id(lines[1])?, comment, signature })
    }

    /// Whether this key made it, for these bytes.
    pub fn is_by(&self, key: &Key, raw_info: &[u8]) -> bool {
        key.id == self.id && key.public.verify(raw_info, &self.signature, false).is_ok()
    }
}

/// The key id in the base64 text of a key or signature, in minisign's own notation: both begin
/// with two bytes of algorithm and eight of id, the least significant first.
fn key_id(base64: &str) -> Option<String> {
    let mut bits = base64.bytes().take(16).map(sextet);
    let mut bytes = Vec::with_capacity(12);
    while let Some(first) = bits.next() {
        let group = [first, bits.next()?, bits.next()?, bits.next()?];
        let word = group.into_iter().try_fold(0u32, |word, six| Some(word << 6 | six?))?;
        bytes.extend_from_slice(&word.to_be_bytes()[1..]);
    }
    let id = bytes.get(2..10)?.try_into().map(u64::from_le_bytes).ok()?;
    Some(format!("{id:X}"))
}

/// The six bits of a base64 character (RFC 4648 §4).
fn sextet(character: u8) -> Option<u32> {
    let value = match character {
        b'A'..=b'Z' => character - b'A',
        b'a'..=b'z' => character - b'a' + 26,
        b'0'..=b'9' => character - b'0' + 52,
        b'+' => 62,
        b'/' => 63,
        _ => return None,
    };
    Some(value.into())
}

/// A trusted comment: `seedship1 app=<app> version=<version> published=<time>[ <key>=<value>…]`.
///
/// Strict: single spaces, this order, the time in RFC 3339 with seconds and `Z`; facts of
/// lower-case keys, none twice, and printable values. What is read is what was written.
#[derive(Clone, PartialEq, Eq, Debug)]
struct Comment {
    app: String,
    version: Version,
    published: Unix,
    facts: String,
}

impl Comment {
    fn parse(text: &str) -> Result<Self, &'static str> {
        let mut words = text.split(' ');
        if words.next() != Some(FORM) {
            return Err("does not begin with `seedship1`");
        }
        let mut named = |name: &str| words.next()?.strip_prefix(name)?.strip_prefix('=');
        let app = named("app").filter(|app| printable(app)).ok_or("names no app")?;
        let version = named("version").and_then(|v| Version::parse(v).ok());
        let version = version.ok_or("names no version after the app")?;
        let time = named("published").ok_or("holds no `published` after the version")?;
        let published = Unix::parse(time)
            .filter(|parsed| parsed.to_string() == time)
            .ok_or("holds a `published` that is no time like 2024-05-01T12:00:00Z")?;
        let facts: Vec<_> = words.collect();
        check_facts(&facts)?;
        Ok(Self { app: app.to_owned(), version, published, facts: facts.join(" ") })
    }

    /// The signature is for this app and version, not for another.
    fn must_be(&self, app: &str, version: &Version) -> Result<()> {
        if self.app != app {
            let cause = format!("it is for app `{}`", escaped(self.app.as_bytes()));
            return Err(refused(app, cause).hint(
                "a release is signed for one app: sign it for this one, or correct its name",
            ));
        }
        if self.version != *version {
            let cause = format!("it is for version {}, the torrent is {version}", self.version);
            return Err(refused(app, cause)
                .hint("the version signed and the one in the torrent's name must be the same"));
        }
        Ok(())
    }
}

fn check_facts(facts: &[&str]) -> Result<(), &'static str> {
    let mut known = vec!["app", "version", "published"];
    for fact in facts {
        let (key, value) = fact.split_once('=').ok_or("holds a fact that is not KEY=VALUE")?;
        let plain = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b"_-".contains(&b);
        if !key.starts_with(|c: char| c.is_ascii_lowercase()) || !key.bytes().all(plain) {
            return Err("holds a fact whose key is not of a-z, 0-9, _ and -");
        }
        if !printable(value) {
            return Err("holds a fact whose value is empty or not printable ASCII");
        }
        if known.contains(&key) {
            return Err("says the same key twice");
        }
        known.push(key);
    }
    Ok(())
}

fn printable(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|b| b.is_ascii_graphic())
}

impl fmt::Display for Comment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { app, version, published, facts } = self;
        write!(f, "{FORM} app={app} version={version} published={published}")?;
        if facts.is_empty() { Ok(()) } else { write!(f, " {facts}") }
    }
}

#[cfg(test)]
mod tests {
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
}
