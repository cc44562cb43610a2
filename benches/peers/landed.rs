//! An event for what landed before: what every hash check and every restart of rtorrent costs.

use crate::{
    Result,
    bout::{Bout, Goal, Side},
    ground::{Census, Ground, VERSION},
    payload::Payload,
    sheet::Section,
};
use lab::{Error, Flavour, Kind, site};
use std::{
    path::{Path, PathBuf},
    process::Command,
    time::Duration,
};

/// More than `/bin/true`.
const GOAL: Goal = Goal::More(Duration::from_millis(3));

pub(crate) fn section(ground: &Ground) -> Result<Section> {
    let config = ground.config(None)?;
    let payload = land(ground, &config)?;
    let by_hand = || Ok(ground.finished(&config, &payload));
    let mut scores = vec![bout(ground, "--torrent, --payload", &by_hand)?];
    let mut section = Section::new("An event for what landed before");
    for flavour in Flavour::ALL {
        if let Err(why) = flavour.program() {
            section = section.line(&why.to_string());
            continue;
        }
        let node = ground.lab.rtorrent(flavour).start()?;
        node.seed(&payload.torrent, &payload.path)?;
        let config = ground.config(Some(&node))?;
        let version = node.rpc("system.client_version", &[])?;
        let name = format!("rtorrent {} asked", version.text().unwrap_or("?"));
        let event = || Ok(ground.seedship(&config, &["finished", &payload.torrent.hash]));
        scores.push(bout(ground, &name, &event)?);
    }
    for score in scores {
        section = section.grid(score.grid).lines(score.goals);
    }
    Ok(section)
}

/// Lands a small release.
pub(crate) fn land(ground: &Ground, config: &Path) -> Result<Payload> {
    ground.fresh_root()?;
    let folder = ground.lab.folder(&ground.lab.fresh("tiny"))?;
    let path = site::small(VERSION).pack(Kind::Tar, &folder, &format!("shop-{VERSION}"))?;
    let payload = Payload::new(ground, path, Census::default())?;
    site::run(&mut ground.finished(config, &payload))?;
    match ground.current() {
        Some(live) if live == live_link() => Ok(payload),
        other => Err(Error::new(format!("current says {other:?}"))),
    }
}

fn live_link() -> PathBuf {
    Path::new("releases").join(VERSION)
}

fn bout(
    ground: &Ground,
    name: &str,
    event: &dyn Fn() -> Result<Command>,
) -> Result<crate::bout::Score> {
    let said = site::run(event()?.arg("--json"))?;
    let said = String::from_utf8_lossy(&said);
    if !said.contains("\"already\"") {
        return Err(Error::new(format!("it should have landed already: {said}")));
    }
    Bout {
        name: name.to_owned(),
        ours: Side::new("seedship finished", event),
        theirs: vec![(Side::new("/bin/true", || Ok(Command::new("/bin/true"))), GOAL)],
        rounds: ground.sizes.short_rounds(),
    }
    .run()
}
