//! Everybody who plays, and what the acts have in common.

use crate::{
    host::Host,
    publisher::Publisher,
    release::{Release, Source},
    tally::{self, Tally},
    teller::{Teller, grouped},
};
use lab::{Error, Lab, Node, Result, await_for, load::Load, nginx::Nginx, site};
use std::{
    collections::BTreeSet,
    fs,
    os::unix::fs::FileExt,
    path::{Path, PathBuf},
    process::Command,
    time::Duration,
};

/// What may go live.
pub(crate) const VERSIONS: [&str; 2] = ["1.0", "2.0"];
/// What goes live on web2 once its download is whole again.
pub(crate) const HEALED: &str = "3.1";
/// Connections for each web server.
const CONNECTIONS: usize = 4;
/// After each answer, so that a machine with two cores has time left for what is shown.
const PAUSE: Duration = Duration::from_micros(200);

/// Everybody who plays. What is dropped first is ended first: the load before what it asks.
pub(crate) struct Show<'s> {
    pub(crate) source: &'s Source,
    pub(crate) teller: &'s mut Teller,
    pub(crate) tally: Tally,
    pub(crate) load: Vec<Load>,
    pub(crate) web1: Host,
    pub(crate) web2: Host,
    pub(crate) publisher: Publisher,
    pub(crate) lab: Lab,
}

impl Show<'_> {
    /// The one thing that a build job does, shown in a line.
    pub(crate) fn publish(&self, release: &Release, webs: &[&Host]) -> Result<()> {
        self.publisher.publish(release, webs)?;
        let to: String = webs.iter().map(|web| format!(" --to {}", web.name)).collect();
        let version = release.version;
        self.teller.say("ci", format_args!("seedship publish … --version {version} --seed{to}"));
        Ok(())
    }

    /// Waits until a web server has it live.
    pub(crate) fn goes_live(&mut self, release: &Release, web: u8) -> Result<()> {
        let web = if web == 1 { &self.web1 } else { &self.web2 };
        let line = web.await_live(self.source, release)?;
        let switch = self.tally.live(&line)?;
        let version = release.version;
        self.teller
            .good(web.name, format_args!("serves {version}; the switch took {switch:.1} ms"));
        Ok(())
    }

    /// A web server must answer the page of this version.
    pub(crate) fn expect_page(&self, web: &Host, version: &str) -> Result<()> {
        match web.serves(self.source, version) {
            true => Ok(()),
            false => {
                Err(Error::new(format!("promise broken: {} does not serve {version}", web.name)))
            }
        }
    }

    /// Waits for some hundred answers, and says how many were good so far.
    pub(crate) fn answers_go_on(&self) -> Result<()> {
        let before = tally::so_far(&self.load).requests;
        await_for("answers under load", || tally::so_far(&self.load).requests > before + 500)?;
        let counts = tally::so_far(&self.load);
        let (requests, bad) = (grouped(counts.requests), counts.failed + counts.mixed);
        self.teller.say("load", format_args!("{requests} requests so far, {bad} failed or mixed"));
        Ok(())
    }

    /// The event comes once more: refused with the same exit code.
    pub(crate) fn refused_again(&self, web: &Host, release: &Release, code: i32) -> Result<()> {
        let again = web.seedship(&["finished", &release.torrent.hash])?;
        match again.code == Some(code) {
            true => Ok(()),
            false => Err(Error::new(format!(
                "promise broken: {} ends with {:?} and not {code}: {}",
                release.version, again.code, again.stderr
            ))),
        }
    }

    /// A copy of web1's releases with a web server of its own: its root, and the server.
    pub(crate) fn copy(&self) -> Result<(PathBuf, Nginx)> {
        let root = self.lab.folder("copy")?;
        let releases = self.lab.folder("copy/releases")?;
        let from = VERSIONS.map(|version| self.web1.root.join("releases").join(version));
        site::run(Command::new("cp").arg("-a").args(from).arg(&releases))?;
        let first = Path::new("releases").join(VERSIONS[0]);
        std::os::unix::fs::symlink(first, root.join("current"))
            .map_err(|e| Error::new(format!("link the copy: {e}")))?;
        let nginx = self.lab.nginx(root.join("current"))?;
        Ok((root, nginx))
    }
}

/// The load on one web server.
pub(crate) fn load(source: &Source, nginx: &Nginx) -> Result<Vec<Load>> {
    let [first, second] = VERSIONS;
    let pages = source.pages(&[first, second, HEALED]);
    let each = (CONNECTIONS / pages.len()).max(1);
    let start = |(path, bodies): (&str, Vec<Vec<u8>>)| {
        let known = move |body: &[u8]| bodies.iter().any(|known| known == body);
        Load::paced(&nginx.url(path), each, PAUSE, known)
    };
    pages.into_iter().map(start).collect()
}

/// `rtorrent 0.9.8`.
pub(crate) fn version(node: &Node) -> String {
    let answer = node.rpc("system.client_version", &[]);
    let version = answer.ok().and_then(|version| version.text().map(str::to_owned));
    format!("rtorrent {}", version.unwrap_or_default())
}

/// The sentence of a line of log, without its fields.
pub(crate) fn sentence(line: &str) -> String {
    let words = line.split(' ').take_while(|word| !word.contains('='));
    words.collect::<Vec<_>>().join(" ")
}

/// Flips one bit in the middle of a file; returns where.
pub(crate) fn flip(file: &Path) -> Result<u64> {
    let flipped = || {
        let at = fs::metadata(file)?.len() / 2;
        let open = fs::File::options().read(true).write(true).open(file)?;
        let mut byte = [0];
        open.read_exact_at(&mut byte, at)?;
        open.write_all_at(&[byte[0] ^ 1], at)?;
        Ok(at)
    };
    flipped().map_err(|e: std::io::Error| Error::new(format!("flip {}: {e}", file.display())))
}

/// Every path below a directory whose last component is `evil`.
pub(crate) fn named_evil(folder: &Path) -> BTreeSet<PathBuf> {
    let mut found = BTreeSet::new();
    let mut folders = vec![folder.to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(&folder).into_iter().flatten().flatten() {
            if entry.file_type().is_ok_and(|what| what.is_dir()) {
                folders.push(entry.path());
            }
            if entry.file_name() == "evil" {
                found.insert(entry.path());
            }
        }
    }
    found
}
