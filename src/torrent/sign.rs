//! `sign`: a torrent with the signature of whoever publishes it.
//!
//! The signature is over the raw `info` bytes and stands beside them, so that the info hash stays and
//! rtorrent keeps it in its session. Nothing is given out that a deploy would refuse.

use crate::{
    config::Config,
    deploy::{self, Identified},
    error::{Error, Exit, Result, escaped},
    release::{Unix, Version},
    signature::{self, Comment, Seal, Secret},
};
use metainfo::{Metainfo, amend, bencode::Item};
use serde::{Serialize, Serializer};

/// A signed torrent, and what its signature says.
#[derive(Clone, Debug, Serialize)]
pub struct Sealing {
    /// The torrent's name, escaped.
    pub name: String,
    /// Its info hash, which is what it was.
    pub hash: String,
    /// The app that it is for.
    pub app: String,
    /// The version that it is.
    pub version: Version,
    /// When it was published.
    #[serde(serialize_with = "rfc3339")]
    pub published: Unix,
    /// The free facts.
    pub facts: String,
    /// The id of the key that signed it.
    pub key: String,
    /// The id of the key whose signature gave way; an empty one if that was no signature.
    pub replaced: Option<String>,
    /// The whole .torrent.
    #[serde(skip)]
    pub bytes: Vec<u8>,
}

/// The app and version that a deploy would take a torrent for.
///
/// # Errors
/// 66 if no app takes it, 65 if its name holds no version.
pub fn release_of(config: &Config, torrent: &Metainfo, bytes: &[u8]) -> Result<(String, Version)> {
    match deploy::identify(config, torrent.info_hash(), bytes)? {
        Identified::Job(job) => Ok((job.app.name.clone(), job.version.clone())),
        Identified::NoApp(name) => {
            let cause = "no app of the configuration takes it";
            Err(Error::new(Exit::NotFound, "sign", format!("torrent `{name}`"), cause)
                .hint("name both: --app APP --version VERSION"))
        }
    }
}

/// What a signature is to say.
///
/// # Errors
/// 64 if it cannot be said: an app of two words, a fact that is none.
pub fn comment(app: &str, version: &Version, published: Unix, facts: &[String]) -> Result<Comment> {
    Comment::new(app, version, published, facts).map_err(|why| {
        Error::new(Exit::Usage, "write", "the signature's comment", format!("it {why}"))
            .hint("--app takes one word, --fact KEY=VALUE with a key like git or build")
    })
}

/// Signs a torrent. One that is signed already is left alone unless `force` says otherwise.
///
/// # Errors
/// 73 if it is signed already, 64 if its name holds another version, 65 if no deploy would take it.
pub fn sign(
    torrent: &Metainfo,
    bytes: &[u8],
    secret: &Secret,
    comment: &Comment,
    force: bool,
) -> Result<Sealing> {
    let replaced = signer(torrent);
    if let (Some(_), false) = (&replaced, force) {
        return Err(signed_already(torrent));
    }
    must_hold(torrent, &comment.version)?;
    let thing = || format!("torrent `{}`", escaped(torrent.name()));
    torrent.version_2().map_err(|cause| {
        Error::new(Exit::Payload, "sign", thing(), format!("for BitTorrent v2 {cause}"))
            .hint("make the torrent anew: every server would refuse it")
    })?;
    let bug = |cause: String| Error::new(Exit::Bug, "sign", thing(), cause);
    let text = secret.sign(torrent.raw_info(), comment).map_err(|e| bug(e.to_string()))?;
    let value = Item::bytes(text.as_bytes());
    let sealed = amend::set_key(bytes, b"minisign", &value).map_err(|e| bug(e.to_string()))?;
    // What every server will do with it.
    let keys = [secret.key().clone()];
    let read = Metainfo::parse(&sealed).map_err(|e| bug(e.to_string()))?;
    let text = read.minisign().unwrap_or_default();
    let Comment { app, version, .. } = comment;
    let signed = signature::verify(&keys, torrent.raw_info(), text, app, version)
        .map_err(|e| bug(e.to_string()))?;
    Ok(Sealing {
        name: escaped(torrent.name()),
        hash: read.info_hash().to_string(),
        app: signed.app,
        version: signed.version,
        published: signed.published,
        facts: signed.facts,
        key: signed.signer,
        replaced,
        bytes: sealed,
    })
}

/// Refuses a torrent that has a signature.
///
/// # Errors
/// 73 if it has one.
pub fn must_be_unsigned(torrent: &Metainfo) -> Result<()> {
    if signer(torrent).is_some() { Err(signed_already(torrent)) } else { Ok(()) }
}

/// A server reads the version in the torrent's name: it cannot be one that does not stand there.
fn must_hold(torrent: &Metainfo, version: &Version) -> Result<()> {
    let (name, text) = (torrent.name(), version.as_str().as_bytes());
    if name.windows(text.len().max(1)).any(|part| part == text) {
        return Ok(());
    }
    let thing = format!("torrent `{}`", escaped(name));
    Err(Error::new(Exit::Usage, "sign", thing, format!("its name does not hold {version}"))
        .hint("a server reads the version in the torrent's name: --version names that one"))
}

/// Whose signature a torrent has.
fn signer(torrent: &Metainfo) -> Option<String> {
    torrent.minisign().map(|text| Seal::read(text).map(|seal| seal.id).unwrap_or_default())
}

fn signed_already(torrent: &Metainfo) -> Error {
    let cause = match signer(torrent).filter(|id| !id.is_empty()) {
        Some(id) => format!("it is signed already, by key {id}"),
        None => "its `minisign` key holds something already, which is no signature".to_owned(),
    };
    let thing = format!("torrent `{}`", escaped(torrent.name()));
    Error::new(Exit::NotOurs, "sign", thing, cause).hint("--force puts the new one in its place")
}

fn rfc3339<S: Serializer>(time: &Unix, to: S) -> Result<S::Ok, S::Error> {
    to.collect_str(time)
}
