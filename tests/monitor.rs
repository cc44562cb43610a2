//! `seedship monitor`: what Nagios, Icinga and Prometheus are told, through the real binary.

use crate::{
    event::packed,
    host::{Host, Run, SEEDSHIP, SHOP},
    manual::is_missing,
    screens::{damage, masked, release, reviewed, stable, two_days_pass},
};
use lab::{Kind, Lab, Owned, as_root, site, skip};
use std::{
    collections::{BTreeMap, BTreeSet},
    fs::{self, File},
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
    process::{Command, Stdio},
    time::{Duration, SystemTime},
};

const HOUR: u64 = 60 * 60;

/// Lets time pass since an event or a sweep was last at work.
fn hours_pass(host: &Host<'_>, app: &str, hours: u64) {
    let lock = File::options().write(true).open(host.root(app).join(".seedship/deploy.lock"));
    let then = SystemTime::now() - Duration::from_secs(hours * HOUR);
    lock.unwrap().set_modified(then).unwrap();
}

/// An operator types something.
fn by_anna(host: &Host<'_>, args: &[&str]) {
    let run = Run::of(host.command(args).env("SUDO_USER", "anna").output().unwrap());
    assert_eq!(run.code, 0, "{args:?}: {run:?}");
}

/// What differs from run to run, beside what every screen hides.
fn hidden(text: &str, lab: &Lab) -> String {
    let text = stable(text, lab).replace(" (now)", " (N s ago)");
    let marks = [
        ("(N s ago)", "(N s ago)"),
        ("_age=N", "_age=N"),
        ("_silence=N", "_silence=N"),
        ("_free=N", "_free=N"),
    ];
    let more = [("_inodes=N", "_inodes=N"), ("line N, column N", "line N, column N")];
    marks.iter().chain(&more).fold(text, |text, (shape, mark)| masked(&text, shape, mark))
}

/// A screen of several runs.
struct Screen<'h, 'l>(&'h Host<'l>, String);

impl Screen<'_, '_> {
    /// Runs the monitor, which changes nothing in the app's root.
    fn runs(&mut self, args: &[&str]) -> i32 {
        let run = self.sees(args);
        let typed = args.iter().map(|arg| format!(" {arg}")).collect::<String>();
        self.1 += &format!("$ seedship monitor{typed}\n{}[exit {}]\n", run.stdout, run.code);
        run.code
    }

    /// The same off the screen: what is said differs from machine to machine.
    fn sees(&self, args: &[&str]) -> Run {
        let before = self.0.listing("shop");
        let run = self.0.run(&[&["monitor"], args].concat());
        assert_eq!(self.0.listing("shop"), before, "{args:?}");
        assert_eq!(run.stderr, "");
        run
    }

    /// It ends with this code, and its first line begins and goes on with these words.
    fn says(&self, args: &[&str], code: i32, words: [&str; 2]) {
        let run = self.sees(args);
        let first = run.stdout.lines().next().unwrap_or_default();
        let (begins, goes_on) = (first.starts_with(words[0]), first.contains(words[1]));
        assert!(run.code == code && begins && goes_on, "{args:?}: {run:?}");
    }

    fn ends(self, name: &str) {
        reviewed(name, &hidden(&self.1, self.0.lab));
    }
}

#[test]
fn one_line_says_how_an_app_is() {
    let lab = Lab::new().unwrap();
    let host = Host::new(&lab, SHOP);
    let mut screen = Screen(&host, String::new());
    assert_eq!(screen.runs(&["shop"]), 1, "nothing was there yet");
    host.landed("shop", "1.0");
    host.landed("shop", "2.0");
    assert_eq!(screen.runs(&["shop"]), 0);
    assert_eq!(screen.runs(&["shop", "--expect", "2.0"]), 0);
    let ages = ["shop", "--timeout", "200000000000000d", "--silence", "200000000000000d"];
    assert_eq!(screen.sees(&ages).code, 0, "as long as time itself");
    assert_eq!(screen.runs(&["shop", "--expect", "3.0"]), 2);
    by_anna(&host, &["hold", "shop", "--reason", "a | b"]);
    host.landed("shop", "3.0");
    assert_eq!(screen.runs(&["shop"]), 0, "a hold is an operator's will");
    assert_eq!(screen.runs(&["shop", "--expect", "3.0"]), 1, "it is staged");
    by_anna(&host, &["rollback", "shop"]);
    assert_eq!(screen.runs(&["shop"]), 0, "and so is a rollback");
    screen.ends("monitor-how-an-app-is");
}

#[test]
fn one_line_says_what_needs_a_person() {
    let lab = Lab::new().unwrap();
    let host = Host::new(&lab, SHOP);
    host.landed("shop", "1.0");
    let mut screen = Screen(&host, String::new());

    let (torrent, payload) = packed(&lab, &site::small("2.0"), Kind::Tar, "shop-2.0");
    fs::write(&payload, "no archive").unwrap();
    let bad = lab.torrent(&payload).make().unwrap();
    assert_eq!(host.finished(&bad, &payload).code, 65);
    assert_eq!(screen.runs(&["shop"]), 1, "refused");

    host.configure(&format!("{SHOP}[apps.shop.run]\ncheck = [[\"false\"]]\ntimeout = \"1s\"\n"));
    let (failing, payload) = release(&lab, "3.0");
    assert_eq!(host.finished(&failing, &payload).code, 79);
    assert_eq!(screen.runs(&["shop"]), 1, "returned");
    host.configure(SHOP);
    two_days_pass(&host, "shop");
    host.landed("shop", "4.0");
    assert_eq!(screen.runs(&["shop"]), 0, "what came before the live one is an old story");

    // Tried again and again, it does not go away by itself.
    let (waiting, payload) = release(&lab, "5.0");
    damage(&payload);
    for _ in 0..6 {
        assert_eq!(host.finished(&waiting, &payload).code, 75);
        host.is_due("shop", &waiting.hash);
    }
    assert_eq!(screen.runs(&["shop"]), 1, "waiting");

    host.configure(&SHOP.replace("1MiB", "1000TiB"));
    let room = ["SEEDSHIP CRITICAL - shop 4.0 live since ", " are free, min_free is 1000.0 TiB"];
    screen.says(&["shop"], 2, room);
    host.configure(SHOP);

    let record =
        host.root("shop").join(format!(".seedship/records/{}.toml", torrent.hash.to_uppercase()));
    fs::write(&record, "format = 1\nstate = 17\n").unwrap();
    let damaged = ["SEEDSHIP CRITICAL - shop 4.0 live since ", ": could not read record `"];
    screen.says(&["shop"], 2, damaged);
    fs::remove_file(record).unwrap();

    fs::remove_file(host.root("shop").join("current")).unwrap();
    assert_eq!(screen.runs(&["shop"]), 2, "nothing is served any more");
    let hint = "  hint: seedship activate shop 4.0\n";
    assert!(host.good(&["status", "shop"]).contains(hint));
    host.good(&["activate", "shop", "4.0"]);
    host.good(&["rollback", "shop", "--to", "1.0", "--keep-good"]);
    fs::remove_file(host.root("shop").join("current")).unwrap();
    let before = ["SEEDSHIP CRITICAL - shop: ", "`current` is not there, and 1.0 was live"];
    screen.says(&["shop"], 2, before);
    host.good(&["activate", "shop", "4.0"]);
    fs::remove_dir_all(host.root("shop").join("releases/4.0")).unwrap();
    assert_eq!(screen.runs(&["shop"]), 2, "gone");
    screen.ends("monitor-what-needs-a-person");
}

/// The line that each sweep writes into the lock is its mark; nothing else is written for it.
#[test]
fn silence_is_noticed_and_a_sweep_ends_it() {
    let lab = Lab::new().unwrap();
    let host = Host::new(&lab, SHOP);
    host.landed("shop", "1.0");
    let mut screen = Screen(&host, String::new());
    hours_pass(&host, "shop", 3);
    assert_eq!(screen.runs(&["shop"]), 2);
    assert_eq!(screen.runs(&["shop", "--silence", "4h"]), 0);
    host.good(&["sweep"]);
    assert_eq!(screen.runs(&["shop"]), 0, "a sweep with nothing to do is a sign of life");
    hours_pass(&host, "shop", 3);
    host.landed("shop", "2.0");
    assert_eq!(screen.runs(&["shop"]), 0, "and so is an event");
    // A mark is no more than a time: the names and what they hold are as they were.
    let names = |host: &Host<'_>| {
        let own = fs::read_dir(host.root("shop").join(".seedship")).unwrap();
        own.map(|entry| entry.unwrap().file_name()).collect::<BTreeSet<_>>()
    };
    let before = names(&host);
    host.good(&["sweep"]);
    assert_eq!(names(&host), before);
    screen.ends("monitor-silence");
}

#[test]
fn it_waits_for_no_deploy_and_says_that_one_runs() {
    let lab = Lab::new().unwrap();
    let host = Host::new(&lab, SHOP);
    host.landed("shop", "1.0");
    let (torrent, payload) = release(&lab, "2.0");
    let parked = host.parked(host.event(&torrent, &payload), "synced");
    let mut screen = Screen(&host, String::new());
    assert_eq!(screen.runs(&["shop"]), 0);
    assert_eq!(screen.runs(&["shop", "--expect", "2.0"]), 1);
    hours_pass(&host, "shop", 3);
    assert_eq!(screen.runs(&["shop"]), 2, "one that hangs is silent too");
    drop(parked);
    assert_eq!(
        screen.runs(&["shop", "--silence", "4h"]),
        1,
        "it was killed, and nobody resumed it"
    );
    host.good(&["sweep"]);
    assert_eq!(host.run(&["monitor", "shop"]).code, 0);
    screen.ends("monitor-beside-a-deploy");
}

#[test]
fn what_is_wrong_with_the_tool_is_unknown_and_never_silent() {
    let lab = Lab::new().unwrap();
    let host = Host::new(&lab, SHOP);
    host.landed("shop", "1.0");
    let mut screen = Screen(&host, String::new());
    for (args, code) in [
        (&["nope"][..], 3),
        (&["--expect", "1.0"], 3),
        (&["shop", "--silence", "soon"], 3),
        (&["shop", "--wrong\nSEEDSHIP OK"], 3),
        (&["--prometheus", "/nowhere/seedship.prom"], 3),
        (&["--prometheus", "seedship.txt"], 3),
    ] {
        assert_eq!(screen.runs(args), code, "{args:?}");
    }
    host.configure(&format!("{SHOP}[apps.blog]\nkeep = 0\n"));
    screen.says(
        &[],
        2,
        ["SEEDSHIP CRITICAL - blog: could not read `", "missing key `match` | shop_age="],
    );
    assert_eq!(screen.runs(&["shop"]), 0, "the other's is not");
    host.configure("[log]\nlevel = 7\n");
    screen.says(&[], 2, ["SEEDSHIP CRITICAL - could not read `", ": duplicate key"]);
    host.configure("");
    assert_eq!(screen.runs(&[]), 3, "nothing is watched");
    screen.ends("monitor-mistakes");
    // Where nobody can read it, an answer is lost, and that is not well.
    host.configure(SHOP);
    let full = File::options().write(true).open("/dev/full").unwrap();
    let status = host.command(&["monitor"]).stdout(full).stderr(Stdio::null()).status().unwrap();
    assert_eq!(status.code(), Some(3));
    for args in [
        &["monitor", "--json"][..],
        &["monitor", "nope", "--json"],
        &["monitor", "--json", "--wrong"],
    ] {
        let run = host.run(args);
        let object: serde_json::Value = serde_json::from_str(&run.stdout).unwrap();
        assert_eq!(object["exit"], run.code, "{args:?}");
    }
    let screen = serde_json::to_string_pretty(&host.json(&["monitor"])).unwrap();
    let numbers = ["\"age\": N", "\"silence\": N", "\"free\": N", "\"inodes\": N"];
    let screen = numbers.iter().fold(screen, |text, shape| masked(&text, shape, shape));
    reviewed("monitor-json", &stable(&screen, &lab));
}

/// A file system in user space whose program stands still: what asks it waits for ever.
#[test]
fn a_disk_that_hangs_keeps_nobody_from_the_others() {
    if !lab::own_mounts!() {
        return;
    }
    if is_missing("bindfs") {
        return;
    }
    let lab = Lab::new().unwrap();
    let host = Host::new(&lab, &format!("{SHOP}{}", SHOP.replace("shop", "blog")));
    host.landed("shop", "1.0");
    host.landed("blog", "1.0");
    let root = host.root("blog");
    let mut bindfs = Command::new("bindfs");
    bindfs.arg("-f").arg(&root).arg(&root);
    let mut bindfs = Owned::spawn(&lab, "bindfs", &mut bindfs).unwrap();
    let here = root.to_str().unwrap();
    let mounted = || fs::read_to_string("/proc/self/mounts").unwrap().contains(here);
    let known = lab::await_for("the file system", || {
        mounted() || bindfs.ended().is_ok_and(|ended| ended.is_some())
    });
    known.unwrap();
    if !mounted() {
        return skip(format!("bindfs cannot mount here: {}", bindfs.tail()));
    }
    let signal = |name: &str| {
        site::run(Command::new("kill").args(["-s", name, &bindfs.pid().to_string()])).unwrap();
    };
    signal("STOP");
    let run = host.run(&["monitor", "--timeout", "2s"]);
    let one = host.run(&["monitor", "shop", "--timeout", "20s"]);
    signal("CONT");
    site::run(Command::new("umount").arg("-l").arg(&root)).unwrap();
    drop(bindfs);
    assert_eq!((run.code, one.code), (3, 0), "{run:?} {one:?}");
    let said = run.stdout.lines().next().unwrap();
    assert!(
        said.starts_with(
            "SEEDSHIP UNKNOWN - blog: could not look at app `blog`: no answer in time | shop_age="
        ),
        "{said}"
    );
    assert!(run.stdout.contains("\nOK        shop 1.0 live since "), "{}", run.stdout);
    lab::withstood!(
        "Faults",
        "the disk of one app hangs while a monitor looks",
        2,
        "that app is UNKNOWN in time, the others are told",
        host.page("shop").as_deref() == Some("1.0")
    );
}

#[test]
fn who_may_not_read_knows_nothing_and_is_told_who_may() {
    if !as_root() {
        return skip("only root can become other users");
    }
    let lab = Lab::new().unwrap();
    let host = Host::new(&lab, SHOP);
    let (owner, stranger) = (45_987, 45_988);
    site::run(Command::new("chown").arg(format!("{owner}:{owner}")).arg(host.root("shop")))
        .unwrap();
    host.landed("shop", "1.0");
    let by = |user: u32, group: u32| {
        let mut command = Command::new("setpriv");
        command.args([
            "--reuid",
            &user.to_string(),
            "--regid",
            &group.to_string(),
            "--clear-groups",
        ]);
        command.args([SEEDSHIP, "monitor", "shop"]).env("SEEDSHIP_CONFIG", host.config());
        Run::of(command.output().unwrap())
    };
    assert_eq!(by(stranger, owner).code, 0, "a member of the group");
    let run = by(stranger, stranger);
    assert_eq!(run.code, 3, "{run:?}");
    assert!(run.stdout.starts_with("SEEDSHIP UNKNOWN - shop: could not "), "{}", run.stdout);
    assert!(run.stdout.contains("members of the group of"), "{}", run.stdout);
    assert_eq!(host.run(&["monitor"]).code, 0, "root, as the owner");
}

// --- Prometheus --------------------------------------------------------------------------------

/// The families of a file in the text format 0.0.4: their samples by name and labels. Stricter than
/// Prometheus: HELP and TYPE stand before every family, each family and each sample once.
fn parsed(text: &str) -> BTreeMap<String, f64> {
    assert!(text.ends_with('\n'));
    let (mut family, mut families, mut samples) = (String::new(), BTreeSet::new(), BTreeMap::new());
    let mut lines = text.lines();
    while let Some(line) = lines.next() {
        if let Some(help) = line.strip_prefix("# HELP ") {
            let (name, says) = help.split_once(' ').unwrap();
            assert!(says.ends_with('.') && !says.contains('\\'), "{line}");
            assert_eq!(lines.next().unwrap(), format!("# TYPE {name} gauge"));
            assert!(families.insert(name.to_owned()), "{name} comes twice");
            assert!(!name.ends_with("_total"), "{name} is no counter");
            family = name.to_owned();
            continue;
        }
        let (sample, value) = line.rsplit_once(' ').unwrap();
        assert_eq!(sample.split('{').next(), Some(family.as_str()), "{line}");
        if let Some((_, labels)) = sample.split_once('{') {
            let labels = labels.strip_suffix("\"}").unwrap();
            for label in labels.split("\",") {
                let (name, value) = label.split_once("=\"").unwrap();
                assert!(name.chars().all(|c| c.is_ascii_lowercase()), "{line}");
                assert!(!value.contains(['"', '\\', '\n']), "{line}");
            }
        }
        let value: f64 = value.parse().unwrap();
        assert!(samples.insert(sample.to_owned(), value).is_none(), "{sample} comes twice");
    }
    samples
}

/// The parsers of Prometheus itself, where they are installed, take it too.
fn others_take(file: &Path) {
    let text = fs::read(file).unwrap();
    let takes = |program: &str, args: &[&str]| {
        let mut command = Command::new(program);
        let input = File::open(file).unwrap();
        let run = Run::of(command.args(args).stdin(input).output().unwrap());
        assert_eq!((run.code, run.stderr.as_str()), (0, ""), "{program}: {}", run.stdout);
        run.stdout
    };
    if !is_missing("promtool") {
        takes("promtool", &["check", "metrics"]);
    }
    let python = Command::new("python3").args(["-c", "import prometheus_client"]).output();
    if !python.is_ok_and(|run| run.status.success()) {
        return skip("python3-prometheus-client is not installed");
    }
    let script = "import sys\nfrom prometheus_client.parser import text_string_to_metric_families\n\
                  n = sum(len(f.samples) for f in text_string_to_metric_families(sys.stdin.read()))\n\
                  print(n)";
    let samples = takes("python3", &["-c", script]);
    assert_eq!(samples.trim(), parsed(std::str::from_utf8(&text).unwrap()).len().to_string());
}

fn metrics(host: &Host<'_>) -> (PathBuf, BTreeMap<String, f64>) {
    let file = host.lab.path().join("seedship.prom");
    let run = host.run(&["monitor", "--prometheus", file.to_str().unwrap()]);
    assert_eq!((run.code, run.stdout.as_str(), run.stderr.as_str()), (0, "", ""));
    let text = fs::read_to_string(&file).unwrap();
    (file, parsed(&text))
}

#[test]
fn prometheus_reads_how_the_apps_are() {
    let lab = Lab::new().unwrap();
    let host = Host::new(&lab, SHOP);
    host.landed("shop", "1.0+build.1");
    host.good(&["hold", "shop"]);
    let (file, samples) = metrics(&host);
    others_take(&file);
    let text = hidden(&fs::read_to_string(&file).unwrap(), &lab);
    let numbers = ["_seconds{app=\"shop\"} N", "_bytes{app=\"shop\"} N", "_inodes{app=\"shop\"} N"];
    let text = numbers.iter().fold(text, |text, shape| masked(&text, shape, shape));
    reviewed("monitor-prometheus", &text);
    assert_eq!(fs::metadata(&file).unwrap().permissions().mode() & 0o777, 0o644);
    assert_eq!(samples["seedship_live_info{app=\"shop\",version=\"1.0+build.1\"}"], 1.0);
    assert_eq!(samples["seedship_app_state{app=\"shop\"}"], 0.0);
    let since = samples["seedship_live_since_timestamp_seconds{app=\"shop\"}"];
    let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap().as_secs_f64();
    assert!(since <= now && now - since < 3600.0, "{since}");

    // Broken as it may be, the file says so, and the exporter goes on reading it.
    host.configure(&format!("{SHOP}[apps.blog]\nkeep = 0\n"));
    let (file, samples) = metrics(&host);
    others_take(&file);
    assert_eq!(samples["seedship_configuration_valid"], 0.0);
    assert_eq!(samples["seedship_problem{app=\"blog\",problem=\"configuration\"}"], 2.0);
    assert_eq!(samples["seedship_app_state{app=\"shop\"}"], 0.0);
    host.configure("[log]\nlevel = 7\n");
    let (file, samples) = metrics(&host);
    others_take(&file);
    assert_eq!((samples["seedship_configuration_valid"], samples["seedship_state"]), (0.0, 2.0));
    let beside = fs::read_dir(lab.path()).unwrap().map(|entry| entry.unwrap().file_name());
    let left: Vec<_> = beside.filter(|name| name.to_string_lossy().contains(".prom.")).collect();
    assert!(left.is_empty(), "{left:?}");
}

/// Whoever reads while it is written finds a whole file each time.
#[test]
fn the_file_is_never_half() {
    let lab = Lab::new().unwrap();
    let host = Host::new(&lab, SHOP);
    let (file, first) = metrics(&host);
    let writer = host.command(&["monitor", "--prometheus", file.to_str().unwrap()]);
    let mut rounds = vec![writer];
    rounds
        .extend((0..9).map(|_| host.command(&["monitor", "--prometheus", file.to_str().unwrap()])));
    let mut reads = 0;
    for mut round in rounds {
        let mut child = round.spawn().unwrap();
        while child.try_wait().unwrap().is_none() {
            let samples = parsed(&fs::read_to_string(&file).unwrap());
            assert_eq!(samples.keys().collect::<Vec<_>>(), first.keys().collect::<Vec<_>>());
            reads += 1;
        }
    }
    assert!(reads > 20, "{reads}");
}

// --- what is shipped ---------------------------------------------------------------------------

fn example(name: &str) -> String {
    let examples = lab::workspace().join("packaging/usr/share/doc/seedship/examples");
    fs::read_to_string(examples.join(name)).unwrap()
}

/// The examples for Nagios and Icinga type what there is.
#[test]
fn what_is_shipped_for_nagios_and_icinga_can_be_typed() {
    let lab = Lab::new().unwrap();
    let host = Host::new(&lab, SHOP);
    host.landed("shop", "1.0");
    let nrpe = example("nrpe.cfg");
    let commands = nrpe.lines().filter_map(|line| line.strip_prefix("command[")?.split_once("]="));
    let commands: Vec<_> = commands.map(|(_, command)| command).collect();
    assert_eq!(commands.len(), 2, "{nrpe}");
    for command in commands {
        let words: Vec<&str> = command.split(' ').collect();
        assert_eq!(words[0], "/usr/bin/seedship");
        let run = host.run(&words[1..]);
        assert_eq!(run.code, 0, "{command}: {run:?}");
    }
    let help = host.good(&["monitor", "--help"]);
    let icinga = example("icinga2.conf");
    let options = icinga.split('"').filter(|word| word.starts_with("--"));
    let options: Vec<&str> = options.collect();
    assert!(options.len() >= 4, "{icinga}");
    for option in options {
        assert!(help.contains(&format!("{option} <")), "{option}");
    }
}
