//! Why is my hook not called, and everything else that would stop a deploy.
//!
//! rtorrent tells nobody that a handler of its event cannot be run: the release that never comes is
//! all there is to see. So everything on the way from the event to the live release is looked at,
//! each thing in a file of its own, and told as a [`Finding`]: how it is, why, what to do. Nothing is
//! changed, no lock of a deploy is taken, and the event is **never fired**: that would run every
//! other handler on somebody's download. [`mend`] alone changes something, the binding in the running
//! rtorrent, and reads it back.
//!
//! What only the hook's own process can know (whose rights it has, what its sandbox lets it reach)
//! is asked of a child of rtorrent: [`Inside`].

mod child;
mod clock;
mod downloads;
mod finding;
mod hook;
mod inside;
mod keys;
mod mend;
mod reach;
mod releases;
mod reload;
mod root;
mod screen;
mod socket;
mod zombies;

pub use finding::{Area, Finding, Level};
pub use inside::{Inside, digest, look_inside};
pub use mend::{Mended, mend};

use crate::{
    config::Config,
    error::Exit,
    look::{self, AppStatus},
    release::Unix,
    rtorrent::Client,
};
use serde::{Serialize, Serializer};
use std::path::Path;

/// What lets everything be seen.
const AS_ROOT: &str = "type it as root, which tries each root as its owner: sudo seedship doctor";

/// What doctor looks with.
#[derive(Clone, Copy)]
pub struct Asked<'a> {
    /// The configuration.
    pub config: &'a Config,
    /// Its main file, absolute.
    pub file: &'a Path,
    /// What this process sees of itself and of the roots.
    pub own: &'a Inside,
    /// This program's own file.
    pub program: &'a Path,
    /// rtorrent.
    pub rtorrent: &'a Client,
    /// Where php-fpm is configured: `/etc/php`.
    pub php: &'a Path,
    /// The clock.
    pub now: Unix,
}

/// Everything that was looked at.
#[derive(Clone, Debug, Serialize)]
pub struct Examined {
    /// When.
    #[serde(serialize_with = "rfc3339")]
    pub at: Unix,
    /// In the order in which people read.
    pub findings: Vec<Finding>,
    /// What `--fix` did, or would do.
    pub mended: Option<Mended>,
}

impl Examined {
    /// The exit code: that of the first fault. Warnings and notes are none.
    pub fn exit(&self) -> Exit {
        self.findings.iter().find_map(|finding| finding.exit).unwrap_or(Exit::Done)
    }
}

fn rfc3339<S: Serializer>(time: &Unix, to: S) -> Result<S::Ok, S::Error> {
    to.collect_str(time)
}

/// Looks at everything. What cannot be looked at is told, and the rest is looked at all the same.
pub fn examine(asked: &Asked<'_>) -> Examined {
    let config = asked.config;
    let mut findings: Vec<Finding> =
        config.faults().map(|e| Finding::failed(Area::Configuration, "configuration", e)).collect();
    let (told, answers, child) = of_rtorrent(asked);
    findings.extend(told);
    findings.extend(of_apps(asked, answers, child.as_ref()));
    findings.extend(reload::look(config, asked.php));
    // Stable: within an app, or an area, in the order in which it was looked at.
    findings.sort_by(|a, b| (a.area, &a.app).cmp(&(b.area, &b.app)));
    Examined { at: asked.now, findings, mended: None }
}

/// rtorrent, its handlers, its children and who commands it: what was found, rtorrent itself if it
/// answers, and what its child said.
fn of_rtorrent<'a>(asked: &Asked<'a>) -> (Vec<Finding>, Option<&'a Client>, Option<Inside>) {
    let scgi = &asked.config.rtorrent.scgi;
    let mut reached = reach::look(asked.rtorrent);
    let (mut answers, mut child) = (None, None);
    if let Some(version) = &reached.version {
        answers = Some(asked.rtorrent);
        let hook = hook::look(asked.rtorrent, version, asked.program);
        let (told, found) = child::look(asked, &hook);
        reached.findings.extend(hook.findings);
        reached.findings.extend(told);
        child = found;
    }
    // On another machine it is another process that has this number.
    let pid = reached.pid.filter(|_| !scgi.is_exposed());
    reached.findings.extend(zombies::look(pid));
    reached.findings.extend(socket::look(scgi));
    // One that was silent is not waited for again.
    (reached.findings, answers, child)
}

/// What is downloaded for each app, its root, its releases; and the clock by which they go.
fn of_apps(asked: &Asked<'_>, rtorrent: Option<&Client>, child: Option<&Inside>) -> Vec<Finding> {
    let Asked { config, now, .. } = *asked;
    let mut apps = look::status(config, None, now).map_or_else(|_| Vec::new(), |all| all.apps);
    // Those whose tables are wrong were told of.
    apps.retain(|status| config.apps.iter().any(|app| app.name == status.app));
    let mut findings = keys::judged(config);
    findings.extend(downloads::look(asked, rtorrent, &apps));
    for app in &config.apps {
        findings.extend(root::judged(app, asked.own, child, &apps));
    }
    let is_shut = |app: &AppStatus| {
        let of_root = |f: &Finding| f.id == root::ROOT && f.app.as_deref() == Some(&app.app);
        app.error.is_some() && findings.iter().any(|f| of_root(f) && f.level == Level::Fault)
    };
    // A root that cannot be opened was told of.
    let open: Vec<&AppStatus> = apps.iter().filter(|app| !is_shut(app)).collect();
    findings.extend(releases::judged(&open, now));
    findings.push(clock::judged(&apps, now));
    findings
}
