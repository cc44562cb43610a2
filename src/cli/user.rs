//! Who runs this, and whose apps that user writes.
//!
//! One user writes an app: the owner of its root. Root becomes that user before anything else is
//! read, or has one child do so for each owner.

use super::args::{Args, Command};
use crate::{
    config::{App, Config},
    error::{Error, Exit, Result},
    operate::Operator,
    process::{self, Owner},
    report,
    sweep::Failed,
};
use nix::unistd::{User, geteuid, getuid};
use serde_json::{Map, Value};
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
    /// This process does it, for the apps whose roots its user owns.
    Here(Box<Config>),
    /// Children did it.
    Done(Children),
}

/// What root's children came to.
#[derive(Default)]
pub(super) struct Children {
    /// The first exit code that was not 0.
    pub(super) code: u8,
    /// What each told on stdout, in the form that was asked for.
    told: Vec<String>,
    /// Users whose child could not even be started, or did not end, and why.
    failed: Vec<(String, Error)>,
    /// What the one that knew an event's torrent answered; until then the first failure.
    answer: Option<Answer>,
}

/// What a child answered, as machines read it.
pub(super) struct Answer {
    pub(super) code: u8,
    pub(super) object: Value,
}

impl Children {
    /// What they told people, line by line.
    pub(super) fn lines(&self) -> impl Iterator<Item = &str> {
        self.told.iter().flat_map(|told| told.lines())
    }

    /// The answer to an event.
    pub(super) fn answer(&self) -> Option<&Answer> {
        self.answer.as_ref()
    }

    /// Whose work came to nothing at all.
    pub(super) fn failures(&self) -> impl Iterator<Item = Failed> {
        self.failed.iter().map(|(user, error)| Failed::new(user, error))
    }

    /// What they told machines of a sweep, as one object: lists are joined, each item once; of all
    /// else the first stands.
    pub(super) fn object(&self) -> Map<String, Value> {
        let told = self.told.iter().filter_map(|told| serde_json::from_str(told).ok());
        let mut all = Map::new();
        for object in told {
            let Value::Object(object) = object else { continue };
            for (key, value) in object {
                match (all.get_mut(&key), value) {
                    (Some(Value::Array(all)), Value::Array(more)) => {
                        let new: Vec<Value> =
                            more.into_iter().filter(|item| !all.contains(item)).collect();
                        all.extend(new);
                    }
                    (Some(_), _) => {}
                    (None, value) => drop(all.insert(key, value)),
                }
            }
        }
        all
    }

    fn ended(&mut self, code: u8) {
        self.code = if self.code == 0 { code } else { self.code };
    }
}

/// Divides the work by the owners of the roots: an ordinary user goes on alone, root goes on as
/// their owner if there is one, and else has a child for each. Every process keeps all apps of the
/// configuration, for which app a torrent is for depends on all of them; each leaves alone what is
/// not its own.
pub(super) fn divide(config: Config, args: &Args, typed: &[OsString]) -> Result<Work> {
    if !geteuid().is_root() {
        return Ok(Work::Here(Box::new(config)));
    }
    // A root that is not there is told when its app is worked on.
    let owners = config.apps.iter().filter_map(|app| process::owner_of(&app.root).ok());
    let mut owners: Vec<Owner> = owners.collect();
    owners.sort_by_key(|owner| owner.uid);
    owners.dedup_by_key(|owner| owner.uid);
    if let Some(uid) = args.as_owner {
        owners.retain(|owner| owner.uid == uid);
        if owners.is_empty() {
            let (user, cause) = (format!("user #{uid}"), "no app's root is theirs");
            return Err(Error::new(Exit::NotFound, "work for", user, cause)
                .hint("the root of an app changed hands just now: try again"));
        }
    }
    match owners.as_slice() {
        [] => Ok(Work::Here(Box::new(config))),
        [owner] => {
            process::become_owner(owner)?;
            Ok(Work::Here(Box::new(config)))
        }
        _ => match &args.command {
            Command::Finished(_) => Ok(Work::Done(one_of(&owners, typed))),
            _ => Ok(Work::Done(all_of(&owners, args.everywhere.json, typed))),
        },
    }
}

/// The app is another user's to work on. One whose root is not there is nobody's: whoever comes
/// first says so.
pub(super) fn is_anothers(app: &App) -> bool {
    process::owner_of(&app.root).is_ok_and(|owner| owner.uid != geteuid().as_raw())
}

/// Every owner's child does its part.
fn all_of(owners: &[Owner], json: bool, typed: &[OsString]) -> Children {
    let mut all = Children::default();
    for owner in owners {
        let user = format!("user `{owner}`");
        let code = match process::run_as(owner, typed.get(1..).unwrap_or_default()) {
            Ok((code, told)) => {
                // One that failed as a whole has no part in the lists, and its failure is one of all.
                match failure(&told).filter(|_| json) {
                    Some(error) => all.failed.push((user, error)),
                    None => all.told.push(told),
                }
                code
            }
            // One owner's child that died does not keep the others from theirs.
            Err(error) => {
                report::line_of(&error).log(report::level_of(&error));
                let code = error.exit.code();
                all.failed.push((user, error));
                code
            }
        };
        all.ended(code);
    }
    all
}

/// A torrent is for one app. Whose it is only that owner's child may be able to find out: what failed
/// for others before, as their rights are others, is no part of the answer.
fn one_of(owners: &[Owner], typed: &[OsString]) -> Children {
    let mut all = Children::default();
    // Whatever form was asked for: the answer is read here, and told by this process.
    let mut words = vec![OsString::from("--json")];
    words.extend(typed.iter().skip(1).filter(|word| *word != "--json").cloned());
    for owner in owners {
        let (code, object) = match process::run_as(owner, &words) {
            Ok((code, told)) => (code, serde_json::from_str(&told).unwrap_or_default()),
            Err(error) => (error.exit.code(), report::in_json(&error)),
        };
        let is_told = object != Value::Null;
        let is_known = object.get("app").is_some() || is_the_same_for_all(code);
        if is_known {
            all.code = code;
            all.answer = Some(Answer { code, object });
            break;
        }
        all.ended(code);
        if is_told && all.answer.is_none() {
            all.answer = Some(Answer { code, object });
        }
    }
    all
}

fn failure(told: &str) -> Option<Error> {
    serde_json::from_str(told).ok().as_ref().and_then(report::from_json)
}

/// The event failed in a way that has nothing to do with what one user may read or reach: another
/// would only say it again.
fn is_the_same_for_all(code: u8) -> bool {
    let by_rights = [Exit::Done, Exit::Unreachable, Exit::Io, Exit::Again, Exit::Permission];
    !by_rights.iter().any(|exit| exit.code() == code)
}
