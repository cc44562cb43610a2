//! Who made a release: minisign signatures of a torrent's raw `info` bytes.
//!
//! The info hash proves the payload, the signature proves the info hash. Its trusted comment,
//! which is signed with it, names the app and the version, so that a signature for one app cannot
//! bring a release into another, nor an old torrent back under a new name.
//!
//! Only prehashed signatures are taken, which every minisign since 0.10 makes: one form, one
//! meaning. The older, legacy form is refused by name. Nothing here reads a file or a clock; a key
//! and a signature take their random bytes from the kernel (getrandom(2)).

mod comment;
mod key;
mod seal;
mod secret;

pub use comment::Comment;
pub use key::Key;
pub use seal::Seal;
pub use secret::{Pair, Sealed, Secret, Unusable};

use crate::{
    error::{Error, Exit, Result, escaped},
    release::{Unix, Version},
};
use comment::FORM;
use minisign_verify::Error as Minisign;
use std::fmt;

/// The environment variable that may hold the password of a secret key.
pub const PASSWORD: &str = "SEEDSHIP_KEY_PASSWORD";

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
    let Seal { signature, id, .. } = decode(signature_text, app)?;
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
    must_be(&comment, app, version)?;
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

/// The signature, or that it is none.
fn decode(text: &[u8], app: &str) -> Result<Seal> {
    Seal::read(text).ok_or_else(|| {
        refused(app, "it is not in minisign's form")
            .hint("the torrent's `minisign` key holds the four lines of a .minisig file")
    })
}

/// The signature is for this app and version, not for another.
fn must_be(comment: &Comment, app: &str, version: &Version) -> Result<()> {
    if comment.app != app {
        let cause = format!("it is for app `{}`", escaped(comment.app.as_bytes()));
        return Err(refused(app, cause)
            .hint("a release is signed for one app: sign it for this one, or correct its name"));
    }
    if comment.version != *version {
        let cause = format!("it is for version {}, the torrent is {version}", comment.version);
        return Err(refused(app, cause)
            .hint("the version signed and the one in the torrent's name must be the same"));
    }
    Ok(())
}

#[cfg(test)]
mod tests;
