//! Which app and version a torrent is, from what its info hash covers, and who signed it.

use crate::{
    choose,
    config::{App, Config, Match, Trust},
    error::{Error, Exit, Result, escaped},
    release::{Key, Record, State, Unix, Version},
    signature,
};
use metainfo::{AuthError, Authentic, InfoHash};
use std::fmt;

/// A torrent whose raw `info` has the info hash that was asked for, and the app that it is for.
pub struct Job<'c> {
    /// The app.
    pub app: &'c App,
    /// The version that the torrent's name says.
    pub version: Version,
    /// The info hash.
    pub hash: InfoHash,
    /// The torrent.
    pub torrent: Authentic,
}

/// What a torrent is to us.
pub enum Identified<'c> {
    /// A release of an app.
    Job(Box<Job<'c>>),
    /// Nobody's: its name, escaped.
    NoApp(String),
}

/// Finds app and version by the torrent's name alone: it is covered by the info hash, while what
/// rtorrent says about a download is any client's to set.
///
/// # Errors
/// 66 if the torrent is not the one of that info hash, 65 if it cannot be read or its name has a
/// pattern's literal part without a version.
pub fn identify<'c>(config: &'c Config, hash: InfoHash, torrent: &[u8]) -> Result<Identified<'c>> {
    let torrent = Authentic::check(torrent, hash).map_err(|e| unauthentic(hash, &e))?;
    let name = escaped(torrent.name());
    match config.app_of(torrent.name())? {
        Match::One(app, version) => {
            Ok(Identified::Job(Box::new(Job { app, version, hash, torrent })))
        }
        Match::Literal(app) => {
            let cause = format!(
                "its name begins and ends as a release of `{}` does, but holds no version",
                app.name
            );
            Err(Error::new(Exit::Payload, "identify", format!("torrent `{name}`"), cause)
                .hint(
                    "a version begins with a digit (or `v` and one): publish it under such a name",
                )
                .unrecorded())
        }
        Match::None => match config.incomplete() {
            Some(error) => Err(error.clone().unrecorded()),
            None => Ok(Identified::NoApp(name)),
        },
    }
}

fn unauthentic(hash: InfoHash, cause: &AuthError) -> Error {
    let (exit, hint) = match cause {
        AuthError::Mismatch { .. } => {
            (Exit::NotFound, "name the info hash that belongs to the .torrent, or its own .torrent")
        }
        AuthError::Parse(_) => (Exit::Payload, "make the torrent anew, as a v1 or hybrid one"),
    };
    Error::new(exit, "take", format!("the .torrent of {hash}"), cause).hint(hint).unrecorded()
}

impl Job<'_> {
    /// The record that this torrent begins with: what its metainfo and its signature say.
    ///
    /// # Errors
    /// 77 without a valid signature of a trusted key for this app and version, 75 if it was
    /// published in the future.
    pub(super) fn candidate(&self, now: Unix) -> Result<Record> {
        let mut record = Record::open(Key::Torrent(self.hash), self.version.clone(), now);
        record.created = self.torrent.created().map(Unix);
        let Trust::Keys(keys) = &self.app.trust else { return Ok(record) };
        let app = &self.app.name;
        let Some(text) = self.torrent.minisign() else {
            return Err(signature::missing(app));
        };
        let signed = signature::verify(keys, self.torrent.raw_info(), text, app, &self.version)?;
        if choose::is_ahead(signed.published, now) {
            let cause = format!("it says that it was published at {}", signed.published);
            return Err(Error::new(Exit::Again, "believe the date of", self, cause)
                .hint("compare this host's clock with the publisher's: `timedatectl`"));
        }
        record.published = Some(signed.published);
        record.signer = Some(signed.signer);
        record.facts = (!signed.facts.is_empty()).then_some(signed.facts);
        Ok(record)
    }

    /// Digest of what is decided by and stands beside `info`, so that the same info hash may come with
    /// another one.
    pub(super) fn beside(&self) -> String {
        let signature = self.torrent.minisign().unwrap_or_default();
        let flaw = self.torrent.version_2().err().map(ToString::to_string).unwrap_or_default();
        let mut hash = blake3::Hasher::new();
        hash.update(&(signature.len() as u64).to_le_bytes());
        hash.update(signature).update(flaw.as_bytes());
        hash.finalize().to_hex()[..16].to_owned()
    }

    /// Whether what decides is otherwise than when it was refused, as this state says.
    pub fn has_changed_since(&self, refused: &State) -> bool {
        match refused {
            State::Refused { digest, beside, .. } => {
                *digest != self.app.digest || *beside != self.beside()
            }
            _ => true,
        }
    }

    /// [`candidate`](Self::candidate) without an error, for putting downloads in order: what has no valid signature is
    /// below everything that has.
    pub fn rank(&self, now: Unix) -> Record {
        self.candidate(now).unwrap_or_else(|_| {
            let record = Record::open(Key::Torrent(self.hash), self.version.clone(), now);
            Record { created: self.torrent.created().map(Unix), ..record }
        })
    }
}

/// `shop 1.4.2`.
impl fmt::Display for Job<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.app.name, self.version)
    }
}
