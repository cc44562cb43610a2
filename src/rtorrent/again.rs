//! Lets go of a download and loads it again, with everything that rtorrent would forget of it.
//!
//! rtorrent does not dial a peer again that it shook hands with in the last ten minutes, so a
//! download that is checked, stopped and started gets what it lacks only then. Erased and loaded
//! again it gets it at once, and only that; and the event fires, as for every download that
//! completes. What is loaded is not started before it has everything back: values are arguments of
//! their own, so none is taken apart by rtorrent's command language, and a throttle group can be set
//! on a stopped download alone.

use super::{
    Belongings, Client,
    belongings::{LABELS, MARK},
    client::{is_stuck, known, not_removed, text, unless_unknown},
    session,
};
use crate::{
    error::{Error, Exit, Result, escaped},
    scgi::{Answer, Failure, Request, Value},
};
use metainfo::InfoHash;
use std::{
    collections::BTreeMap,
    os::unix::ffi::OsStrExt,
    path::Path,
    thread,
    time::{Duration, Instant},
};

/// How long rtorrent may take until it knows a download that it was given.
const LOADS_WITHIN: Duration = Duration::from_secs(20);
/// How long it may take to save one.
const SAVES_WITHIN: Duration = Duration::from_secs(3);
/// Between two questions. Each wakes rtorrent, which else sleeps up to a second.
const PAUSE: Duration = Duration::from_millis(20);
/// What 0.9.8 takes in one request, whatever it is told to take; and the rest of a request.
const REQUEST_MAX: u64 = 2 << 20;
const REQUEST_REST: u64 = 4 << 10;

/// Where a download stands in rtorrent.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Standing {
    /// All pieces are there, as far as rtorrent knows.
    pub complete: bool,
    /// rtorrent is checking the data.
    pub hashing: bool,
    /// It is started; who stopped it did so on purpose.
    pub started: bool,
    /// rtorrent itself stopped it: see [`Download::stuck`](super::Download::stuck).
    pub stuck: bool,
    /// How many pieces it has.
    pub pieces: u64,
    /// The mark that [`Client::load`] gave it, if it did.
    pub mark: Option<String>,
}

/// A .torrent on its way to rtorrent.
#[derive(Clone, Copy, Debug)]
pub enum Torrent<'a> {
    /// Within the request.
    Bytes(&'a [u8]),
    /// A file that rtorrent can read. Its path must be new to it: it passes over one that it has
    /// loaded before.
    File(&'a Path),
}

impl Client {
    /// Where a download stands; `None` if rtorrent does not have it.
    pub fn standing(&self, hash: InfoHash) -> Result<Option<Standing>> {
        let numbers = ["d.is_meta", "d.complete", "d.hashing", "d.state", "d.completed_chunks"];
        let mut calls: Vec<_> = numbers.map(|name| about(name, hash)).into();
        calls.push(about("d.message", hash));
        calls.push(about("d.custom", hash).arg(MARK));
        let told = self.multicall(&calls).and_then(|row| standing(&row));
        Ok(unless_unknown(told).map_err(|e| e.asking("a download"))?.flatten())
    }

    /// What rtorrent would forget of a download.
    ///
    /// # Errors
    /// 66 if it does not have the download.
    pub fn belongings(&self, hash: InfoHash, session: &Path) -> Result<Belongings> {
        let names = ["d.save_full_session", "d.directory", "d.tied_to_file", "d.throttle_name"];
        let mut calls: Vec<_> = names.map(|name| about(name, hash)).into();
        calls.extend(["d.priority", "d.custom.keys"].map(|name| about(name, hash)));
        let labels = LABELS.map(|label| format!("d.{label}"));
        calls.extend(labels.iter().map(|label| about(label, hash)));
        let told = self.multicall(&calls).and_then(|row| belongings(&row));
        let (mut told, keys) = known(told, hash, "its fields")?;
        told.customs = self.customs(hash, keys)?;
        let saved = self.saved(hash, session, &told)?;
        Ok(match saved {
            Some(saved) => told.exact(&saved),
            None => told,
        })
    }

    /// What the session has of it, as soon as that is what was told: 0.16 writes after it has answered,
    /// and passes over a save while an earlier one is being written.
    fn saved(
        &self,
        hash: InfoHash,
        session: &Path,
        told: &Belongings,
    ) -> Result<Option<Belongings>> {
        let deadline = Instant::now() + SAVES_WITHIN;
        loop {
            let saved = session::belongings(session, hash);
            if saved.as_ref().is_some_and(|saved| told.may_be(saved)) || Instant::now() > deadline {
                return Ok(saved);
            }
            thread::sleep(PAUSE);
            let save = self.ask(&about("d.save_full_session", hash));
            known(save, hash, "d.save_full_session")?;
        }
    }

    fn customs(&self, hash: InfoHash, keys: Vec<Vec<u8>>) -> Result<BTreeMap<Vec<u8>, Vec<u8>>> {
        if keys.is_empty() {
            return Ok(BTreeMap::new());
        }
        let ask = |key: &Vec<u8>| Request::new("d.custom").arg(hash.to_string()).arg(value(key));
        let calls: Vec<_> = keys.iter().map(ask).collect();
        let told = self.multicall(&calls).and_then(|row| {
            row.iter().map(|answer| Ok(text(answer)?.to_vec())).collect::<Result<Vec<_>, _>>()
        });
        Ok(keys.into_iter().zip(known(told, hash, "d.custom")?).collect())
    }

    /// Takes a download out of rtorrent, to be loaded again: its payload and the watch file that it
    /// is tied to stay. Nothing to do if rtorrent does not have it.
    ///
    /// # Errors
    /// 75 while rtorrent checks the data: see [`remove`](Self::remove).
    pub fn let_go(&self, hash: InfoHash) -> Result<()> {
        match self.standing(hash)? {
            None => Ok(()),
            Some(standing) if standing.hashing => Err(not_removed(hash, "it is checking the data")),
            Some(_) => self.erase(hash, true),
        }
    }

    /// Whether a .torrent of so many bytes fits into a request.
    pub fn takes(&self, bytes: u64) -> Result<bool> {
        const ASKED: &str = "network.xmlrpc.size_limit";
        let told = self
            .ask(&Request::new(ASKED))
            .and_then(|answer| answer.integer().ok_or_else(Failure::unexpected));
        let limit = told.map_err(|e| e.asking(ASKED))?;
        let limit = u64::try_from(limit).unwrap_or(0).min(REQUEST_MAX);
        Ok(bytes.div_ceil(3) * 4 + REQUEST_REST <= limit)
    }

    /// Loads a download, stopped and with a mark (letters, digits and dashes), and waits until
    /// rtorrent knows it: rtorrent answers a load before it has looked at what it was given.
    ///
    /// # Errors
    /// 75 if rtorrent does not know it after 20 s.
    pub fn load(&self, hash: InfoHash, torrent: Torrent<'_>, mark: &str) -> Result<()> {
        let call = match torrent {
            Torrent::Bytes(bytes) => {
                Request::new("load.raw").arg("").arg(Value::Base64(bytes.to_vec()))
            }
            Torrent::File(path) => {
                Request::new("load.normal").arg("").arg(value(path.as_os_str().as_bytes()))
            }
        };
        let call = call.arg(format!("d.custom.set={MARK},{mark}"));
        self.ask(&call).map_err(|e| e.asking("load.raw"))?;
        let deadline = Instant::now() + LOADS_WITHIN;
        loop {
            match self.standing(hash)? {
                Some(standing) if standing.mark.as_deref() == Some(mark) => return Ok(()),
                _ if Instant::now() < deadline => thread::sleep(PAUSE),
                _ => return Err(not_loaded(hash, "it does not know the download afterwards")),
            }
        }
    }

    /// Gives a download that was just loaded everything that it had. What rtorrent refuses (a
    /// throttle group that is gone) is told, and the rest given all the same.
    ///
    /// # Errors
    /// If it cannot be brought back to its directory.
    pub fn give_back(&self, hash: InfoHash, its: &Belongings) -> Result<()> {
        let place = "d.directory_base.set";
        // With the torrent's name in it, as it was told.
        known(self.set(hash, place, &[value(&its.directory)]), hash, place)?;
        let mut fields: Vec<(&str, Vec<Value>)> = vec![
            ("d.priority.set", vec![Value::Int64(its.priority)]),
            // One that was loaded from a file is tied to that.
            ("d.tied_to_file.set", vec![value(&its.tied_to)]),
        ];
        if !its.throttle.is_empty() {
            fields.push(("d.throttle_name.set", vec![value(&its.throttle)]));
        }
        let labels = LABELS.map(|label| format!("d.{label}.set"));
        let labels = labels.iter().zip(&its.labels).filter(|(_, text)| !text.is_empty());
        fields.extend(labels.map(|(call, text)| (call.as_str(), vec![value(text)])));
        // To rtorrent an empty one is the same as none.
        let customs = its
            .customs
            .iter()
            .filter(|(key, text)| !text.is_empty() && key.as_slice() != MARK.as_bytes());
        fields.extend(customs.map(|(key, text)| ("d.custom.set", vec![value(key), value(text)])));
        for (call, values) in fields {
            match self.set(hash, call, &values) {
                Err(Failure::Fault(fault)) => {
                    log::warn!("rtorrent refused `{call}` for {hash}: {}", fault.text);
                }
                done => done.map_err(|e| e.asking(call))?,
            }
        }
        Ok(())
    }

    fn set(&self, hash: InfoHash, call: &str, values: &[Value]) -> Result<(), Failure> {
        let request = about(call, hash);
        let request = values.iter().cloned().fold(request, |request, value| request.arg(value));
        self.ask(&request).map(drop)
    }

    /// Starts a download that has everything back, and has it saved.
    ///
    /// # Errors
    /// 66 if rtorrent does not have it, 75 if it does not start.
    pub fn start(&self, hash: InfoHash) -> Result<()> {
        let calls = ["d.start", "d.save_full_session", "d.state"].map(|name| about(name, hash));
        let told = self.multicall(&calls);
        match known(told, hash, "d.start")?.last().and_then(Answer::integer) {
            Some(1) => Ok(()),
            _ => Err(not_loaded(hash, "it does not start the download")),
        }
    }
}

/// A call about a download.
fn about(name: &str, hash: InfoHash) -> Request<'_> {
    Request::new(name).arg(hash.to_string())
}

/// From the answers to what [`Client::standing`] asks.
fn standing(row: &[Answer]) -> Result<Option<Standing>, Failure> {
    let [numbers @ .., message, mark] = row else { return Err(Failure::unexpected()) };
    let numbers: Option<Vec<i64>> = numbers.iter().map(Answer::integer).collect();
    let Some([meta, complete, hashing, state, pieces]) = numbers.as_deref() else {
        return Err(Failure::unexpected());
    };
    let (stuck, mark) = (is_stuck(text(message)?), escaped(text(mark)?));
    Ok((*meta == 0).then(|| Standing {
        complete: *complete != 0,
        hashing: *hashing != 0,
        started: *state != 0,
        stuck,
        pieces: u64::try_from(*pieces).unwrap_or(0),
        mark: Some(mark).filter(|mark| !mark.is_empty()),
    }))
}

/// From the answers to what [`Client::belongings`] asks, with the names of the custom fields.
fn belongings(row: &[Answer]) -> Result<(Belongings, Vec<Vec<u8>>), Failure> {
    let [_, directory, tied_to, throttle, priority, keys, labels @ ..] = row else {
        return Err(Failure::unexpected());
    };
    let bytes = |answer| text(answer).map(<[u8]>::to_vec);
    let labels: Vec<Vec<u8>> = labels.iter().map(bytes).collect::<Result<_, _>>()?;
    let keys = keys.list().ok_or_else(Failure::unexpected)?;
    let told = Belongings {
        directory: bytes(directory)?,
        tied_to: bytes(tied_to)?,
        throttle: bytes(throttle)?,
        priority: priority.integer().ok_or_else(Failure::unexpected)?,
        labels: labels.try_into().map_err(|_| Failure::unexpected())?,
        customs: BTreeMap::new(),
    };
    Ok((told, keys.iter().map(bytes).collect::<Result<_, _>>()?))
}

/// Bytes as they are, whatever they are. An empty one is text: some versions die of the other.
fn value(bytes: &[u8]) -> Value {
    match bytes {
        [] => Value::String(String::new()),
        bytes => Value::Base64(bytes.to_vec()),
    }
}

fn not_loaded(hash: InfoHash, cause: &str) -> Error {
    Error::new(Exit::Again, "load", format!("{hash} in rtorrent again"), cause)
        .hint("the next `seedship sweep` goes on; rtorrent's own log may say why")
}
