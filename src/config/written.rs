//! The configuration as it is written: what a file may hold, every key optional that has a
//! default, spans kept for what is judged later.
//!
//! The documentation of each field is written for operators and stands word for word in the
//! documented example, `packaging/config.toml`.

use super::{
    app::{Activate, Case, Downloads, Facility, Mode},
    pattern::Pattern,
    value::{AbsolutePath, Argv, InnerPath, Item, OneOrMany, Period, Size},
};
use crate::signature::Key;
use serde::{
    Deserialize, Deserializer, Serialize,
    de::{self, IgnoredAny, MapAccess, Visitor, value::MapAccessDeserializer},
};
use std::{collections::BTreeMap, fmt};
use toml::Spanned;

/// A file, but for `apps`, whose tables are read one by one: a wrong one breaks no other.
#[derive(Deserialize)]
#[serde(deny_unknown_fields, expecting = "a table")]
pub(super) struct File {
    pub(super) rtorrent: Option<Rtorrent>,
    pub(super) log: Option<Log>,
    #[serde(rename = "apps")]
    pub(super) _apps: Option<IgnoredAny>,
}

/// `[rtorrent]`
#[derive(Default, Deserialize, Serialize)]
#[serde(deny_unknown_fields, expecting = "a table")]
pub(super) struct Rtorrent {
    /// Where rtorrent's SCGI listens: the path of a Unix socket, in a directory that only
    /// rtorrent's user may enter.
    pub(super) scgi: Option<Spanned<String>>,
    /// rtorrent's session directory.
    pub(super) session: Option<AbsolutePath>,
    /// Whether `scgi` may be HOST:PORT: "127.0.0.1:5000", "[::1]:5000", "localhost:5000". Whoever can
    /// connect there is rtorrent: it can run any command as that user. On 127.0.0.1 that is every
    /// user and every web application of this machine; elsewhere, everybody whom no firewall stops.
    pub(super) allow_tcp: Option<bool>,
}

/// `[log]`
#[derive(Default, Deserialize, Serialize)]
#[serde(deny_unknown_fields, expecting = "a table")]
pub(super) struct Log {
    /// The syslog facility: daemon, user, local0 to local7, and the others of syslog(3).
    pub(super) facility: Option<Facility>,
    /// The least important messages that are written: off, error, warn, info, debug, trace.
    pub(super) level: Option<Level>,
    /// The socket of the syslog daemon.
    pub(super) socket: Option<AbsolutePath>,
}

/// How important a message must be.
#[derive(Clone, Copy, Deserialize, Serialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum Level {
    Off,
    Error,
    Warn,
    Info,
    Debug,
    Trace,
}

/// `[apps.NAME]`
#[derive(Deserialize, Serialize)]
#[serde(deny_unknown_fields, expecting = "a table")]
pub(super) struct App {
    /// The whole name of the app's torrents, one pattern or a list. {version} stands for a
    /// version like 1.4.2 or v1.4.2~rc1, {tag} for any name of letters, digits and .+~_-
    #[serde(rename = "match")]
    pub(super) patterns: Spanned<OneOrMany<Pattern>>,
    /// Where the app lives. The directory must exist; its owner is the user that deploys.
    pub(super) root: AbsolutePath,
    /// minisign keys; a release must be signed by any of them.
    pub(super) public_keys: Option<Spanned<Vec<Item<Key>>>>,
    /// Instead of keys: "accept". Whoever can add a torrent can deploy then.
    pub(super) unsigned: Option<Spanned<Unsigned>>,
    /// "auto": a newer release goes live when it has landed; "manual": when an operator says so.
    pub(super) activate: Option<Activate>,
    /// How many releases are kept, the live one among them. Bad ones do not count, and more stay: the
    /// newest bad one, where a rollback would go, what was live a moment ago (`seedship prune --help`).
    pub(super) keep: Option<Spanned<u32>>,
    /// "with-release": a pruned release's download leaves rtorrent and the disk; "keep": it stays.
    pub(super) downloads: Option<Downloads>,
    /// Paths that all releases share: links to the same path under ROOT/shared, which must be
    /// there before a release can land, or to a target that is given.
    pub(super) shared: Option<Spanned<Vec<Spanned<Shared>>>>,
    /// How many leading path components the entries of an archive lose.
    pub(super) strip: Option<u32>,
    /// Paths that a payload must hold, else it is refused.
    pub(super) must_exist: Option<Vec<Item<InnerPath>>>,
    /// Names that differ only by case or by Unicode normal form: "refuse" or "accept".
    pub(super) case: Option<Case>,
    /// How long an event waits while another release is being deployed, before `sweep` has to
    /// bring it.
    pub(super) lock_wait: Option<Period>,
    /// How long a release that is no longer live is spared, for who still reads its files.
    pub(super) linger: Option<Period>,
    /// What must stay free on the file system of the root.
    pub(super) min_free: Option<Size>,
    /// "public": everyone may read a release; "private": the owner and the group.
    pub(super) mode: Option<Mode>,
    /// What a payload may not exceed.
    pub(super) limits: Option<Limits>,
    /// Added to the environment of commands.
    pub(super) env: Option<Spanned<BTreeMap<String, String>>>,
    /// Commands, each a list of a program and its arguments; no shell reads them.
    pub(super) run: Option<Run>,
}

/// `unsigned = "accept"`
#[derive(Clone, Copy, Deserialize, Serialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum Unsigned {
    Accept,
}

/// An entry of `shared`: a path, or a table of path and target.
#[derive(Clone, Serialize)]
#[serde(untagged)]
pub(super) enum Shared {
    Plain(InnerPath),
    Pointed(Pointed),
}

/// `{ path = "…", target = "/…" }`
#[derive(Clone, Deserialize, Serialize)]
#[serde(deny_unknown_fields, expecting = "a table of path and target")]
pub(super) struct Pointed {
    /// A place in the release.
    pub(super) path: InnerPath,
    /// Where it points, a path from `/`.
    pub(super) target: Option<AbsolutePath>,
}

/// `[apps.NAME.limits]`
#[derive(Default, Deserialize, Serialize)]
#[serde(deny_unknown_fields, expecting = "a table")]
pub(super) struct Limits {
    /// Bytes of all files together.
    pub(super) bytes: Option<Size>,
    /// Files, directories and links.
    pub(super) files: Option<u64>,
    /// Components of a path.
    pub(super) depth: Option<u64>,
    /// Bytes of a path.
    pub(super) path: Option<u64>,
    /// Bytes unpacked for each byte packed, past the first 64 MiB.
    pub(super) ratio: Option<u64>,
    /// Memory of a deploy; what an archive's window needs beyond it is refused.
    pub(super) memory: Option<Size>,
    /// Bytes of a .torrent file.
    pub(super) torrent: Option<Size>,
    /// Entries of a zip file.
    pub(super) zip_entries: Option<u64>,
}

/// `[apps.NAME.run]`
#[derive(Default, Deserialize, Serialize)]
#[serde(deny_unknown_fields, expecting = "a table")]
pub(super) struct Run {
    /// In the unpacked release, before anyone can see it.
    pub(super) prepare: Option<Vec<Argv>>,
    /// After the release went live.
    pub(super) activated: Option<Vec<Argv>>,
    /// Then, once a second until it passes; if it does not, the release before comes back.
    pub(super) check: Option<Vec<Argv>>,
    /// How long a command may take; for `check`, all attempts together.
    pub(super) timeout: Option<Spanned<Period>>,
}

impl<'de> Deserialize<'de> for Shared {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        struct Entry;
        impl<'de> Visitor<'de> for Entry {
            type Value = Shared;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a path, or a table of path and target")
            }
            fn visit_str<E: de::Error>(self, text: &str) -> Result<Shared, E> {
                InnerPath::try_from(text.to_owned()).map(Shared::Plain).map_err(E::custom)
            }
            fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Shared, A::Error> {
                Pointed::deserialize(MapAccessDeserializer::new(map)).map(Shared::Pointed)
            }
        }
        from.deserialize_any(Entry)
    }
}
