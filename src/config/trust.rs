//! From what is written to what is trusted: defaults filled in, keys judged together.

use super::{
    app::{Activate, App, Case, Downloads, Limits, Log, Mode, Rtorrent, Run, Scgi, Shared, Trust},
    pattern::Placeholder,
    place::{Source, hinted},
    scgi::scgi,
    value::{Argv, Item, Period, Size},
    written::{self, Level},
};
use crate::{error::Result, signature::Key};
use std::{collections::BTreeMap, ops::Range, path::Path, time::Duration};
use toml::Spanned;

/// The longest name of an app, in bytes.
const NAME_MAX: usize = 64;

/// `[rtorrent]`; `source` is the file that has `scgi`.
pub(super) fn rtorrent(written: written::Rtorrent, source: Option<Source<'_>>) -> Result<Rtorrent> {
    let scgi = match (written.scgi, source) {
        (Some(text), Some(source)) => scgi(text.get_ref(), written.allow_tcp.unwrap_or(false))
            .map_err(|message| source.error(&text.span(), message))?,
        _ => Scgi::Unix("/run/rtorrent/rpc.sock".into()),
    };
    let session = written.session.map_or("/var/lib/rtorrent/session".into(), |path| path.0);
    Ok(Rtorrent { scgi, session })
}

/// `[log]`
pub(super) fn log(written: written::Log) -> Log {
    let default = Log::default();
    Log {
        facility: written.facility.unwrap_or(default.facility),
        level: written.level.map_or(default.level, Into::into),
        socket: written.socket.map_or(default.socket, |path| path.0),
    }
}

impl From<Level> for log::LevelFilter {
    fn from(level: Level) -> Self {
        match level {
            Level::Off => Self::Off,
            Level::Error => Self::Error,
            Level::Warn => Self::Warn,
            Level::Info => Self::Info,
            Level::Debug => Self::Debug,
            Level::Trace => Self::Trace,
        }
    }
}

/// What is wrong, and where.
type Fault = (Range<usize>, String);

/// `[apps.NAME]`, whose name stands at `at`.
pub(super) fn app(
    name: &str,
    written: written::App,
    source: Source<'_>,
    at: &Range<usize>,
) -> Result<App> {
    trusted(name, written, at).map_err(|(span, message)| source.error(&span, message))
}

fn trusted(name: &str, written: written::App, at: &Range<usize>) -> Result<App, Fault> {
    check_name(name).map_err(|message| (at.clone(), message))?;
    let pattern_span = written.patterns.span();
    let patterns = written.patterns.into_inner().0;
    if patterns.is_empty() {
        return Err((pattern_span, "the list of patterns is empty".into()));
    }
    let trust = trust(written.public_keys, written.unsigned, at)?;
    let kinds = [Placeholder::Version, Placeholder::Tag];
    let mixed = kinds.iter().all(|kind| patterns.iter().any(|p| p.placeholder() == *kind));
    if mixed && trust == Trust::Unsigned {
        let cause = "unsigned releases by {version} and by {tag} have no common order";
        return Err((pattern_span, hinted(cause, "use one of the two, or sign the releases")));
    }
    let mut app = App {
        name: name.to_owned(),
        patterns,
        root: written.root.0,
        trust,
        activate: written.activate.unwrap_or(Activate::Auto),
        keep: keep(written.keep)?,
        downloads: written.downloads.unwrap_or(Downloads::WithRelease),
        shared: shared(written.shared)?,
        strip: written.strip.unwrap_or(0),
        must_exist: written.must_exist.unwrap_or_default().into_iter().map(|p| p.0.0).collect(),
        run: run(written.run)?,
        limits: limits(&written.limits.unwrap_or_default()),
        case: written.case.unwrap_or(Case::Refuse),
        lock_wait: written.lock_wait.map_or(Duration::from_secs(600), |p| p.0),
        linger: written.linger.map_or(Duration::from_secs(3600), |p| p.0),
        min_free: written.min_free.map_or(1 << 30, |size| size.0),
        mode: written.mode.unwrap_or(Mode::Public),
        env: env(written.env)?,
        digest: String::new(),
    };
    app.digest = app.fingerprint();
    Ok(app)
}

/// A name fits in a signed comment, a file name and a line of a log.
fn check_name(name: &str) -> Result<(), String> {
    let fits = |b: u8| b.is_ascii_alphanumeric() || b"._-".contains(&b);
    let begins = name.starts_with(|c: char| c.is_ascii_alphanumeric());
    if begins && name.len() <= NAME_MAX && name.bytes().all(fits) {
        return Ok(());
    }
    Err(format!(
        "`{name}` is no name of an app: it begins with a letter or digit, holds only letters, \
         digits and ._-, and has at most {NAME_MAX} bytes"
    ))
}

/// Keys, or the word that there are none: one of the two, never neither.
fn trust(
    keys: Option<Spanned<Vec<Item<Key>>>>,
    unsigned: Option<Spanned<written::Unsigned>>,
    at: &Range<usize>,
) -> Result<Trust, Fault> {
    let how = "write public_keys = [\"RWQ…\"], the second line of minisign.pub; \
               or unsigned = \"accept\" if whoever can add a torrent may deploy";
    match (keys, unsigned) {
        (Some(_), Some(unsigned)) => {
            let cause = "`unsigned` stands beside `public_keys`: is a signature needed or not?";
            Err((unsigned.span(), hinted(cause, "remove one of the two")))
        }
        (Some(keys), None) if keys.get_ref().is_empty() => {
            Err((keys.span(), hinted("`public_keys` is empty", how)))
        }
        (Some(keys), None) => {
            Ok(Trust::Keys(keys.into_inner().into_iter().map(|key| key.0).collect()))
        }
        (None, Some(_)) => Ok(Trust::Unsigned),
        (None, None) => Err((at.clone(), hinted("nothing says whose releases it takes", how))),
    }
}

fn keep(written: Option<Spanned<u32>>) -> Result<u32, Fault> {
    match written {
        Some(keep) if *keep.get_ref() == 0 => {
            let cause = "`keep` is 0, and the live release is always kept";
            Err((keep.span(), hinted(cause, "write 1 or more; 2 or more to be able to roll back")))
        }
        keep => Ok(keep.map_or(5, Spanned::into_inner)),
    }
}

/// The shared paths; a link inside a link's place would be a link inside what is shared.
fn shared(written: Option<Spanned<Vec<Spanned<written::Shared>>>>) -> Result<Vec<Shared>, Fault> {
    let mut all: Vec<Shared> = Vec::new();
    for entry in written.map(Spanned::into_inner).unwrap_or_default() {
        let span = entry.span();
        let one = match entry.into_inner() {
            written::Shared::Plain(path) => Shared { path: path.0, target: None },
            written::Shared::Pointed(to) => {
                Shared { path: to.path.0, target: to.target.map(|target| target.0) }
            }
        };
        let path = Path::new(&one.path);
        let meets = |other: &&Shared| {
            path.starts_with(&other.path) || Path::new(&other.path).starts_with(path)
        };
        if let Some(other) = all.iter().find(meets) {
            let cause = format!("the shared paths `{}` and `{}` overlap", other.path, one.path);
            return Err((span, hinted(cause, "share the outer one only")));
        }
        all.push(one);
    }
    Ok(all)
}

/// The commands of an app.
fn run(written: Option<written::Run>) -> Result<Run, Fault> {
    let written = written.unwrap_or_default();
    let argvs = |list: Option<Vec<Argv>>| list.unwrap_or_default().into_iter().map(|argv| argv.0);
    Ok(Run {
        prepare: argvs(written.prepare).collect(),
        activated: argvs(written.activated).collect(),
        check: argvs(written.check).collect(),
        timeout: timeout(written.timeout)?,
    })
}

fn timeout(written: Option<Spanned<Period>>) -> Result<Duration, Fault> {
    match written {
        Some(time) if time.get_ref().0.is_zero() => {
            Err((time.span(), "a `timeout` of nothing ends every command at once".into()))
        }
        time => Ok(time.map_or(Duration::from_secs(60), |time| time.into_inner().0)),
    }
}

fn limits(written: &written::Limits) -> Limits {
    let usual = Limits::default();
    let size = |written: Option<Size>, usual| written.map_or(usual, |size| size.0);
    Limits {
        bytes: size(written.bytes, usual.bytes),
        files: written.files.unwrap_or(usual.files),
        depth: written.depth.unwrap_or(usual.depth),
        path: written.path.unwrap_or(usual.path),
        ratio: written.ratio.unwrap_or(usual.ratio),
        memory: size(written.memory, usual.memory),
        torrent: size(written.torrent, usual.torrent),
        zip_entries: written.zip_entries.unwrap_or(usual.zip_entries),
    }
}

/// Names that a shell could set too (POSIX), and not Seedship's own.
fn env(
    written: Option<Spanned<BTreeMap<String, String>>>,
) -> Result<BTreeMap<String, String>, Fault> {
    let Some(written) = written else { return Ok(BTreeMap::new()) };
    let span = written.span();
    for (name, value) in written.get_ref() {
        let fits = |b: u8| b.is_ascii_alphanumeric() || b == b'_';
        let digit = name.starts_with(|c: char| c.is_ascii_digit());
        if name.is_empty() || digit || !name.bytes().all(fits) {
            return Err((span, format!("`{name}` is no name of an environment variable")));
        }
        if name.starts_with("SEEDSHIP_") {
            let cause = format!("`{name}` is one of the variables that seedship itself sets");
            return Err((span, hinted(cause, "choose a name that does not begin with SEEDSHIP_")));
        }
        if value.contains('\0') {
            return Err((span, format!("the value of `{name}` holds a NUL")));
        }
    }
    Ok(written.into_inner())
}
