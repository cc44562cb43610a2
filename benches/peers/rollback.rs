//! Going back while a large deploy of the same app runs: the moment when an operator waits.
//!
//! Ours makes its decision durable before it says that it is done; `ln` and `mv` promise nothing.

use crate::{
    Result,
    bout::percentile,
    ground::{Census, Ground},
    payload::{self, Payload},
    sheet::{Grid, Section, Side as Align, time},
    shot::{Shooting, shoot},
};
use lab::{Error, Kind, site};
use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
    time::Duration,
};

/// Ours by p90 more than theirs, at most.
const GOAL: Duration = Duration::from_millis(20);
/// How many deploys are started at most, until there are enough switches.
const DEPLOYS: usize = 6;

pub(crate) fn section(ground: &Ground) -> Result<Section> {
    let folder = ground.lab.folder("background")?;
    let section = measured(ground, &folder);
    fs::remove_dir_all(&folder).map_err(crate::failed("remove the large payload"))?;
    section
}

fn measured(ground: &Ground, folder: &Path) -> Result<Section> {
    let mib = ground.sizes.background_mib();
    let path = folder.join("shop-2.0.0");
    payload::large(&path, mib)?;
    let large = Payload::new(ground, path, Census::default())?;
    let config = ground.config(None)?;
    let idle = Samples::of(ground, &config, None)?;
    let (mut busy, mut deploys) = (Samples::default(), 0);
    while busy.ours.len() < ground.sizes.short_rounds() && deploys < DEPLOYS {
        busy.add(Samples::of(ground, &config, Some(&large))?);
        deploys += 1;
    }
    if busy.ours.is_empty() {
        return Err(Error::new("the deploy was over before a switch: BENCH_MIB is too small"));
    }
    let count = busy.ours.len();
    let more =
        percentile_of(&busy.ours, 90).as_secs_f64() - percentile_of(&busy.theirs, 90).as_secs_f64();
    let verdict = if more <= GOAL.as_secs_f64() { "met" } else { "missed" };
    let goal = format!(
        "goal: p90 at most {} ms more under a deploy: {:.2} ms, {verdict}",
        GOAL.as_millis(),
        more * 1e3
    );
    Ok(Section::new("Rollback during a large deploy")
        .grid(grid("nothing else runs", &idle))
        .grid(grid(&format!("a deploy of {mib} MiB runs"), &busy))
        .line(&goal)
        .line(&format!(
            "{count} switches of each, alternately; deploys that ran meanwhile: {deploys}"
        )))
}

/// How long each switch took.
#[derive(Default)]
struct Samples {
    ours: Vec<Duration>,
    theirs: Vec<Duration>,
}

impl Samples {
    /// Switches to and fro, alternately with the peer, as long as a deploy of `under` runs; without
    /// one as often as is asked for.
    fn of(ground: &Ground, config: &Path, under: Option<&Payload>) -> Result<Self> {
        two_releases(ground, config)?;
        let mut deploy =
            under.map(|large| Shooting::start(&ground.finished(config, large))).transpose()?;
        let mut samples = Self::default();
        for round in 0..ground.sizes.short_rounds() {
            let to = ["1.0.0", "1.0.1"][round % 2];
            let ours =
                shoot(&ground.seedship(config, &["rollback", "shop", "--to", to, "--keep-good"]))?;
            is_link(&ground.root().join("current"), to)?;
            let theirs = shoot(&by_hand(ground, to))?;
            is_link(&ground.root().join("other"), to)?;
            // What was not over before the deploy's end does not count.
            if let Some(deploy) = &mut deploy
                && !deploy.runs()?
            {
                break;
            }
            samples.ours.push(ours.wall);
            samples.theirs.push(theirs.wall);
        }
        if let Some(deploy) = deploy {
            deploy.end()?;
            ground.fresh_root()?;
        }
        Ok(samples)
    }

    fn add(&mut self, more: Self) {
        self.ours.extend(more.ours);
        self.theirs.extend(more.theirs);
    }
}

/// A fresh root with two small releases, the newer one live.
fn two_releases(ground: &Ground, config: &Path) -> Result {
    ground.fresh_root()?;
    for version in ["1.0.0", "1.0.1"] {
        let folder = ground.lab.folder(&ground.lab.fresh("tiny"))?;
        let path = site::small(version).pack(Kind::Tar, &folder, &format!("shop-{version}"))?;
        let payload = Payload::new(ground, path, Census::default())?;
        site::run(&mut ground.finished(config, &payload))?;
    }
    is_link(&ground.root().join("current"), "1.0.1")
}

/// What scripts do: a link beside, renamed over.
fn by_hand(ground: &Ground, to: &str) -> Command {
    let target = PathBuf::from("releases").join(to);
    let script = "ln -s \"$0\" \"$1/other-next\" && mv -T \"$1/other-next\" \"$1/other\"";
    ground.shell(script, &[&target, &ground.root()])
}

fn is_link(link: &Path, to: &str) -> Result {
    let found = fs::read_link(link).map_err(crate::failed(link.display()))?;
    if found == Path::new("releases").join(to) {
        return Ok(());
    }
    Err(Error::new(format!("{} says {}, not {to}", link.display(), found.display())))
}

fn grid(title: &str, samples: &Samples) -> Grid {
    let mut grid = Grid::new().column(title, Align::Left);
    for column in ["P50", "P90", "MAX"] {
        grid = grid.column(column, Align::Right);
    }
    for (name, times) in [("seedship rollback", &samples.ours), ("ln -s && mv -T", &samples.theirs)]
    {
        let say = |percent| time(percentile_of(times, percent));
        grid.row([name.to_owned(), say(50), say(90), say(100)]);
    }
    grid
}

fn percentile_of(times: &[Duration], percent: usize) -> Duration {
    let mut sorted = times.to_vec();
    sorted.sort();
    percentile(&sorted, percent)
}
