//! Does a child of rtorrent reach us, and what may it do.
//!
//! The hook has rtorrent's user, groups, environment and sandbox, not those of whoever types
//! `doctor`. So the hook's own program is run once by rtorrent and says how it is there.

use super::{Area, Asked, Finding, Inside, hook::Hook};
use crate::{
    config::App,
    error::{Error, Exit, quoted},
};
use std::path::Path;

/// Runs the program that the binding names, or this one where none is named.
pub(super) fn look(asked: &Asked<'_>, hook: &Hook) -> (Vec<Finding>, Option<Inside>) {
    let named = hook.called.as_ref().filter(|call| call.program.starts_with('/'));
    let named = named.filter(|call| call.program.ends_with("seedship"));
    let (program, options) = match named {
        Some(call) => (call.program.clone(), call.options.as_slice()),
        None => (asked.program.to_string_lossy().into_owned(), &[][..]),
    };
    match ask(asked, &program, options) {
        Ok(inside) => (judged(&inside, asked), Some(inside)),
        Err(error) => (vec![Finding::failed(Area::Child, "child", &error)], None),
    }
}

/// Has rtorrent run `PROGRAM doctor --inside`.
///
/// # Errors
/// 69 if rtorrent cannot run it, or it does not answer as one of ours.
pub(super) fn ask(asked: &Asked<'_>, program: &str, options: &[String]) -> Result<Inside, Error> {
    let words = ["doctor", "--inside"].map(str::to_owned);
    let argv = [&[program.to_owned()], options, &words].concat();
    let shown = quoted(Path::new(program));
    let told = asked.rtorrent.capture(&argv).map_err(|error| {
        let cause = format!("{}: {}", error.cause, why_not(Path::new(program)));
        Error::new(Exit::Unreachable, "run", format!("{shown} as a child of rtorrent"), cause).hint(
            "let rtorrent's user reach and run it: `namei -l` shows owners and modes on the way",
        )
    })?;
    Inside::parse(&told).ok_or_else(|| {
        let cause = "its answer is not that of this seedship";
        Error::new(Exit::Unreachable, "run", format!("{shown} as a child of rtorrent"), cause)
            .hint("install the same seedship for the hook and for yourself")
    })
}

/// What can be seen of a program from here.
fn why_not(program: &Path) -> &'static str {
    use std::os::unix::fs::PermissionsExt;
    match program.metadata() {
        Err(e) if e.kind() == std::io::ErrorKind::NotFound => "there is no such file",
        Err(_) => "it cannot be looked at from here",
        Ok(found) if !found.is_file() => "it is no file",
        Ok(found) if found.permissions().mode() & 0o111 == 0 => "it is not executable",
        Ok(_) => "it is there, so rtorrent's user may not run it, or it failed",
    }
}

fn judged(inside: &Inside, asked: &Asked<'_>) -> Vec<Finding> {
    let user = inside.user_shown();
    let mut found = Vec::new();
    let says = format!("seedship {} runs as `{user}`", inside.version);
    found.push(match (inside.uid, inside.version == asked.own.version) {
        (_, false) => Finding::warning(Area::Child, "child", says)
            .because(format!("this is {}: two are installed", asked.own.version))
            .cured_by("let the binding name the one that is meant: `seedship doctor --fix`"),
        (0, true) => Finding::warning(Area::Child, "child", says)
            .because("rtorrent runs as root: whoever reaches its socket is root")
            .cured_by("run it as the user who owns the roots"),
        (_, true) => Finding::ok(Area::Child, "child", says),
    });
    found.push(configuration(inside, asked));
    found.extend(inside.session.iter().map(|told| told.fault(Area::Child, "child-session")));
    // Without a configuration it asked after the socket that is none of ours.
    let syslog = inside.syslog.as_ref().filter(|_| inside.wrong.is_none());
    found.extend(syslog.map(|told| {
        let mut quiet = told.fault(Area::Child, "child-syslog");
        (quiet.level, quiet.exit) = (super::Level::Warning, None);
        quiet.cured_by("without it the hook is silent: let it reach `[log] socket`")
    }));
    found.extend(sandbox(inside, asked));
    let config = asked.config;
    found.extend(config.apps.iter().filter_map(|app| anothers(inside, app)));
    found
}

/// The hook reads the configuration of its own environment.
fn configuration(inside: &Inside, asked: &Asked<'_>) -> Finding {
    let file = quoted(Path::new(&inside.config));
    if let Some(wrong) = &inside.wrong {
        let fault = wrong.fault(Area::Child, "child-configuration");
        let is_this = Path::new(&inside.config) == asked.file;
        return match (is_this, fault.exit) {
            (true, Some(Exit::Permission)) => {
                let user = inside.user_shown();
                fault.cured_by(format!("let `{user}` read it: `namei -l` shows owners and modes"))
            }
            (true, _) => fault,
            (false, _) => {
                fault.cured_by("`seedship doctor --fix` names the right one in the binding")
            }
        };
    }
    if inside.digest == asked.own.digest {
        return Finding::ok(Area::Child, "child-configuration", format!("it reads {file}"));
    }
    let says = format!("it reads {file}, which is not the configuration of this command");
    Finding::fault(Exit::Config, Area::Child, "child-configuration", says)
        .because(format!("this command reads {}", quoted(asked.file)))
        .cured_by("name yours by --config and `seedship doctor --fix`, or type --config here")
}

fn sandbox(inside: &Inside, asked: &Asked<'_>) -> Option<Finding> {
    let needs_sudo = asked.config.apps.iter().find(|app| {
        let run = &app.run;
        let all = [&run.prepare, &run.activated, &run.check].into_iter().flatten();
        all.filter_map(|argv| argv.first()).any(|program| program.ends_with("sudo"))
    });
    if let Some(app) = needs_sudo.filter(|_| inside.no_new_privs) {
        let says = format!("a command of `{}` begins with sudo, and sudo cannot work", app.name);
        let fault = Finding::fault(Exit::Unhealthy, Area::Child, "child-sandbox", says);
        return Some(
            fault
                .because("rtorrent was started with no_new_privs, which its children inherit")
                .cured_by("NoNewPrivileges=no in rtorrent's unit, or a command without sudo"),
        );
    }
    if !inside.is_sandboxed(asked.own) {
        return None;
    }
    let mut bounds = Vec::new();
    bounds.extend((inside.mounts != asked.own.mounts).then_some("other mounts than here"));
    bounds.extend(inside.no_new_privs.then_some("no new privileges"));
    bounds.extend(inside.seccomp.then_some("filtered system calls"));
    let says = format!("it runs in a sandbox: {}", bounds.join(", "));
    Some(
        Finding::note(Area::Child, "child-sandbox", says)
            .because("what you see and may do here, the hook may not")
            .cured_by("nothing, if the roots are well: they were tried from there"),
    )
}

/// Only its owner writes a root.
fn anothers(inside: &Inside, app: &App) -> Option<Finding> {
    let owner = inside.root(&app.name)?.owner?;
    if [owner, 0].contains(&inside.uid) {
        return None;
    }
    let (user, shown) = (inside.user_shown(), super::inside::user_shown(owner, None));
    let says = format!("the hook runs as `{user}`, the root belongs to `{shown}`");
    let give = format!("give {} and what seedship made in it to `{user}`", quoted(&app.root));
    // rtorrent is nothing to be run as root.
    let cure = if owner == 0 { give } else { format!("run rtorrent as `{shown}`, or {give}") };
    Some(
        Finding::fault(Exit::Permission, Area::App, "root-owner", says)
            .because("one user writes an app: the owner of its root")
            .cured_by(cure)
            .of_app(&app.name),
    )
}
