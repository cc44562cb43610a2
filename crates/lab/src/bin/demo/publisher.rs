//! The build host: a key, a tracker, an rtorrent that seeds, and `seedship publish`.

use crate::{
    host::{Host, beside_this_program},
    release::{Release, Source},
};
use lab::{Error, Flavour, Lab, Node, Result, Torrent, site, tracker::Tracker};
use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
};

/// A build host.
pub(crate) struct Publisher {
    pub(crate) seeder: Node,
    pub(crate) tracker: Tracker,
    lab: Lab,
    seedship: PathBuf,
    secret: PathBuf,
    public: String,
}

impl Publisher {
    /// Starts everything of it.
    pub(crate) fn start(lab: &Lab) -> Result<Self> {
        let tracker = lab.tracker()?;
        let seeder = lab.rtorrent(Flavour::Old).name("ci").set("min_free", "64M").start()?;
        let seedship = beside_this_program("seedship")?;
        let keys = lab.folder("keys")?;
        let (secret, public) = (keys.join("release.key"), keys.join("release.pub"));
        let mut keygen = lab.command(&seedship);
        keygen.args(["keygen", "--no-password", "--secret"]).arg(&secret);
        site::run(keygen.arg("--public").arg(&public))?;
        let public = read(&public)?;
        let public = String::from_utf8_lossy(&public).lines().nth(1).unwrap_or_default().to_owned();
        Ok(Self { seeder, tracker, lab: lab.clone(), seedship, secret, public })
    }

    /// The key that web servers are to trust.
    pub(crate) fn public_key(&self) -> &str {
        &self.public
    }

    /// A version of the site, to be published.
    pub(crate) fn version(&self, source: &Source, version: &'static str) -> Result<Release> {
        self.release(version, source.build(&self.lab, version)?)
    }

    /// An archive with an entry that leads out of the release: what an attacker would publish who
    /// has the key.
    pub(crate) fn evil(&self, version: &'static str) -> Result<Release> {
        let archive = self.lab.folder("evil")?.join(payload(version));
        self.lab.write("bait/index.html", site::page(version))?;
        let bait = self.lab.write("bait/bait", "you should not see me\n")?;
        let mut tar = Command::new("tar");
        tar.args(["--zstd", "-P", "--transform=s|^bait$|../../evil|", "-cf"]).arg(&archive);
        tar.arg("-C").arg(bait.parent().unwrap_or(&bait)).args(["index.html", "bait"]);
        site::run(&mut tar)?;
        self.release(version, archive)
    }

    /// The tracker serves what it was told of alone. The info hash is the same whenever and wherever
    /// the same is published: so it is known beforehand.
    fn release(&self, version: &'static str, from: PathBuf) -> Result<Release> {
        let elsewhere = self.lab.folder(&self.lab.fresh("elsewhere"))?;
        site::run(self.command(&from, version).arg("--directory").arg(&elsewhere))?;
        let payload = elsewhere.join(payload(version));
        let torrent = Torrent::from_bytes(read(&torrent_of(&payload))?)?;
        self.tracker.allow(&torrent.hash)?;
        let size = fs::metadata(&payload).map(|found| found.len());
        let size = size.map_err(|e| Error::new(format!("{}: {e}", payload.display())))?;
        let _ = fs::remove_dir_all(elsewhere);
        Ok(Release { version, torrent, size, from })
    }

    /// Publishes it to these web servers, and returns what was printed.
    pub(crate) fn publish(&self, release: &Release, webs: &[&Host]) -> Result<String> {
        let mut publish = self.command(&release.from, release.version);
        publish.args(["--announce", &self.tracker.announce()]);
        publish.arg("--seed").arg("--scgi").arg(self.seeder.socket());
        for web in webs {
            publish.arg("--to").arg(web.node.watch_folder());
        }
        let printed = site::run(&mut publish)?;
        Ok(String::from_utf8_lossy(&printed).into_owned())
    }

    fn command(&self, from: &Path, version: &str) -> Command {
        let mut publish = self.lab.command(&self.seedship);
        publish.env("SEEDSHIP_CONFIG", "/nonexistent").arg("publish").arg(from);
        publish.args(["--app", "site", "--version", version, "--key"]).arg(&self.secret);
        publish
    }
}

/// What a version's archive is called.
fn payload(version: &str) -> String {
    format!("site-{version}.tar.zst")
}

fn torrent_of(payload: &Path) -> PathBuf {
    PathBuf::from(format!("{}.torrent", payload.display()))
}

fn read(file: &Path) -> Result<Vec<u8>> {
    fs::read(file).map_err(|e| Error::new(format!("{}: {e}", file.display())))
}
