//! The acts, in the order in which they are played.

use crate::{
    host::Host,
    publisher::Publisher,
    release::Source,
    show::{self, HEALED, Show, VERSIONS},
    tally::{self, Tally},
    teller::{Teller, grouped},
};
use lab::{Error, Lab, Result};
use std::{
    fs,
    os::unix::fs::symlink,
    path::{Path, PathBuf},
    thread,
    time::{Duration, Instant},
};

/// How long each way of switching is shown.
const WHILE: Duration = Duration::from_secs(3);

impl<'s> Show<'s> {
    /// Everybody takes their place.
    pub(crate) fn assemble(source: &'s Source, teller: &'s mut Teller) -> Result<Self> {
        teller.act(
            "Who plays",
            "All of it is real, on loopback, each with its own configuration and port.",
        );
        let lab = Lab::new()?;
        let publisher = Publisher::start(&lab)?;
        let announce = publisher.tracker.announce();
        teller.say("tracker", format_args!("opentracker, {announce}"));
        let rtorrent = show::version(&publisher.seeder);
        teller.say("ci", format_args!("builds, and signs with a key of its own; {rtorrent} seeds"));
        let web = |name| Host::start(&lab, name, publisher.public_key());
        let (web1, web2) = (web("web1")?, web("web2")?);
        for web in [&web1, &web2] {
            let url = web.nginx.url("/");
            teller.say(web.name, format_args!("{rtorrent} with the shipped rc, nginx at {url}"));
        }
        teller.say("", "they take what that key has signed, and nothing else");
        let (load, tally) = (Vec::new(), Tally::default());
        Ok(Self { source, teller, load, tally, web1, web2, publisher, lab })
    }

    /// Both nodes go live for the first time.
    pub(crate) fn version_one(&mut self) -> Result<()> {
        self.teller.act(
            "Version 1.0 goes live",
            "One command packs, signs, seeds, delivers. rtorrent downloads, its event calls seedship.",
        );
        let release = self.publisher.version(self.source, VERSIONS[0])?;
        let printed = self.publisher.publish(&release, &[&self.web1, &self.web2])?;
        let command = "seedship publish build --app site --version 1.0 --key … --seed --to …";
        self.teller.printed(command, &printed);
        self.goes_live(&release, 1)?;
        self.goes_live(&release, 2)?;
        for web in [&self.web1, &self.web2] {
            self.load.extend(show::load(self.source, &web.nginx)?);
        }
        self.teller.say(
            "load",
            "from now to the end both are asked thousands of times a second, and every body is read",
        );
        Ok(())
    }

    /// One node goes on, the other's hook is killed.
    pub(crate) fn version_two_through_a_kill(&mut self) -> Result<()> {
        self.teller.act(
            "Version 2.0, and web2's hook is killed while it unpacks",
            "A half-made release must never be seen, and one sweep must finish it.",
        );
        let release = self.publisher.version(self.source, VERSIONS[1])?;
        let parking = self.web2.park_at("unpack-entry")?;
        self.publish(&release, &[&self.web1, &self.web2])?;
        let pid = self.web2.await_parked(&parking, &release)?;
        parking.kill(pid)?;
        self.teller.bad("web2", format_args!("kill -9 {pid}: the hook dies amid the archive"));
        self.goes_live(&release, 1)?;
        self.answers_go_on()?;
        self.expect_page(&self.web2, VERSIONS[0])?;
        self.teller.good("web2", "still serves 1.0, whole");
        let sweep = self.web2.good(&["sweep"])?;
        self.teller.printed("seedship sweep  (a timer runs it every ten minutes)", &sweep.stdout);
        self.teller.say("log", self.web2.said("unfinished")?);
        self.goes_live(&release, 2)
    }

    /// An archive that wants out.
    pub(crate) fn an_evil_archive(&mut self) -> Result<()> {
        self.teller.act(
            "Version 3.0 holds `../../evil`",
            "Hash and signature are right: it is what was published. It must not write outside.",
        );
        let release = self.publisher.evil("3.0")?;
        let before = show::named_evil(self.lab.path());
        self.publish(&release, &[&self.web1])?;
        let line = self.web1.await_refused(&release)?;
        self.teller.bad("log", &line);
        let code = 65;
        self.refused_again(&self.web1, &release, code)?;
        if show::named_evil(self.lab.path()) != before {
            return Err(Error::new("promise broken: a file `evil` was written"));
        }
        self.expect_page(&self.web1, VERSIONS[1])?;
        self.teller
            .good("web1", format_args!("exit code {code}, no file `evil` anywhere, 2.0 is served"));
        self.tally.refused.push((release.version.to_owned(), show::sentence(&line), code));
        Ok(())
    }

    /// The disk lies.
    pub(crate) fn a_flipped_byte(&mut self) -> Result<()> {
        self.teller.act(
            "Version 3.1 is damaged on web2's disk after its download",
            "rtorrent checked it as it came. What counts is what is read when it goes live.",
        );
        let release = self.publisher.version(self.source, HEALED)?;
        let parking = self.web2.park_at("stage-made")?;
        self.publish(&release, &[&self.web2])?;
        let pid = self.web2.await_parked(&parking, &release)?;
        let at = show::flip(&self.web2.node.download().join(&release.torrent.name))?;
        parking.kill(pid)?;
        self.teller.bad(
            "web2",
            format_args!("before the hook reads: stopped, and byte {} flipped", grouped(at)),
        );
        let again = self.web2.seedship(&["finished", &release.torrent.hash])?;
        let line = self.web2.await_refused(&release)?;
        self.teller.printed("seedship finished HASH  (what rtorrent's event runs)", "");
        self.teller.bad("log", &line);
        let code = again.code.unwrap_or(-1);
        if code != 75 {
            return Err(Error::new(format!("promise broken: exit code {code} and not 75: {line}")));
        }
        self.tally.refused.push((release.version.to_owned(), show::sentence(&line), code));
        self.teller.good(
            "web2",
            format_args!(
                "exit code {code}; rtorrent fetches the piece again, the event comes again"
            ),
        );
        self.goes_live(&release, 2)
    }

    /// Back to what was live before: to 1.0, and on web2 to 2.0.
    pub(crate) fn rollback(&mut self) -> Result<()> {
        self.teller.act(
            "Rollback",
            "It needs neither network nor rtorrent, and no running deploy is waited for.",
        );
        for (web, version) in [&self.web1, &self.web2].into_iter().zip(VERSIONS) {
            let done = web.good(&["rollback", "site"])?;
            self.expect_page(web, version)?;
            self.teller.printed(&format!("seedship rollback site  ({})", web.name), &done.stdout);
            let ms = done.took.as_secs_f64() * 1e3;
            self.teller.good(web.name, format_args!("serves {version} again, after {ms:.1} ms"));
            self.tally.rollbacks.push(done.took);
        }
        Ok(())
    }

    /// What an operator sees.
    pub(crate) fn status_and_history(&mut self) -> Result<()> {
        self.teller.act("What an operator sees on web2", "Everything that was decided, and why.");
        for command in [["status", "site"], ["history", "site"]] {
            let shown = self.web2.good(&command)?;
            self.teller.printed(&format!("seedship {}", command.join(" ")), &shown.stdout);
        }
        Ok(())
    }

    /// The same load on both: `seedship activate` in a loop, then unlink + symlink as often.
    pub(crate) fn side_by_side(&mut self) -> Result<()> {
        self.teller.act(
            "Side by side: three seconds of switching, to and fro, each way",
            "The same load on both. Between the unlink and the symlink there is no site.",
        );
        let (root, nginx) = self.copy()?;
        let theirs = show::load(self.source, &nginx)?;
        self.tally.switched_ours = to_and_fro(Duration::ZERO, |version| {
            self.web1.good(&["activate", "site", version]).map(drop)
        })?;
        // As often as ours, in the least time that two system calls can take.
        let often = u32::try_from(self.tally.switched_ours).unwrap_or(u32::MAX);
        let current = root.join("current");
        self.tally.switched_theirs = to_and_fro(WHILE / often.max(1), |version| {
            let target = Path::new("releases").join(version);
            let switched = fs::remove_file(&current).and_then(|()| symlink(target, &current));
            switched.map_err(|e| Error::new(format!("switch the copy: {e}")))
        })?;
        let ours = tally::stopped(std::mem::take(&mut self.load));
        let theirs = tally::stopped(theirs);
        self.tally.told(self.teller, &ours, &theirs)
    }

    /// Everybody goes home; returns where the lab was.
    pub(crate) fn end(self) -> Result<PathBuf> {
        Ok(self.lab.path().to_owned())
    }
}

/// Switches between both versions, at most once in `every`; returns how often.
fn to_and_fro(every: Duration, switch: impl Fn(&str) -> Result<()>) -> Result<u64> {
    let began = Instant::now();
    let mut next = began;
    let mut switched = 0;
    for version in VERSIONS.iter().rev().cycle() {
        if began.elapsed() >= WHILE {
            break;
        }
        switch(version)?;
        switched += 1;
        next += every;
        thread::sleep(next.saturating_duration_since(Instant::now()));
    }
    Ok(switched)
}
