//! A fleet: a build host, and web servers that take releases from it.
//!
//! Each is a machine of a [`Net`] with an address of its own. The build host, in the first rack,
//! has the tracker and an rtorrent that seeds. Each web server, in the second, has sshd, an rtorrent
//! with the shipped configuration that hands what is finished to Seedship, and an app `shop`. So
//! what the build host sends, whoever copies how, is what crosses the line between the racks.

use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, SystemTime};

use crate::error::{During, Error, Result};
use crate::flavour::Flavour;
use crate::lab::{Lab, MARK};
use crate::net::{Machine, Net};
use crate::rtorrent::Node;
use crate::site;
use crate::sshd::{Login, Sshd};
use crate::syslog::{Listener, Message};
use crate::tracker::Tracker;

/// How long a release may take to a web server: generous, for a busy machine.
const PATIENCE: Duration = Duration::from_secs(60);

/// What a fleet is made of.
#[derive(Clone, Copy, Debug)]
pub struct Order<'a> {
    /// Which rtorrent they all run.
    pub flavour: Flavour,
    /// How many web servers.
    pub webs: usize,
    /// The program that is published with and that the hook runs.
    pub seedship: &'a Path,
    /// The lines of `[apps.shop]` but `match` and `root`.
    pub app: &'a str,
}

/// All of it. What is dropped ends.
#[derive(Debug)]
pub struct Fleet {
    /// The web servers, `web1`, `web2` …
    pub webs: Vec<Web>,
    /// The build host's seeding rtorrent.
    pub seeder: Node,
    /// The tracker, on the build host.
    pub tracker: Tracker,
    login: Login,
    build: Machine,
    net: Net,
    seedship: PathBuf,
    lab: Lab,
}

/// A web server.
#[derive(Debug)]
pub struct Web {
    /// Its name, by which ssh knows it.
    pub name: String,
    /// Its rtorrent.
    pub node: Node,
    /// Its sshd.
    pub sshd: Sshd,
    /// The root of its app.
    pub root: PathBuf,
    log: Listener,
}

impl Fleet {
    /// Starts everything of it.
    pub fn start(lab: &Lab, net: Net, login: Login, order: &Order<'_>) -> Result<Self> {
        let build = net.machine(1)?;
        let tracker = lab.tracker_on(&build)?;
        let seeder = lab.rtorrent(order.flavour).name("build").on(&build);
        let seeder = seeder.set("min_free", "64M").start()?;
        let web = |number| Web::start(lab, &net, &login, order, &format!("web{number}"));
        let webs = (1..=order.webs).map(web).collect::<Result<_>>()?;
        let (seedship, lab) = (order.seedship.to_owned(), lab.clone());
        Ok(Self { webs, seeder, tracker, login, build, net, seedship, lab })
    }

    /// Seedship on the build host, as a CI job calls it: without a configuration.
    pub fn seedship(&self, args: &[&str]) -> Command {
        let mut command = self.build_command(&self.seedship);
        command.args(args);
        command
    }

    /// A program on the build host.
    pub fn build_command(&self, program: impl AsRef<Path>) -> Command {
        self.marked(self.build.user_command(program.as_ref()))
    }

    /// `ssh WEB …` on the build host, to be given a command.
    pub fn ssh(&self, web: &Web) -> Command {
        self.marked(self.login.ssh(&self.build, &web.name))
    }

    /// Nothing of this computer's own user is in it, and it ends with the lab.
    fn marked(&self, mut command: Command) -> Command {
        command.env(MARK, self.lab.path()).env("HOME", self.lab.path());
        command.env("SEEDSHIP_CONFIG", "/nonexistent").env_remove("SSH_AUTH_SOCK");
        command
    }

    /// How `ssh` must be called on the build host.
    pub fn ssh_words(&self) -> String {
        format!("ssh -F {}", self.login.config().display())
    }

    /// Where each web server wants its .torrents, as ssh and rsync name a place.
    pub fn destinations(&self) -> Vec<String> {
        let place = |web: &Web| format!("{}:{}", web.name, web.node.watch_folder().display());
        self.webs.iter().map(place).collect()
    }

    /// The build host's machine: its line can be shaped, and what it sends is counted.
    pub fn build(&self) -> &Machine {
        &self.build
    }

    /// Bytes that left the build host for the web servers since the fleet was started.
    pub fn sent(&self) -> Result<u64> {
        Ok(self.net.boundary(1)?.sent)
    }
}

impl Web {
    fn start(lab: &Lab, net: &Net, login: &Login, order: &Order<'_>, name: &str) -> Result<Self> {
        let machine = net.machine(2)?;
        let root = lab.folder(&format!("{name}/www/shop"))?;
        let base = lab.path().join(name);
        let socket = base.join("log.sock");
        let config = format!(
            "[rtorrent]\nscgi = \"{base}/run/rpc.sock\"\nsession = \"{base}/session\"\n\
             [log]\nsocket = \"{socket}\"\n\
             [apps.shop]\nmatch = \"shop-{{version}}.tar.zst\"\nroot = \"{root}\"\n{app}\n",
            base = base.display(),
            socket = socket.display(),
            root = root.display(),
            app = order.app,
        );
        let config = lab.write(&format!("{name}/seedship.toml"), config)?;
        let log = Listener::bind(&socket)?;
        let node = lab.rtorrent(order.flavour).name(name).on(&machine).set("min_free", "64M");
        let node = node.hook(order.seedship).env("SEEDSHIP_CONFIG", &config);
        let node = node.schedule("seedship_sweep", 600_000, 600_000).start()?;
        let programs = order.seedship.parent().unwrap_or(Path::new("/"));
        let env = [
            ("SEEDSHIP_CONFIG", config.display().to_string()),
            ("PATH", format!("{}:/usr/local/bin:/usr/bin:/bin", programs.display())),
        ];
        let env = env.each_ref().map(|(name, value)| (*name, value.as_str()));
        let sshd = login.server(name, &machine, &env)?;
        Ok(Self { name: name.to_owned(), node, sshd, root, log })
    }

    /// The version that is live, by what `current` says.
    pub fn live(&self) -> Option<String> {
        let link = fs::read_link(self.root.join("current")).ok()?;
        Some(link.strip_prefix("releases").ok()?.to_str()?.to_owned())
    }

    /// The version of the page that a web server would answer, if it is a whole one.
    pub fn page(&self) -> Option<String> {
        let page = fs::read(self.root.join("current/index.html")).ok()?;
        site::version_of(&page).map(str::to_owned)
    }

    /// When `current` was switched last.
    pub fn switched(&self) -> Result<SystemTime> {
        Self::switched_at(&self.root)
    }

    /// When the `current` of any root was switched last: rename(2) changes the link's ctime.
    pub fn switched_at(root: &Path) -> Result<SystemTime> {
        let link = root.join("current");
        let found = link.symlink_metadata().during(format!("look at {}", link.display()))?;
        let seconds = u64::try_from(found.ctime()).unwrap_or_default();
        let nanos = u32::try_from(found.ctime_nsec()).unwrap_or_default();
        Ok(SystemTime::UNIX_EPOCH + Duration::new(seconds, nanos))
    }

    /// Waits until a version is live. Nobody is asked for it: rtorrent keeps its own pace.
    pub fn await_live(&self, version: &str) -> Result<()> {
        self.await_that(&format!("{version} live"), || self.live().as_deref() == Some(version))
    }

    /// Waits for a line of log that holds all of these, and returns it.
    pub fn await_said(&self, words: &[&str]) -> Result<String> {
        let mut line = None;
        self.await_that(&format!("{words:?} in the log"), || {
            let messages = self.said().unwrap_or_default().into_iter();
            line = messages
                .map(|message| message.text)
                .find(|text| words.iter().all(|word| text.contains(word)));
            line.is_some()
        })?;
        line.ok_or_else(|| Error::new("no line"))
    }

    /// What its Seedship has logged.
    pub fn said(&self) -> Result<Vec<Message>> {
        self.log.messages()
    }

    fn await_that(&self, what: &str, condition: impl FnMut() -> bool) -> Result<()> {
        self.node.await_within(PATIENCE, what, condition).map_err(|late| {
            let said = self.said().unwrap_or_default();
            let last = said.last().map_or("nothing", |message| &message.text);
            Error::new(format!("{late}; last in its log: {last}"))
        })
    }
}
