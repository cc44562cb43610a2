//! Fragments, merged: tables of several files become one, the same key twice is an error that
//! names both files, arrays never merge, and an app stands in one file.
//!
//! The first fragment is the main file. Each app's table is read by itself, so that a mistake in
//! one breaks no other.

use super::{
    App, Broken, Config, Fragment, Pattern,
    place::Source,
    trust,
    value::{AbsolutePath, OneOrMany},
    written,
};
use crate::error::{Error, Exit, Result, escaped, quoted};
use serde::Deserialize;
use std::{borrow::Cow, collections::BTreeMap, ops::Range, path::PathBuf};
use toml::{
    Spanned,
    de::{DeTable, DeValue, Deserializer, ValueDeserializer},
};

/// The sections that may be spread over several files.
const SPREAD: [&str; 2] = ["rtorrent", "log"];

/// A table `[apps.NAME]`, with what it claims for itself even if it is wrong.
struct Claim<'f> {
    source: Source<'f>,
    at: Range<usize>,
    root: Option<PathBuf>,
    patterns: Vec<Pattern>,
    app: Result<App>,
}

/// What the files gave so far.
#[derive(Default)]
struct Merged<'f> {
    rtorrent: written::Rtorrent,
    /// Where `scgi` was written: it is judged together with `allow_tcp`.
    scgi: Option<Source<'f>>,
    log: written::Log,
    claims: BTreeMap<String, Claim<'f>>,
    /// Who wrote a key of a section, and where.
    keys: BTreeMap<(&'static str, String), (Source<'f>, usize)>,
    /// What is wrong for every app.
    faults: Vec<Error>,
}

impl Config {
    /// Makes the configuration of its files, the main one first.
    ///
    /// # Errors
    /// 78 for what concerns every app: the main file is no TOML, `[rtorrent]` or `[log]` is wrong,
    /// a key does not exist. See [`Config::faults`] for the rest.
    pub fn merge(fragments: Vec<Fragment>) -> Result<Self> {
        Self::judge(&fragments).map_err(|mut faults| faults.remove(0))
    }

    /// The same, with everything that is wrong.
    ///
    /// # Errors
    /// At least one fault, what concerns every app first.
    pub fn check(fragments: &[Fragment]) -> Result<Self, Vec<Error>> {
        let config = Self::judge(fragments)?;
        let faults: Vec<Error> = config.faults().cloned().collect();
        if faults.is_empty() { Ok(config) } else { Err(faults) }
    }

    /// The configuration, or if it is broken as a whole, everything that is wrong with it.
    fn judge(fragments: &[Fragment]) -> Result<Self, Vec<Error>> {
        let mut merged = Merged::default();
        let mut unreadable = Vec::new();
        for (number, fragment) in fragments.iter().enumerate() {
            let source = Source { path: &fragment.path, text: &fragment.text };
            match parse(source) {
                Ok(document) => merged.add(source, document),
                Err(error) if number == 0 => merged.faults.push(error),
                Err(error) => unreadable.push(error),
            }
        }
        refuse_shared_roots(&mut merged.claims);
        let mut faults = merged.faults;
        let rtorrent = trust::rtorrent(merged.rtorrent, merged.scgi);
        let (mut apps, mut broken) = (Vec::new(), Vec::new());
        for (name, Claim { root, patterns, app, .. }) in merged.claims {
            match app {
                Ok(app) => apps.push(app),
                Err(error) => broken.push(Broken { name, root, patterns, error }),
            }
        }
        match rtorrent {
            Ok(rtorrent) if faults.is_empty() => {
                Ok(Self { rtorrent, log: trust::log(merged.log), apps, broken, unreadable })
            }
            judged => {
                faults.extend(judged.err());
                faults.extend(unreadable);
                faults.extend(broken.into_iter().map(|broken| broken.error));
                Err(faults)
            }
        }
    }
}

/// The file as a tree that knows its places.
fn parse(source: Source<'_>) -> Result<Spanned<DeTable<'_>>> {
    // TOML allows no NUL anywhere; `read` puts one where a file is not UTF-8.
    if let Some(at) = source.text.find('\0') {
        return Err(source.error(&(at..at), "a byte that is no text (the file must be UTF-8)"));
    }
    DeTable::parse(source.text).map_err(|error| source.refused(&error, &(0..0)))
}

impl<'f> Merged<'f> {
    fn add(&mut self, source: Source<'f>, document: Spanned<DeTable<'f>>) {
        let whole = document.span();
        let mut document = document.into_inner();
        let apps = document.remove("apps");
        for section in SPREAD {
            if let Some(DeValue::Table(table)) = document.get(section).map(Spanned::get_ref) {
                let noted = self.note_keys(section, table, source);
                self.faults.extend(noted.err());
            }
        }
        // Each key by itself: a wrong one hides no other.
        for (key, value) in document {
            let one = DeTable::from_iter([(key, value)]);
            let one = Deserializer::from(Spanned::new(whole.clone(), one));
            match written::File::deserialize(one) {
                Ok(file) => self.overlay(source, file),
                Err(error) => self.faults.push(source.refused(&error, &whole)),
            }
        }
        let Some(apps) = apps else { return };
        let at = apps.span();
        match apps.into_inner() {
            DeValue::Table(tables) => {
                tables.into_iter().for_each(|(name, table)| self.claim(source, &name, table))
            }
            _ => {
                let cause = "`apps` is a table of apps: write [apps.NAME]";
                self.faults.push(source.error(&at, cause));
            }
        }
    }

    /// Remembers who wrote which key.
    fn note_keys(
        &mut self,
        section: &'static str,
        table: &DeTable<'_>,
        source: Source<'f>,
    ) -> Result<()> {
        for key in table.keys() {
            let name = key.get_ref().to_string();
            let known = self.keys.insert((section, name), (source, key.span().start));
            if let Some((first, at)) = known {
                let cause = format!("`{section}.{key}` stands here and in {}", first.place(at));
                return Err(source
                    .error(&key.span(), cause)
                    .hint("remove one of the two: nothing is overridden in silence"));
            }
        }
        Ok(())
    }

    /// Adds what a file says beside `apps`; no key is there twice.
    fn overlay(&mut self, source: Source<'f>, file: written::File) {
        if let Some(more) = file.rtorrent {
            let mine = &mut self.rtorrent;
            if more.scgi.is_some() {
                (mine.scgi, self.scgi) = (more.scgi, Some(source));
            }
            mine.session = more.session.or(mine.session.take());
            mine.allow_tcp = more.allow_tcp.or(mine.allow_tcp);
        }
        if let Some(more) = file.log {
            let mine = &mut self.log;
            mine.facility = more.facility.or(mine.facility);
            mine.level = more.level.or(mine.level);
            mine.socket = more.socket.or(mine.socket.take());
        }
    }

    /// Takes an app's table, or breaks the app of that name if another file has it as well.
    fn claim(
        &mut self,
        source: Source<'f>,
        name: &Spanned<Cow<'f, str>>,
        table: Spanned<DeValue<'f>>,
    ) {
        let (root, patterns) = claimed(&table);
        let at = name.span();
        let text = name.get_ref().to_string();
        if let Some(first) = self.claims.get_mut(&text) {
            let elsewhere = first.source.place(first.at.start);
            let cause = format!("app `{text}` stands here and in {elsewhere}");
            first.app = Err(source.error(&at, cause).hint("an app stands in one file"));
            first.patterns.extend(patterns);
            first.root = first.root.take().or(root);
            return;
        }
        let span = table.span();
        let app = written::App::deserialize(ValueDeserializer::from(table))
            .map_err(|error| source.refused(&error, &span))
            .and_then(|app| trust::app(&text, app, source, &at));
        self.claims.insert(text, Claim { source, at, root, patterns, app });
    }
}

/// Root and patterns of an app's table, as far as these alone can be read.
fn claimed(table: &Spanned<DeValue<'_>>) -> (Option<PathBuf>, Vec<Pattern>) {
    let get = |key: &str| table.get_ref().get(key).cloned().map(ValueDeserializer::from);
    let root = get("root").and_then(|value| AbsolutePath::deserialize(value).ok());
    let patterns = get("match").and_then(|value| OneOrMany::deserialize(value).ok());
    (root.map(|path| path.0), patterns.map_or_else(Vec::new, |many| many.0))
}

/// Two apps in one place would remove each other's releases: neither is deployed.
fn refuse_shared_roots(claims: &mut BTreeMap<String, Claim<'_>>) {
    let roots: Vec<(String, PathBuf)> = claims
        .iter()
        .filter_map(|(name, claim)| Some((name.clone(), claim.root.clone()?)))
        .collect();
    for (i, (a, inner)) in roots.iter().enumerate() {
        for (b, outer) in &roots[..i] {
            let how = match (inner == outer, inner.starts_with(outer), outer.starts_with(inner)) {
                (true, ..) => "is also",
                (_, true, _) => "lies in",
                (.., true) => "holds",
                _ => continue,
            };
            let cause = format!(
                "its root {} {how} the root {} of app `{}`",
                quoted(inner),
                quoted(outer),
                escaped(b.as_bytes())
            );
            let thing = format!("app `{}`", escaped(a.as_bytes()));
            let error = Error::new(Exit::Config, "take", thing, cause)
                .hint("give each app a root of its own, none within another")
                .unrecorded();
            for name in [a, b] {
                if let Some(claim) = claims.get_mut(name).filter(|claim| claim.app.is_ok()) {
                    claim.app = Err(error.clone());
                }
            }
        }
    }
}
