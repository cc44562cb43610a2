//! From a build host to a fleet: published there, live everywhere, over real sshd, each machine with
//! an address of its own; and only what the fleet's key has signed.

use crate::host::{Run, SEEDSHIP};
use lab::{
    Flavour, Fleet, Lab, Login, Net,
    fleet::{Order, Web},
    signer::Signer,
    site,
};
use std::path::Path;

lab::on_both![what_is_published_is_live_everywhere];

/// How many web servers.
const WEBS: usize = 4;

/// A build host, four web servers, and who signs what they take.
struct Scene<'l> {
    lab: &'l Lab,
    fleet: Fleet,
    signer: Signer,
}

impl<'l> Scene<'l> {
    /// Everything started; `None` where there can be no machines or nobody can log in. `app` is what
    /// `[apps.shop]` says beside its keys.
    fn set(lab: &'l Lab, flavour: Flavour, app: &str) -> Option<Self> {
        let net = Net::new(lab).map_err(lab::skip).ok()?;
        let login = Login::new(lab).map_err(lab::skip).ok()?;
        let signer = lab.signer().unwrap();
        let app = format!(
            "public_keys = [\"{}\"]\nlinger = \"0s\"\nmin_free = \"1MiB\"\n{app}",
            signer.public_key()
        );
        let order = Order { flavour, webs: WEBS, seedship: Path::new(SEEDSHIP), app: &app };
        let fleet = Fleet::start(lab, net, login, &order).unwrap();
        Some(Self { lab, fleet, signer })
    }

    /// A build of the site: the directory that is published.
    fn build(&self, version: &str) -> String {
        let folder = self.lab.path().join(format!("builds/{version}"));
        if !folder.exists() {
            site::small(version).write_to(&folder).unwrap();
        }
        folder.to_str().unwrap().to_owned()
    }

    /// `seedship publish` with what every run of it here has in common, and these words.
    fn publish(&self, version: &str, words: &[&str]) -> Run {
        let announce = self.fleet.tracker.announce();
        let build = self.build(version);
        let mut publish = self.fleet.seedship(&["publish", &build, "--app", "shop"]);
        publish.args(["--version", version, "--announce", &announce]).args(words);
        Run::of(publish.output().unwrap())
    }

    /// The same, seeded and delivered to the whole fleet. The tracker serves what it was told of
    /// alone: so the info hash, which is the same every time, is asked for first.
    fn publish_to_all(&self, version: &str, words: &[&str]) -> Run {
        let elsewhere = self.lab.folder(&self.lab.fresh("elsewhere")).unwrap();
        let words = [&["--json"], words].concat();
        let first = self.publish(
            version,
            &[&words[..], &["--directory", elsewhere.to_str().unwrap()]].concat(),
        );
        self.fleet.tracker.allow(&hash_of(&first)).unwrap();
        let socket = self.fleet.seeder.socket();
        let (ssh, destinations) = (self.fleet.ssh_words(), self.fleet.destinations());
        let mut more = vec!["--seed", "--scgi", socket.to_str().unwrap(), "--ssh", &ssh];
        more.extend(destinations.iter().flat_map(|to| ["--to", to]));
        self.publish(version, &[&words[..], &more].concat())
    }

    /// The words that sign with the fleet's key.
    fn signed(&self) -> [&str; 2] {
        ["--key", self.signer.secret().to_str().unwrap()]
    }

    /// Publishes a release that must come to every destination.
    fn publish_signed(&self, version: &str) {
        let run = self.publish_to_all(version, &self.signed());
        assert_eq!(run.code, 0, "{run:?}");
    }

    /// Publishes a release that must be live everywhere then.
    fn goes_live(&self, version: &str) {
        self.publish_signed(version);
        for web in &self.fleet.webs {
            web.await_live(version).unwrap();
            assert_eq!(serves(web), only(version), "{}", web.name);
        }
    }

    /// Whether `seedship releases` on a web server lists a release that stands and is not live.
    fn says_landed(&self, web: &Web, version: &str) -> bool {
        let answer = site::run(self.fleet.ssh(web).arg("seedship releases shop --json")).unwrap();
        let answer: serde_json::Value = serde_json::from_slice(&answer).unwrap();
        let releases = answer["releases"].as_array().unwrap();
        let release = releases.iter().find(|release| release["version"] == version);
        release.is_some_and(|release| release["stands"] == true && release["live"] == false)
    }

    /// The results of a run in which this became of each web server.
    fn expected(&self, became: impl Fn(usize) -> &'static str) -> Vec<(String, String)> {
        let webs = self.fleet.destinations().into_iter().enumerate();
        webs.map(|(n, to)| (to, became(n).to_owned())).collect()
    }

    /// A loop over the fleet, as an operator types it on the build host: once for each web server,
    /// all at once.
    fn on_each(&self, command: &str) {
        let mut ssh = String::new();
        for web in &self.fleet.webs {
            ssh += &format!(
                "{} {} '{command}' & pids=\"$pids $!\"; ",
                self.fleet.ssh_words(),
                web.name
            );
        }
        let script = format!("{ssh} for pid in $pids; do wait $pid; done");
        site::run(self.fleet.build_command("/bin/sh").args(["-ec", &script])).unwrap();
    }
}

/// The info hash that a run of `publish --json` told.
fn hash_of(run: &Run) -> String {
    told(run)["info_hash"].as_str().unwrap_or_else(|| panic!("{run:?}")).to_uppercase()
}

fn told(run: &Run) -> serde_json::Value {
    serde_json::from_str(&run.stdout).unwrap_or_else(|e| panic!("{e}: {run:?}"))
}

/// Live, and what a web server would answer.
fn serves(web: &Web) -> (Option<String>, Option<String>) {
    (web.live(), web.page())
}

/// This version, by either.
fn only(version: &str) -> (Option<String>, Option<String>) {
    (Some(version.to_owned()), Some(version.to_owned()))
}

/// Each destination, and what became of it.
fn results(run: &Run) -> Vec<(String, String)> {
    let told = told(run);
    let word = |result: &serde_json::Value, key| result[key].as_str().unwrap().to_owned();
    let results = told["results"].as_array().unwrap().iter();
    results.map(|result| (word(result, "to"), word(result, "outcome"))).collect()
}

fn what_is_published_is_live_everywhere(lab: &Lab, flavour: Flavour) {
    let Some(scene) = Scene::set(lab, flavour, "") else { return };
    for release in ["1.0.0", "1.1.0"] {
        scene.goes_live(release);
    }
}

/// What anybody could publish who may log in: it comes by the same way, is downloaded, and ends at
/// the signature.
#[test]
fn only_what_the_fleets_key_signed_goes_live() {
    let Some(lab) = Lab::with(Flavour::Old) else { return };
    let Some(scene) = Scene::set(&lab, Flavour::Old, "") else { return };
    scene.goes_live("1.0.0");
    let stranger = lab.signer().unwrap();
    let by_another = ["--key", stranger.secret().to_str().unwrap()];
    let forged = [("2.0.0", &["--unsigned"][..]), ("2.1.0", &by_another)];
    let mut served = true;
    for (release, words) in forged {
        let run = scene.publish_to_all(release, words);
        assert_eq!(run.code, 0, "{run:?}");
        for web in &scene.fleet.webs {
            let refusal = "could not accept the signature for app `shop`";
            web.await_said(&[&hash_of(&run), refusal, "exit=77"]).unwrap();
            served &= serves(web) == only("1.0.0");
        }
    }
    lab::withstood!(
        "Signatures",
        "unsigned and foreign-signed torrents, published to four web servers by ssh and seeded",
        forged.len() * WEBS,
        "downloaded, and refused, 77, on every one of them",
        served
    );
    // The fleet's own still goes through.
    scene.goes_live("2.2.0");
}

#[test]
fn one_that_is_down_keeps_nobody_from_going_live() {
    let Some(lab) = Lab::with(Flavour::Old) else { return };
    let Some(mut scene) = Scene::set(&lab, Flavour::Old, "") else { return };
    scene.goes_live("1.0.0");
    const DOWN: usize = 2;
    scene.fleet.webs[DOWN].sshd.stop();
    let run = scene.publish_to_all("1.1.0", &scene.signed());
    assert_eq!(run.code, 69, "{run:?}");
    let became = |n| if n == DOWN { "failed" } else { "delivered" };
    assert_eq!(results(&run), scene.expected(became), "{run:?}");
    for (n, web) in scene.fleet.webs.iter().enumerate().filter(|(n, _)| *n != DOWN) {
        web.await_live("1.1.0").unwrap();
        assert_eq!(serves(web), only("1.1.0"), "{n}");
    }
    assert_eq!(serves(&scene.fleet.webs[DOWN]), only("1.0.0"));

    // It is back; the same command once more is all that is to be done.
    scene.fleet.webs[DOWN].sshd.start().unwrap();
    let run = scene.publish_to_all("1.1.0", &scene.signed());
    assert_eq!(run.code, 0, "{run:?}");
    let became = |n| if n == DOWN { "delivered" } else { "already" };
    assert_eq!(results(&run), scene.expected(became), "{run:?}");
    scene.fleet.webs[DOWN].await_live("1.1.0").unwrap();
    assert_eq!(serves(&scene.fleet.webs[DOWN]), only("1.1.0"));
}

#[test]
fn a_fleet_that_has_it_switches_at_a_word() {
    let Some(lab) = Lab::with(Flavour::Old) else { return };
    let Some(scene) = Scene::set(&lab, Flavour::Old, "activate = \"manual\"\n") else { return };
    let mut before = None;
    for release in ["1.0.0", "1.1.0"] {
        scene.publish_signed(release);
        for web in &scene.fleet.webs {
            web.await_said(&[&format!("shop {release} landed")]).unwrap();
            assert!(scene.says_landed(web, release), "{}", web.name);
            assert_eq!(serves(web).1, before, "nothing goes live by itself");
        }
        scene.on_each(&format!("seedship activate shop {release}"));
        let switched = scene.fleet.webs.iter().map(|web| web.switched().unwrap());
        let (first, last) = (switched.clone().min().unwrap(), switched.max().unwrap());
        for web in &scene.fleet.webs {
            assert_eq!(serves(web), only(release));
        }
        let spread = last.duration_since(first).unwrap().as_secs_f64() * 1e3;
        println!("measured: {WEBS} web servers switched to {release} within {spread:.0} ms");
        before = Some(release.to_owned());
    }
}
