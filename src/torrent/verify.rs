//! `torrent verify`: which pieces of a payload are wrong, and which files that touches.

use super::{Pieces, Place};
use crate::{
    error::{Error, Exit, Result, escaped},
    verify::{self, Found, Piece, Progress},
};
use metainfo::{File, Metainfo};
use serde::Serialize;

/// What a payload is worth. Names are escaped.
#[derive(Clone, Debug, Serialize)]
pub struct Verdict {
    /// The torrent's name.
    pub name: String,
    /// Its info hash.
    pub hash: String,
    /// Where the payload lies.
    pub payload: String,
    /// In one word.
    pub verdict: Word,
    /// Bytes of the payload, padding included.
    pub length: u64,
    /// Bytes in a piece.
    pub piece_length: u64,
    /// How many pieces there are.
    pub pieces: usize,
    /// What they were held against: SHA-1, and SHA-256 as well if the torrent is a hybrid one.
    pub hashes: Hashes,
    /// The pieces whose bytes are wrong or not there.
    pub wrong: Pieces,
    /// Those of them whose SHA-1 is right, and whose SHA-256 is not.
    pub contrary: Pieces,
    /// The pieces that could not be read, so that nothing is known of them.
    pub unread: Pieces,
    /// The files that should be on disk, in the torrent's order.
    pub files: Vec<Checked>,
    #[serde(skip)]
    failure: Option<Error>,
}

/// The kinds of hashes that a torrent has of its pieces.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize)]
#[serde(into = "Vec<&'static str>")]
pub enum Hashes {
    /// A torrent of BitTorrent v1.
    Sha1,
    /// One of v1 and v2 (BEP 52).
    Both,
}

impl Hashes {
    /// Those of this torrent.
    pub(super) fn of(torrent: &Metainfo) -> Self {
        if torrent.is_hybrid() { Self::Both } else { Self::Sha1 }
    }
}

impl From<Hashes> for Vec<&'static str> {
    fn from(hashes: Hashes) -> Self {
        match hashes {
            Hashes::Sha1 => vec!["sha1"],
            Hashes::Both => vec!["sha1", "sha256"],
        }
    }
}

/// A payload in one word.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Word {
    /// Every piece is right and every file there.
    Good,
    /// Something is wrong.
    Damaged,
    /// Nothing is known to be wrong, but not everything could be read.
    Unreadable,
}

/// One file of a payload.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
pub struct Checked {
    /// Its path below the payload; the torrent's name for the only file.
    pub path: String,
    /// Where its bytes begin in the payload.
    pub offset: u64,
    /// How long it should be.
    pub length: u64,
    /// How long it is, if it is there. What it has beyond its length does no harm.
    pub found: Option<u64>,
    /// What is the matter with it.
    pub state: State,
    /// Why, where the state alone does not say it.
    pub why: Option<String>,
    /// The wrong and the unread pieces that hold bytes of it.
    pub pieces: Pieces,
}

/// What is the matter with a file. The gravest first that is true of it.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum State {
    /// Nothing has its name.
    Missing,
    /// It has too few bytes.
    Short,
    /// Something else has its name.
    NotAFile,
    /// It may not be read, or reading failed.
    Unreadable,
    /// A piece that holds bytes of it has another hash. If the piece reaches over several files,
    /// nobody can tell which of them it is.
    Wrong,
    /// A piece that holds bytes of it cannot be judged, for another file has the rest of it.
    Unverified,
    /// Every byte is right.
    Good,
}

/// Holds a payload against its torrent to the end; `watch` is told how far it is.
///
/// # Errors
/// 77 or 74 if the payload's directory cannot be opened, 65 if the torrent contradicts itself. Damage is no error here: see
/// [`Verdict::exit`].
pub fn verify(
    torrent: &Metainfo,
    place: &Place,
    watch: &mut dyn FnMut(Progress),
) -> Result<Verdict> {
    let survey = verify::survey(torrent, &place.directory, &place.only, watch)?;
    let those = |which: fn(Piece) -> bool| -> Pieces {
        let pieces = survey.pieces.iter().enumerate();
        pieces.filter(|(_, piece)| which(**piece)).map(|(index, _)| index).collect()
    };
    let hashed = those(|piece| matches!(piece, Piece::Wrong | Piece::Contrary));
    let bad = those(|piece| piece != Piece::Right);
    let mut offset = 0;
    let mut files = Vec::new();
    let mut failure = None;
    for (file, found) in torrent.files().iter().zip(survey.files) {
        let span = verify::pieces_of(torrent, offset..offset + file.length);
        let state = state(&found, &hashed.within(span.clone()), &bad.within(span.clone()));
        if !matches!(found, Found::Unasked) {
            let pieces = bad.within(span);
            files.push(Checked { pieces, ..checked(torrent, file, offset, &found, state) });
        }
        if let Found::Unreadable(error) = found {
            failure.get_or_insert(error);
        }
        offset += file.length;
    }
    let wrong = those(is_wrong);
    let contrary = those(|piece| piece == Piece::Contrary);
    let unread = those(|piece| piece == Piece::Unread);
    Ok(Verdict {
        name: escaped(torrent.name()),
        hash: torrent.info_hash().to_string(),
        payload: place.shown(),
        verdict: word(&survey.pieces, &files, failure.is_some()),
        length: torrent.total_length(),
        piece_length: torrent.piece_length(),
        pieces: survey.pieces.len(),
        hashes: Hashes::of(torrent),
        wrong,
        contrary,
        unread,
        files,
        failure,
    })
}

impl Verdict {
    /// 0 for a good payload, 65 for a damaged one; else what kept it from being read, 77, or 74 if
    /// nobody knows.
    pub fn exit(&self) -> Exit {
        match (self.verdict, &self.failure) {
            (Word::Good, _) => Exit::Done,
            (Word::Unreadable, Some(error)) => error.exit,
            (Word::Unreadable, None) => Exit::Io,
            (Word::Damaged, _) => Exit::Payload,
        }
    }

    /// What to do about it.
    pub(super) fn hint(&self) -> Option<&str> {
        match self.verdict {
            Word::Good => None,
            Word::Damaged if self.files.iter().any(|file| file.state == State::NotAFile) => {
                let whys = || self.files.iter().filter_map(|file| file.why.as_deref());
                Some(match whys().any(|why| why.contains("link")) {
                    true => "put the file itself there: a deploy follows no link either",
                    false => "put the file itself there: a deploy takes nothing else either",
                })
            }
            Word::Damaged if !self.contrary.is_empty() => {
                Some("distrust these bytes and who made the torrent: rtorrent sees nothing wrong")
            }
            Word::Damaged => {
                Some("let rtorrent check its hash (Ctrl-R): it fetches again what is wrong")
            }
            Word::Unreadable => self.failure.as_ref()?.hint.as_deref(),
        }
    }
}

/// Good is only what is known to be: every piece right, every file there.
fn word(pieces: &[Piece], files: &[Checked], failed: bool) -> Word {
    let lost = |file: &Checked| {
        matches!(file.state, State::Missing | State::Short | State::NotAFile | State::Wrong)
    };
    if pieces.iter().copied().any(is_wrong) || files.iter().any(lost) {
        return Word::Damaged;
    }
    let good = pieces.iter().all(|piece| *piece == Piece::Right)
        && files.iter().all(|file| file.state == State::Good);
    if good && !failed { Word::Good } else { Word::Unreadable }
}

/// It is not what the torrent says, whatever else could not be read.
fn is_wrong(piece: Piece) -> bool {
    matches!(piece, Piece::Wrong | Piece::Contrary | Piece::Absent)
}

fn state(found: &Found, hashed: &Pieces, bad: &Pieces) -> State {
    match found {
        Found::Missing => State::Missing,
        Found::Short(_) | Found::Shrunk => State::Short,
        Found::NotAFile(_) => State::NotAFile,
        Found::Unreadable(_) => State::Unreadable,
        Found::Whole | Found::Long(_) | Found::Unasked => match (hashed.is_empty(), bad.is_empty())
        {
            (false, _) => State::Wrong,
            (true, false) => State::Unverified,
            (true, true) => State::Good,
        },
    }
}

fn checked(torrent: &Metainfo, file: &File, offset: u64, found: &Found, state: State) -> Checked {
    let (length, why) = match found {
        Found::Whole => (Some(file.length), None),
        Found::Long(found) | Found::Short(found) => (Some(*found), None),
        Found::Shrunk => (None, Some("it became shorter while it was read".to_owned())),
        Found::NotAFile(what) => (None, Some((*what).to_owned())),
        Found::Unreadable(error) => (None, Some(error.cause.clone())),
        Found::Missing | Found::Unasked => (None, None),
    };
    Checked {
        path: path(torrent, file),
        offset,
        length: file.length,
        found: length,
        state,
        why,
        pieces: Pieces::default(),
    }
}

/// A file's path below the payload, escaped; the torrent's name for its only file.
pub(super) fn path(torrent: &Metainfo, file: &File) -> String {
    match file.path.as_slice() {
        [] => escaped(torrent.name()),
        parts => escaped(&parts.join(&b'/')),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Whatever a survey leaves open, nobody is told that the payload is good.
    #[test]
    fn good_is_only_what_is_known_to_be() {
        use Piece::{Absent, Contrary, Right, Unread, Wrong};
        assert_eq!(word(&[Right, Right], &[], false), Word::Good);
        assert_eq!(word(&[], &[], false), Word::Good, "there is not a byte");
        assert_eq!(word(&[Right, Unread], &[], false), Word::Unreadable);
        assert_eq!(word(&[Right], &[], true), Word::Unreadable);
        for bad in [Wrong, Contrary, Absent] {
            assert_eq!(word(&[bad, Unread], &[], true), Word::Damaged);
        }
    }
}
