//! The configuration as text again, defaults filled in: it can be read back and means the same.

use super::{
    App, Broken, Config, Log, Rtorrent, Scgi, Shared, Trust,
    value::{AbsolutePath, Argv, InnerPath, Item, OneOrMany, Period, Size},
    written::{self, Level},
};
use crate::error::{Error, Exit, Result, escaped};
use serde::Serialize;
use std::collections::BTreeMap;
use toml::Spanned;

/// A whole configuration, as one file would hold it.
#[derive(Serialize)]
struct File<'c> {
    rtorrent: written::Rtorrent,
    log: written::Log,
    apps: BTreeMap<&'c str, written::App>,
}

impl Config {
    /// The effective configuration as TOML. What is broken or unreadable stands in comments.
    ///
    /// # Errors
    /// 70 only: everything here can be written.
    pub fn to_toml(&self) -> Result<String> {
        let apps = self.apps.iter().map(|app| (&*app.name, app.into())).collect();
        let file = File { rtorrent: (&self.rtorrent).into(), log: (&self.log).into(), apps };
        let mut text = toml::to_string(&file)
            .map_err(|error| Error::new(Exit::Bug, "write", "the configuration", error))?;
        for Broken { name, error, .. } in &self.broken {
            text += &format!("\n# app `{}` cannot be used: {error}\n", escaped(name.as_bytes()));
        }
        for error in &self.unreadable {
            text += &format!("\n# its apps are not known: {error}\n");
        }
        Ok(text)
    }
}

impl App {
    /// 16 hex digits that change when the effective configuration or Seedship does.
    pub(super) fn fingerprint(&self) -> String {
        // Serialising these plain types cannot fail; were it to, the digest would still differ
        // from every other app's by its name.
        let text = toml::to_string(&written::App::from(self)).unwrap_or_default();
        let mut hasher = blake3::Hasher::new();
        for part in [env!("CARGO_PKG_VERSION"), &self.name, &text] {
            hasher.update(part.as_bytes()).update(b"\0");
        }
        hasher.finalize().to_hex()[..16].to_owned()
    }
}

/// What is written by no hand stands nowhere.
fn nowhere<T>(value: T) -> Spanned<T> {
    Spanned::new(0..0, value)
}

impl From<&Rtorrent> for written::Rtorrent {
    fn from(rtorrent: &Rtorrent) -> Self {
        let (scgi, tcp) = match &rtorrent.scgi {
            Scgi::Unix(path) => (path.to_string_lossy().into_owned(), false),
            Scgi::Tcp(address) => (address.clone(), true),
        };
        Self {
            scgi: Some(nowhere(scgi)),
            session: Some(AbsolutePath(rtorrent.session.clone())),
            allow_tcp: Some(tcp),
        }
    }
}

impl From<&Log> for written::Log {
    fn from(log: &Log) -> Self {
        let level = match log.level {
            log::LevelFilter::Off => Level::Off,
            log::LevelFilter::Error => Level::Error,
            log::LevelFilter::Warn => Level::Warn,
            log::LevelFilter::Info => Level::Info,
            log::LevelFilter::Debug => Level::Debug,
            log::LevelFilter::Trace => Level::Trace,
        };
        Self {
            facility: Some(log.facility),
            level: Some(level),
            socket: Some(AbsolutePath(log.socket.clone())),
        }
    }
}

impl From<&App> for written::App {
    fn from(app: &App) -> Self {
        let (public_keys, unsigned) = match &app.trust {
            Trust::Keys(keys) => (Some(nowhere(keys.iter().cloned().map(Item).collect())), None),
            Trust::Unsigned => (None, Some(nowhere(written::Unsigned::Accept))),
        };
        let shared = app.shared.iter().map(|shared| nowhere(shared.into())).collect();
        Self {
            patterns: nowhere(OneOrMany(app.patterns.clone())),
            root: AbsolutePath(app.root.clone()),
            public_keys,
            unsigned,
            activate: Some(app.activate),
            keep: Some(nowhere(app.keep)),
            downloads: Some(app.downloads),
            shared: Some(nowhere(shared)),
            strip: Some(app.strip),
            must_exist: Some(app.must_exist.iter().cloned().map(InnerPath).map(Item).collect()),
            case: Some(app.case),
            lock_wait: Some(Period(app.lock_wait)),
            linger: Some(Period(app.linger)),
            min_free: Some(Size(app.min_free)),
            mode: Some(app.mode),
            limits: Some((&app.limits).into()),
            env: Some(nowhere(app.env.clone())),
            run: Some((&app.run).into()),
        }
    }
}

impl From<&Shared> for written::Shared {
    fn from(shared: &Shared) -> Self {
        let path = InnerPath(shared.path.clone());
        match &shared.target {
            None => Self::Plain(path),
            Some(target) => {
                Self::Pointed(written::Pointed { path, target: Some(AbsolutePath(target.clone())) })
            }
        }
    }
}

impl From<&super::Limits> for written::Limits {
    fn from(limits: &super::Limits) -> Self {
        Self {
            bytes: Some(Size(limits.bytes)),
            files: Some(limits.files),
            depth: Some(limits.depth),
            path: Some(limits.path),
            ratio: Some(limits.ratio),
            memory: Some(Size(limits.memory)),
            torrent: Some(Size(limits.torrent)),
            zip_entries: Some(limits.zip_entries),
        }
    }
}

impl From<&super::Run> for written::Run {
    fn from(run: &super::Run) -> Self {
        let argvs = |list: &[Vec<String>]| Some(list.iter().cloned().map(Argv).collect());
        Self {
            prepare: argvs(&run.prepare),
            activated: argvs(&run.activated),
            check: argvs(&run.check),
            timeout: Some(nowhere(Period(run.timeout))),
        }
    }
}
