//! What an operator types to look at something: no lock, nothing written.

use super::{
    args::{App as OneApp, Audit, History, SomeApp},
    output::Output,
    progress::Progress,
};
use crate::{
    config::{App, Config},
    error::{Exit, Result},
    look, process,
};
use nix::unistd::geteuid;

pub(super) fn status(config: &Config, typed: &SomeApp, output: &Output) -> Result<Exit> {
    let named = typed.app.as_deref();
    become_owner(config.apps.iter().filter(|app| named.is_none_or(|name| app.name == name)))?;
    let status = look::status(config, named, super::now())?;
    output.answer(status.screen(output.colour()), &status);
    Ok(status.exit())
}

pub(super) fn releases(config: &Config, typed: &OneApp, output: &Output) -> Result<Exit> {
    let app = config.app(&typed.app)?;
    become_owner([app])?;
    let releases = look::releases(app, super::now())?;
    output.answer(releases.screen(output.colour()), &releases);
    Ok(releases.exit())
}

pub(super) fn history(config: &Config, typed: &History, output: &Output) -> Result<Exit> {
    let app = config.app(&typed.app)?;
    become_owner([app])?;
    let events = look::history(app, typed.lines)?;
    output.answer(events.screen(), &events);
    Ok(Exit::Done)
}

pub(super) fn audit(config: &Config, typed: &Audit, output: &Output) -> Result<Exit> {
    let app = config.app(&typed.app)?;
    become_owner([app])?;
    let progress = Progress::new(0, output);
    let audit = look::audit(app, typed.version.as_ref(), &|more, of| progress.more(more, of))?;
    drop(progress);
    output.answer(audit.screen(output.colour()), &audit);
    Ok(audit.exit())
}

/// Root reads with the owner's rights, not its own: what lies in a root is the owner's to put
/// there. Apps of several owners are read as root, in one answer.
pub(super) fn become_owner<'a>(apps: impl IntoIterator<Item = &'a App>) -> Result<()> {
    if !geteuid().is_root() {
        return Ok(());
    }
    // A root that is not there is told when it is looked at.
    let owners = apps.into_iter().filter_map(|app| process::owner_of(&app.root).ok());
    let mut owners: Vec<_> = owners.collect();
    owners.sort_by_key(|owner| owner.uid);
    owners.dedup_by_key(|owner| owner.uid);
    match owners.as_slice() {
        [owner] => process::become_owner(owner),
        _ => Ok(()),
    }
}
