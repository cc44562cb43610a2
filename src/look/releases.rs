//! Every release of an app, as a table.

use super::{Case, Release, View, failures};
use crate::{
    config::App,
    error::{Error, Exit, Result, one_line},
    release::{Unix, Version},
    table::{self, Cell, Table},
};
use serde::Serialize;
use std::{collections::BTreeSet, fs, path::Path};

/// What is known of an app's releases.
#[derive(Clone, Debug, Serialize)]
pub struct Releases {
    /// The app.
    pub app: String,
    /// When this was seen.
    #[serde(serialize_with = "super::rfc3339")]
    pub at: Unix,
    /// Newest first, by the app's order; what has no record last.
    pub releases: Vec<Release>,
    /// Records that cannot be read: what they would say is missing above.
    #[serde(serialize_with = "failures")]
    pub unreadable: Vec<Error>,
}

/// Looks at every release. A directory whose size no record knows is measured, file by file.
///
/// # Errors
/// 78 if the root is not there, 77 if this user may not read it.
pub fn releases(app: &App, now: Unix) -> Result<Releases> {
    let view = View::of(app, now)?;
    let mut releases = view.releases();
    for release in releases.iter_mut().filter(|r| r.size.is_none() && r.stands) {
        let record =
            view.seen.records.iter().find(|r| Some(&r.version) == release.version.as_ref());
        let link = record.map(|record| record.link_text());
        let place = link.or_else(|| release.version.as_ref().map(Version::path));
        release.size = place.and_then(|place| measured(&app.root.join(place)));
    }
    Ok(Releases { app: app.name.clone(), at: now, releases, unreadable: view.unreadable() })
}

/// Bytes of all files below a directory, links not followed; nothing where some of it cannot be
/// read. The directory itself may be a link, as other tools make them.
fn measured(place: &Path) -> Option<u64> {
    fs_extra::dir::get_size(fs::canonicalize(place).ok()?).ok()
}

impl Releases {
    /// The exit code: a record that cannot be read leaves this incomplete, and what `current` leads
    /// to has to be there.
    pub fn exit(&self) -> Exit {
        let gone = self.releases.iter().any(|release| release.state == Case::Gone);
        let done = if gone { Exit::Config } else { Exit::Done };
        self.unreadable.first().map_or(done, |error| error.exit)
    }

    /// For people: a table, then what is true of all of it.
    pub fn screen(&self, colour: bool) -> String {
        let mut text = match self.releases.is_empty() {
            true => format!("{}: no release is known\n", self.app),
            false => self.table().colour(colour).to_string(),
        };
        if let Some(signer) = self.one_signer() {
            text.push_str(&format!("all signed by {}\n", one_line(signer)));
        }
        for error in &self.unreadable {
            text.push_str(&format!("{}\n", one_line(&error.to_string())));
        }
        text
    }

    /// Who signed all that stands.
    fn one_signer(&self) -> Option<&str> {
        let standing = self.releases.iter().filter(|release| release.stands);
        let signers: BTreeSet<Option<&str>> = standing.map(|r| r.signer.as_deref()).collect();
        if signers.len() == 1 { signers.into_iter().next().flatten() } else { None }
    }

    fn table(&self) -> Table {
        // Eighty columns are few: one signer of everything is told once, below.
        let signed = self.releases.iter().any(|release| release.signer.is_some());
        let signers = signed && self.one_signer().is_none();
        let mut table = Table::new().left("VERSION").left("STATE").left("SINCE").right("NO");
        table = table.right("SIZE").right("FILES").left("PUBLISHED").left("NOTE");
        if signers {
            table = table.left("SIGNER");
        }
        for release in &self.releases {
            let mut row = self.row(release).to_vec();
            if signers {
                row.push(shown(release.signer.as_ref()));
            }
            table.row(row);
        }
        table
    }

    fn row(&self, release: &Release) -> [Cell; 8] {
        let live = release.live && release.state == Case::Unrecorded;
        let style = if live { Case::Live.style() } else { release.state.style() };
        [
            release.name().into(),
            Cell::styled(release.state, style),
            shown(release.since.map(|since| table::age(since, self.at))),
            shown(release.number),
            shown(release.size.map(table::size)),
            shown(release.files),
            shown(release.published.or(release.created).map(day)),
            notes(release).join(", ").into(),
        ]
    }
}

/// The day alone; JSON has the time.
fn day(time: Unix) -> String {
    time.to_string().split('T').next().unwrap_or_default().to_owned()
}

fn shown(value: Option<impl std::fmt::Display>) -> Cell {
    value.map(|value| value.to_string()).unwrap_or_default().into()
}

/// What else there is to say. The release before is where a rollback goes, as a rule: said once.
fn notes(release: &Release) -> Vec<&'static str> {
    let live = release.live && !matches!(release.state, Case::Live | Case::Trial | Case::Gone);
    let notes = [
        (live, "live"),
        (release.live && release.state == Case::Gone, "`current`"),
        (release.rollback_target, "rollback"),
        (release.previous && !release.rollback_target && !release.live, "previous"),
        (release.prunable, "prunable"),
        (release.adopted, "adopted"),
    ];
    notes.into_iter().filter(|(is, _)| *is).map(|(_, note)| note).collect()
}

impl Release {
    /// The version of a release that could go live if an operator named it.
    pub(super) fn could_be_activated(&self) -> Option<&Version> {
        self.version.as_ref().filter(|_| self.stands && !self.live)
    }
}
