//! Who runs this, and whose apps that user writes.
//!
//! One user writes an app: the owner of its root. Root becomes that user before anything else is
//! read, or has one child do so for each owner.

use super::args::Args;
use crate::{
    config::{App, Config},
    error::{Error, Exit, Result},
    operate::Operator,
    process::{self, Owner},
};
use nix::unistd::{User, geteuid, getuid};
use std::ffi::OsString;

/// Makes this process one that may write the app, or says who may.
pub(super) fn becomes_owner_of(app: &App) -> Result<()> {
    let owner = process::owner_of(&app.root)?;
    if geteuid().is_root() {
        process::become_owner(&owner)?;
    }
    process::require_owner(&owner, &app.name)
}

/// The person behind the command, for records and history.
pub(super) fn operator() -> Result<Operator> {
    let name = std::env::var("SUDO_USER")
        .ok()
        .filter(|name| !name.is_empty())
        .or_else(|| User::from_uid(getuid()).ok().flatten().map(|user| user.name));
    let name = name.unwrap_or_else(|| format!("uid {}", getuid()));
    Ok(Operator { name, now: super::now(), random: super::random()? })
}

/// What root does with a command that is for all apps.
pub(super) enum Work {
    /// This process does it, for the apps that are left in the configuration.
    Here(Box<Config>),
    /// Children did it; the first exit code that was not 0.
    Done(u8),
}

/// Divides the apps by owner: an ordinary user goes on with all of them, root goes on as their
/// owner if there is one, and else has a child for each.
pub(super) fn divide(mut config: Config, args: &Args, typed: &[OsString]) -> Result<Work> {
    if !geteuid().is_root() {
        return Ok(Work::Here(Box::new(config)));
    }
    let mut owners: Vec<(Owner, Vec<String>)> = Vec::new();
    for app in &config.apps {
        let owner = match process::owner_of(&app.root) {
            Ok(owner) => owner,
            // Told when the app is worked on.
            Err(_) => continue,
        };
        match owners.iter_mut().find(|(known, _)| known.uid == owner.uid) {
            Some((_, apps)) => apps.push(app.name.clone()),
            None => owners.push((owner, vec![app.name.clone()])),
        }
    }
    if let Some(uid) = args.as_owner {
        let (owner, apps) =
            owners.into_iter().find(|(owner, _)| owner.uid == uid).ok_or_else(|| {
                Error::new(
                    Exit::NotFound,
                    "work for",
                    format!("user #{uid}"),
                    "no app's root is theirs",
                )
            })?;
        config.apps.retain(|app| apps.contains(&app.name));
        process::become_owner(&owner)?;
        return Ok(Work::Here(Box::new(config)));
    }
    match owners.as_slice() {
        [] => Ok(Work::Here(Box::new(config))),
        [(owner, _)] => {
            process::become_owner(owner)?;
            Ok(Work::Here(Box::new(config)))
        }
        _ => children(&owners, typed),
    }
}

fn children(owners: &[(Owner, Vec<String>)], typed: &[OsString]) -> Result<Work> {
    let mut first = 0;
    for (owner, _) in owners {
        let code = process::run_as(owner, typed.get(1..).unwrap_or_default())?;
        first = if first == 0 { code } else { first };
    }
    Ok(Work::Done(first))
}
