//! A site from a build host to a fleet, from the command to the last switch.
//!
//! Ours is `seedship publish`: pack, hash, sign, seed, deliver, and then whatever the web servers do
//! by themselves. Theirs is what scripts do: `rsync -a` over ssh to all of them at once into a new
//! directory, and a link renamed over. Every machine has a network namespace and an address of its
//! own, all of them share this computer's processors and disk. When `current` was switched, the
//! link's ctime says; nobody is asked meanwhile, so that rtorrent keeps its own pace.

use crate::{
    Result,
    bout::percentile,
    failed,
    ground::{Ground, SEEDSHIP, census},
    payload,
    sheet::{Grid, Section, Side as Align, mib, short, time},
};
use lab::{
    Error, Flavour, Fleet, Login, Net, Torrent, await_until,
    fleet::{Order, Web},
    signer::Signer,
    site,
};
use std::{
    cell::Cell,
    fs,
    path::{Path, PathBuf},
    process::Command,
    time::{Duration, SystemTime},
};

/// Files of the site: about 20 MiB.
const FILES: u64 = 1070;
/// Web servers of the comparison that has a goal, and the goal.
const WEBS: usize = 4;
const GOAL: f64 = 1.5;
/// Numbers of web servers in which the crossover is looked for, and the build host's line then.
const FLEETS: [usize; 4] = [1, 2, 4, 8];
const LINE: &str = "100mbit";
/// How long one run may take.
const PATIENCE: Duration = Duration::from_secs(120);

/// The most that lies on the ground, in bytes: nothing is removed while it is measured.
pub(crate) const SPACE: u64 = 5 << 30;

pub(crate) fn section(ground: &Ground) -> Result<Section> {
    let course = Course::laid(ground)?;
    let at_will = course.race(WEBS, ground.sizes.rounds)?;
    let mut near = Grid::new().column(&format!("to {WEBS}, no limit"), Align::Left);
    for column in ["MEDIAN", "MIN–MAX", "SENT", "RATIO"] {
        near = near.column(column, Align::Right);
    }
    let ratio = at_will.ratio();
    near.row(at_will.ours.row("seedship publish", ""));
    near.row(at_will.theirs.row("rsync -a, ln -s && mv -T", &short(ratio)));
    let verdict = if ratio <= GOAL { "met" } else { "missed" };
    let goal = format!("goal: at most {GOAL} of rsync's: {ratio:.2}, {verdict}");

    course.shape(
        &["replace", "dev", "eth0", "root"],
        &["tbf", "rate", LINE, "burst", "128kb", "latency", "200ms"],
    )?;
    let rounds = ground.sizes.rounds.div_ceil(2);
    let shaped: Result<Vec<Race>> = FLEETS.iter().map(|webs| course.race(*webs, rounds)).collect();
    course.shape(&["del", "dev", "eth0", "root"], &[])?;
    let shaped = shaped?;
    let mut far = Grid::new().column(&format!("web servers, at {LINE}"), Align::Left);
    for column in ["publish", "rsync", "RATIO", "SENT", "SENT BY RSYNC"] {
        far = far.column(column, Align::Right);
    }
    for (webs, race) in FLEETS.iter().zip(&shaped) {
        far.row([
            webs.to_string(),
            time(race.ours.median()),
            time(race.theirs.median()),
            short(race.ratio()),
            mib(race.ours.sent()),
            mib(race.theirs.sent()),
        ]);
    }
    let site = census(&course.build)?;
    let title = format!("A site of {} in {} files to a fleet", mib(site.bytes), site.files);
    Ok(Section::new(&title)
        .grid(near)
        .line(&goal)
        .line(&course.parts(&at_will.ours))
        .grid(far)
        .line(&crossover(&shaped)))
}

/// From how many web servers on ours is the faster, between the numbers that were measured.
fn crossover(shaped: &[Race]) -> String {
    let ratios: Vec<(f64, f64)> =
        FLEETS.iter().zip(shaped).map(|(webs, race)| (*webs as f64, race.ratio())).collect();
    let Some(after) = ratios.iter().position(|(_, ratio)| *ratio <= 1.0) else {
        return format!("crossover: more than {} web servers", FLEETS[FLEETS.len() - 1]);
    };
    let Some((before, after)) = after.checked_sub(1).map(|at| (ratios[at], ratios[after])) else {
        return "crossover: ours is the faster from the first web server on".to_owned();
    };
    let share = (before.1 - 1.0) / (before.1 - after.1);
    let webs = before.0 + share * (after.0 - before.0);
    format!("crossover: from {webs:.1} web servers on ours is the faster")
}

/// The fleet, and what is sent to it.
struct Course<'g> {
    ground: &'g Ground,
    fleet: Fleet,
    signer: Signer,
    build: PathBuf,
    next: Cell<u32>,
}

/// Both sides, alternately.
struct Race {
    ours: Times,
    theirs: Times,
}

impl Race {
    fn ratio(&self) -> f64 {
        self.ours.median().as_secs_f64() / self.theirs.median().as_secs_f64()
    }
}

/// What several runs took.
#[derive(Default)]
struct Times(Vec<Lap>);

/// What one run took.
#[derive(Clone, Copy)]
struct Lap {
    /// Until the last switch.
    switched: Duration,
    /// Until the command came back.
    command: Duration,
    /// Bytes that the build host sent.
    sent: u64,
    /// The slowest landing, as its log tells.
    landing: Duration,
}

impl Times {
    fn percentile(&self, percent: usize, what: fn(&Lap) -> Duration) -> Duration {
        let mut all: Vec<Duration> = self.0.iter().map(what).collect();
        all.sort();
        percentile(&all, percent)
    }

    fn median(&self) -> Duration {
        self.percentile(50, |lap| lap.switched)
    }

    fn sent(&self) -> u64 {
        self.0.iter().map(|lap| lap.sent).max().unwrap_or_default()
    }

    fn row(&self, name: &str, ratio: &str) -> [String; 5] {
        let of = |percent| short(self.percentile(percent, |lap| lap.switched).as_secs_f64());
        let span = format!("{}–{}", of(0), of(100));
        [name.into(), time(self.median()), span, mib(self.sent()), ratio.into()]
    }
}

impl<'g> Course<'g> {
    fn laid(ground: &'g Ground) -> Result<Self> {
        let lab = &ground.lab;
        let (net, login) = (Net::new(lab)?, Login::new(lab)?);
        let signer = lab.signer()?;
        let key = signer.public_key();
        let app = format!("public_keys = [\"{key}\"]\nkeep = 1000\nmin_free = \"16MiB\"");
        let (flavour, webs) = (Flavour::Old, FLEETS.into_iter().max().unwrap_or(WEBS));
        let order = Order { flavour, webs, seedship: Path::new(SEEDSHIP), app: &app };
        let fleet = Fleet::start(lab, net, login, &order)?;
        let build = lab.folder("site")?;
        payload::small(&build, FILES)?;
        for web in &fleet.webs {
            fs::create_dir_all(by_hand(web).join("releases")).map_err(failed("make a root"))?;
        }
        Ok(Self { ground, fleet, signer, build, next: Cell::new(0) })
    }

    /// Runs `tc qdisc` on the build host's line.
    fn shape(&self, place: &[&str], how: &[&str]) -> Result {
        let mut tc = self.fleet.build().command("tc");
        site::run(tc.arg("qdisc").args(place).args(how)).map(drop)
    }

    /// So many web servers; one run of each side does not count.
    fn race(&self, webs: usize, rounds: usize) -> Result<Race> {
        let webs = &self.fleet.webs[..webs];
        let mut race = Race { ours: Times::default(), theirs: Times::default() };
        for round in 0..=rounds {
            let (ours, theirs) = (self.ours(webs)?, self.theirs(webs)?);
            if round > 0 {
                race.ours.0.push(ours);
                race.theirs.0.push(theirs);
            }
        }
        Ok(race)
    }

    /// A new version of the site.
    fn version(&self) -> Result<String> {
        self.next.set(self.next.get() + 1);
        let version = format!("1.0.{}", self.next.get());
        let file = self.build.join("version.txt");
        fs::write(file, &version).map_err(failed("write a version"))?;
        Ok(version)
    }

    fn ours(&self, webs: &[Web]) -> Result<Lap> {
        let version = self.version()?;
        // A tracker of a list must have it before the announce: the same bytes again, elsewhere.
        let elsewhere = self.ground.lab.folder("elsewhere")?;
        site::run(self.publish(&version).arg("--directory").arg(&elsewhere))?;
        let torrent = elsewhere.join(format!("shop-{version}.tar.zst.torrent"));
        let torrent = fs::read(torrent).map_err(failed("read a .torrent"))?;
        self.fleet.tracker.allow(&Torrent::from_bytes(torrent)?.hash)?;
        fs::remove_dir_all(&elsewhere).map_err(failed("remove a directory"))?;

        let mut publish = self.publish(&version);
        publish.arg("--seed").arg("--scgi").arg(self.fleet.seeder.socket());
        publish.args(["--ssh", &self.fleet.ssh_words()]);
        let destinations = self.fleet.destinations();
        publish.args(destinations.iter().take(webs.len()).flat_map(|to| ["--to", to]));
        let mut lap = self.lap(&mut publish, &version, webs, |web| web.root.clone())?;
        let landings = webs.iter().map(|web| landing(web, &version)).collect::<Result<Vec<_>>>()?;
        lap.landing = landings.into_iter().max().unwrap_or_default();
        Ok(lap)
    }

    fn publish(&self, version: &str) -> Command {
        let announce = self.fleet.tracker.announce();
        let mut publish = self.fleet.seedship(&["publish", "--app", "shop", "--version", version]);
        publish.args(["--announce", &announce, "--key"]).arg(self.signer.secret());
        publish.arg(&self.build);
        publish
    }

    fn theirs(&self, webs: &[Web]) -> Result<Lap> {
        let version = self.version()?;
        let ssh = self.fleet.ssh_words();
        let build = self.build.display();
        let mut script = String::new();
        for web in webs {
            let (name, root) = (&web.name, by_hand(web));
            let root = root.display();
            script += &format!(
                "(rsync -a -e '{ssh}' '{build}/' '{name}:{root}/releases/{version}/' && \
                 {ssh} {name} \"cd '{root}' && ln -s 'releases/{version}' next && mv -T next current\") & \
                 pids=\"$pids $!\"; "
            );
        }
        script += "for pid in $pids; do wait $pid; done";
        let mut shell = self.fleet.build_command("/bin/sh");
        self.lap(shell.args(["-ec", &script]), &version, webs, by_hand)
    }

    /// Runs a command, and waits until all web servers have switched.
    fn lap(
        &self,
        command: &mut Command,
        version: &str,
        webs: &[Web],
        root: impl Fn(&Web) -> PathBuf,
    ) -> Result<Lap> {
        self.ground.settle()?;
        let (began, before) = (SystemTime::now(), self.fleet.sent()?);
        site::run(command)?;
        let since = |time: SystemTime| time.duration_since(began).unwrap_or_default();
        let command = since(SystemTime::now());
        let mut switched = Duration::ZERO;
        for web in webs {
            let root = root(web);
            let live = root.join("current/version.txt");
            let what = format!("{}: {version} live", web.name);
            let is = || fs::read_to_string(&live).is_ok_and(|text| text == version);
            await_until(what, PATIENCE, || Ok(is().then_some(())))?;
            switched = switched.max(since(Web::switched_at(&root)?));
            let (sent, came) =
                (census(&self.build)?, census(&root.join("releases").join(version))?);
            if sent != came {
                return Err(Error::new(format!(
                    "{}: {came:?} instead of {sent:?}",
                    root.display()
                )));
            }
        }
        let sent = self.fleet.sent()? - before;
        Ok(Lap { switched, command, sent, landing: Duration::ZERO })
    }

    /// Where the time of ours goes.
    fn parts(&self, ours: &Times) -> String {
        let command = ours.percentile(50, |lap| lap.command);
        let rest = ours.percentile(50, |lap| lap.switched.saturating_sub(lap.command));
        let landing = ours.percentile(50, |lap| lap.landing);
        format!(
            "of ours: the command (pack, hash, sign, seed, deliver) {}, from its end to the last switch {}, in which the slowest landing took {}",
            time(command),
            time(rest),
            time(landing)
        )
    }
}

/// The root that scripts deploy to, beside the app's.
fn by_hand(web: &Web) -> PathBuf {
    web.root.with_file_name("by-hand")
}

/// How long a landing took, by its own line of log.
fn landing(web: &Web, version: &str) -> Result<Duration> {
    let line = web.await_said(&[&format!("shop {version} is live")])?;
    let ms = line.split(' ').find_map(|word| word.strip_prefix("ms="));
    let ms = ms.and_then(|ms| ms.parse().ok()).ok_or_else(|| Error::new(line.clone()))?;
    Ok(Duration::from_millis(ms))
}
