//! `--fix`: binds the hook in the running rtorrent, and reads it back.
//!
//! What is bound has run once as rtorrent's child before, so a broken binding is never made. Nothing
//! else is changed: other handlers stay, and what rtorrent reads at its next start is the rc file's
//! business, whose line is told.

use super::{
    Asked, Inside, child,
    hook::{self, Hook, KEY, Wrong},
    reach::Version,
};
use crate::{
    error::{Error, Exit, Result, escaped, quoted},
    rtorrent::command,
};
use serde::Serialize;
use std::path::Path;

/// What `--fix` did, or would do.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
pub struct Mended {
    /// Nothing was changed.
    pub dry_run: bool,
    /// The handlers that were taken away, by their keys.
    pub removed: Vec<String>,
    /// What was bound under `zz_seedship`; null if it was bound right already.
    pub bound: Option<String>,
    /// The line of rtorrent.rc that makes it last.
    pub rc_line: String,
}

/// Binds the hook where it is not bound right.
///
/// # Errors
/// 69 if rtorrent does not answer or cannot run the program, 78 if its child reads another
/// configuration whatever is said, or a wrong handler does other things too.
pub fn mend(asked: &Asked<'_>, dry_run: bool) -> Result<Mended> {
    let version = Version::parse(&asked.rtorrent.version()?);
    let hook = hook::look(asked.rtorrent, &version, asked.program);
    let plan = Plan::of(asked, &hook)?;
    if !dry_run {
        plan.carry_out(asked, &version)?;
    }
    let bound = (!plan.is_done).then(|| plan.text());
    Ok(Mended { dry_run, removed: plan.remove.clone(), bound, rc_line: plan.rc_line() })
}

/// What is to be bound, and what goes.
struct Plan {
    program: String,
    options: Vec<String>,
    remove: Vec<String>,
    is_done: bool,
}

impl Plan {
    fn of(asked: &Asked<'_>, hook: &Hook) -> Result<Self> {
        let (program, options, inside) = reachable(asked, hook)?;
        let is_right = |call: &hook::Call| call.program == program && call.options == options;
        let is_done =
            hook.right.as_ref().is_some_and(is_right) && inside.digest == asked.own.digest;
        // What is right but reads another configuration is as wrong as the rest.
        let stale = hook.right.iter().filter(|_| !is_done);
        let stale = stale.map(|call| Wrong { key: call.key.clone(), alone: call.alone });
        let wrong: Vec<Wrong> = hook.wrong.iter().cloned().chain(stale).collect();
        if let Some(mixed) = wrong.iter().find(|wrong| !wrong.alone) {
            let thing = format!("the handler `{}`", escaped(mixed.key.as_bytes()));
            let cause = "it does other things beside calling seedship";
            return Err(Error::new(Exit::Config, "replace", thing, cause).hint(
                "take the call of seedship out of that line of the rc file, and restart rtorrent",
            ));
        }
        // What is bound anew takes the place of what was under our own key.
        let keys = wrong.into_iter().map(|wrong| wrong.key);
        let remove = keys.filter(|key| is_done || key != KEY).collect();
        Ok(Self { program, options, remove, is_done })
    }

    /// Binds first: in between there are two handlers, not none.
    fn carry_out(&self, asked: &Asked<'_>, version: &Version) -> Result<()> {
        if !self.is_done {
            asked.rtorrent.bind(KEY, &self.text())?;
        }
        self.remove.iter().try_for_each(|key| asked.rtorrent.unbind(key))?;
        let now = hook::look(asked.rtorrent, version, asked.program);
        let is_right = |call: &hook::Call| call.program == self.program;
        if now.right.as_ref().is_some_and(is_right) && now.wrong.is_empty() {
            return Ok(());
        }
        let cause = "read back, it is not what was bound";
        Err(Error::new(Exit::Unreachable, "bind", "the hook in the running rtorrent", cause)
            .hint(format!("put this into its rc file and restart it: {}", self.rc_line())))
    }

    /// The arguments between the program and `finished`.
    fn words(&self) -> impl Iterator<Item = &String> {
        std::iter::once(&self.program).chain(&self.options)
    }

    /// As it is bound over the socket, which takes no list.
    fn text(&self) -> String {
        let words: Vec<String> = self.words().map(|word| command::quoted(word)).collect();
        format!("execute.nothrow.bg={},finished,$d.hash=", words.join(","))
    }

    /// As it stands in a rc file.
    fn rc_line(&self) -> String {
        let words: Vec<String> = self.words().map(|word| command::quoted(word)).collect();
        format!(
            "method.set_key = event.download.finished, {KEY}, ((execute.nothrow.bg, {}, finished, ((d.hash))))",
            words.join(", ")
        )
    }
}

/// A program that rtorrent can run, and what it must be told to read this configuration: what is
/// bound now, if that will do, else this program.
fn reachable(asked: &Asked<'_>, hook: &Hook) -> Result<(String, Vec<String>, Inside)> {
    let own = asked.program.to_string_lossy().into_owned();
    let named = hook.called.iter().filter(|call| call.program.ends_with("/seedship"));
    let named = named.map(|call| (call.program.clone(), call.options.clone()));
    let config = vec!["--config".to_owned(), asked.file.to_string_lossy().into_owned()];
    let mut failed = None;
    let mut programs: Vec<(String, Vec<String>)> = named.collect();
    programs.push((own, Vec::new()));
    for (program, options) in programs {
        // As it is bound; bare, as the shipped line has it; with the configuration named.
        let options = Some(options).filter(|options| !options.is_empty());
        for options in options.into_iter().chain([Vec::new(), config.clone()]) {
            match child::ask(asked, &program, &options) {
                Ok(inside) if inside.digest == asked.own.digest => {
                    return Ok((program, options, inside));
                }
                // The last says it best: to that one the configuration was named.
                Ok(inside) => failed = Some(reads_another(&inside, asked)),
                Err(error) => {
                    failed = failed.or(Some(error));
                    break;
                }
            }
        }
    }
    Err(failed
        .unwrap_or_else(|| Error::new(Exit::Bug, "find", "a program to bind", "none was tried")))
}

fn reads_another(inside: &Inside, asked: &Asked<'_>) -> Error {
    let cause = match &inside.wrong {
        Some(wrong) => format!("it {wrong}"),
        None => format!("it reads another configuration, {}", quoted(Path::new(&inside.config))),
    };
    let thing = "the hook as rtorrent's child";
    let hint = format!("let rtorrent's user read {}", quoted(asked.file));
    Error::new(Exit::Config, "bind", thing, cause).hint(hint)
}
