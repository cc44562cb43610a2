//! Which command runs when, with what around it, and what a failing one means.

use super::Shop;
use crate::host::Run;
use lab::Lab;
use std::{
    collections::BTreeMap,
    fs,
    process::{Command, Stdio},
};

const ALL: &str = "prepare = [[\"DO\"]]\nactivated = [[\"DO\"]]\ncheck = [[\"DO\"]]";
const AROUND: &str = "activated = [[\"DO\"]]\ncheck = [[\"DO\"]]\ntimeout = \"1s\"";

#[test]
fn each_has_its_moment() {
    let lab = Lab::new().unwrap();
    let shop = Shop::new(&lab, ALL, "");
    shop.landed("1.0");
    assert_eq!(shop.journal(), ["prepare 1.0 -", "activated 1.0 1.0", "check 1.0 1.0"]);
    shop.landed("2.0");
    let second = ["prepare 2.0 1.0", "activated 2.0 2.0", "check 2.0 2.0"];
    assert_eq!(shop.journal()[3..], second);
    // What nobody switches runs nothing.
    shop.landed("1.5");
    assert_eq!(shop.journal()[6..], ["prepare 1.5 2.0"]);
    assert!(shop.is_tidy());
}

#[test]
fn they_find_what_is_documented_around_them_and_nothing_of_the_callers() {
    let lab = Lab::new().unwrap();
    let copy = "d=\"$1/$SEEDSHIP_STEP\"; mkdir -p \"$d\"\n\
        tr '\\0' '\\n' < /proc/$$/environ > \"$d/environ\"\n\
        grep -E '^(SigBlk|SigIgn|NoNewPrivs):' /proc/self/status > \"$d/status\"\n\
        readlink /proc/$$/fd/0 > \"$d/stdin\"; pwd > \"$d/pwd\"; umask > \"$d/umask\"\n\
        ls /proc/$$/fd > \"$d/fd\"; shift; printf '%s|' \"$@\" > \"$d/args\"\n\
        cut -d' ' -f6,7 /proc/$$/stat > \"$d/session\"; echo $$ >> \"$d/session\"";
    let argv = "[[\"DO\", \"a b\", \"$HOME\", \"*\", \"\", \"'\\\"\"]]";
    let shop = Shop::new(
        &lab,
        &format!(
            "prepare = {argv}\nactivated = {argv}\ncheck = {argv}\n[apps.shop.env]\nSTAGE = \"prod x\""
        ),
        copy,
    );
    shop.landed("1.0");
    let (torrent, payload) = shop.release("2.0");
    hostile(&shop.host.event(&torrent, &payload));
    let root = shop.host.root("shop");
    let home = site_home();
    for step in ["prepare", "activated", "check"] {
        let read = |name: &str| shop.read(&format!("{step}/{name}"));
        let environ = read("environ");
        let found: BTreeMap<&str, &str> =
            environ.lines().filter_map(|line| line.split_once('=')).collect();
        let place = read("pwd").trim().to_owned();
        let last = root.join("releases/2.0").display().to_string();
        match step {
            "prepare" => assert!(place.contains("/releases/.stage-"), "{place}"),
            _ => assert_eq!(place, last),
        }
        let own = root.display().to_string();
        let path = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";
        let hash = torrent.hash.to_uppercase();
        let expected = BTreeMap::from([
            ("HOME", home.as_str()),
            ("LANG", "C.UTF-8"),
            ("PATH", path),
            ("SEEDSHIP_APP", "shop"),
            ("SEEDSHIP_FINAL", last.as_str()),
            ("SEEDSHIP_FROM", "1.0"),
            ("SEEDSHIP_HASH", hash.as_str()),
            ("SEEDSHIP_RELEASE", place.as_str()),
            ("SEEDSHIP_ROOT", own.as_str()),
            ("SEEDSHIP_STEP", step),
            ("SEEDSHIP_VERSION", "2.0"),
            ("STAGE", "prod x"),
        ]);
        let upper = found.into_iter().collect::<BTreeMap<_, _>>();
        assert_eq!(upper, expected, "{step}");
        assert_eq!(read("args"), "a b|$HOME|*||'\"|", "{step}");
        assert_eq!((read("stdin").trim(), read("umask").trim()), ("/dev/null", "0022"), "{step}");
        let status = read("status");
        let nothing = "0".repeat(16);
        assert!(status.contains(&format!("SigBlk:\t{nothing}")), "{step} {status}");
        let ignored = status.lines().find_map(|line| line.strip_prefix("SigIgn:\t")).unwrap();
        let ignored = u64::from_str_radix(ignored, 16).unwrap();
        assert_eq!(ignored & 1 << 12, 0, "{step}: SIGPIPE ends who writes to nobody {status}");
        // So that `sudo` works in them.
        assert!(status.contains("NoNewPrivs:\t0"), "{step} {status}");
        let open = read("fd");
        let open = open.lines().map(|fd| fd.parse::<u32>().unwrap());
        // From 10 on they are the shell's own.
        assert_eq!(open.filter(|fd| *fd < 10).collect::<Vec<_>>(), [0, 1, 2], "{step}");
        let session = read("session");
        let (of, pid) = session.split_once('\n').unwrap();
        assert_eq!(of.split(' ').next(), Some(pid.trim()), "{step}: a session of its own");
    }
}

/// Runs a command for a caller who has everything wrong.
fn hostile(command: &Command) {
    let mut shell = Command::new("sh");
    let script = "umask 0077; exec 7</dev/null 8</etc/passwd; exec \"$@\"";
    shell.args(["-c", script, "sh"]).arg(command.get_program()).args(command.get_args());
    shell.envs(command.get_envs().filter_map(|(key, value)| Some((key, value?))));
    shell.env("LD_LIBRARY_PATH", "/nowhere").env("BASH_ENV", "/nowhere").stdin(Stdio::piped());
    let run = Run::of(shell.output().unwrap());
    assert_eq!(run.code, 0, "{run:?}");
}

#[test]
fn an_operator_leaves_nothing_open_to_them_either() {
    let lab = Lab::new().unwrap();
    let script = "umask > \"$1/umask\"; ls /proc/$$/fd > \"$1/fd\"; env > \"$1/env\"";
    let shop = Shop::new(&lab, "activated = [[\"DO\"]]", script);
    shop.landed("1.0");
    shop.landed("2.0");
    hostile(&shop.host.command(&["rollback", "shop"]));
    let open = shop.read("fd");
    let open = open.lines().map(|fd| fd.parse::<u32>().unwrap());
    assert_eq!(open.filter(|fd| *fd < 10).collect::<Vec<_>>(), [0, 1, 2]);
    assert_eq!(shop.read("umask"), "0022\n");
    let env = shop.read("env");
    assert!(env.contains("SEEDSHIP_FROM=2.0\n") && !env.contains("/nowhere"), "{env}");
}

/// The home of the user that runs this, as passwd has it.
fn site_home() -> String {
    let mut passwd = Command::new("sh");
    passwd.args(["-c", "getent passwd \"$(id -u)\" | cut -d: -f6"]);
    let home = String::from_utf8(lab::site::run(&mut passwd).unwrap()).unwrap();
    if home.trim().is_empty() { "/".to_owned() } else { home.trim().to_owned() }
}

#[test]
fn a_check_may_fail_until_it_passes() {
    let lab = Lab::new().unwrap();
    let script = "[ $SEEDSHIP_STEP = check ] || exit 0\n\
        echo . >> \"$1/tries\"; echo not yet; [ $(wc -l < \"$1/tries\") -ge 3 ]";
    let shop = Shop::new(&lab, "activated = [[\"DO\"]]\ncheck = [[\"DO\"]]", script);
    let torrent = shop.landed("1.0");
    let check = "check 1.0 1.0";
    assert_eq!(shop.journal(), ["activated 1.0 1.0", check, check, check]);
    assert_eq!((shop.live().as_deref(), shop.state(&torrent).as_str()), (Some("1.0"), "good"));
    // What it says again and again is said once.
    assert_eq!(shop.host.log().iter().filter(|line| line.contains("not yet")).count(), 1);
}

#[test]
fn a_release_that_never_passes_is_left_for_the_one_before() {
    let lab = Lab::new().unwrap();
    let script = "[ $SEEDSHIP_STEP = check ] && [ $SEEDSHIP_VERSION = 2.0 ] || exit 0\n\
        echo \"no database\" >&2; exit 3";
    let shop = Shop::new(&lab, AROUND, script);
    let first = shop.landed("1.0");
    let (second, payload) = shop.release("2.0");
    let before = (shop.journal().len(), shop.host.log().len());
    let run = shop.host.finished(&second, &payload);
    assert_eq!(run.code, 79, "{run:?}");
    assert_eq!(shop.live().as_deref(), Some("1.0"));
    assert_eq!([&first, &second].map(|torrent| shop.state(torrent)), ["good", "bad"]);
    let ran = shop.journal().split_off(before.0);
    // One attempt fits into its time. Then it is left, and what was live is told that it is again.
    assert_eq!(ran, ["activated 2.0 2.0", "check 2.0 2.0", "activated 1.0 1.0"]);
    let log = shop.host.log().split_off(before.1);
    let failed = format!(
        "shop 2.0 is bad, 1.0 is live again: could not run `{}`, check of shop 2.0: it ended with \
         exit code 3: no database",
        shop.place("do.sh").display()
    );
    let told: Vec<&String> = log.iter().filter(|line| line.contains("is bad")).collect();
    assert!(told.len() == 1 && told[0].starts_with(&failed), "{log:#?}");
    assert!(told[0].contains(" exit=79"), "{told:?}");
    let status = shop.host.good(&["status", "shop"]);
    let returned = status.lines().find(|line| line.contains("returned")).unwrap();
    assert!(returned.contains("2.0  to 1.0: "), "{status}");
    let history = shop.host.good(&["history", "shop"]);
    assert!(history.contains("no database"), "{history}");
    assert!(shop.is_tidy());

    // Nothing brings it back by itself; an operator who names it does.
    assert_eq!(shop.host.finished(&second, &payload).code, 0);
    shop.host.in_session(&second, payload.parent().unwrap());
    shop.host.good(&["sweep"]);
    assert_eq!(shop.live().as_deref(), Some("1.0"));
    assert_eq!(shop.journal().len(), before.0 + 3);
    shop.script("");
    shop.host.good(&["activate", "shop", "2.0"]);
    assert_eq!((shop.live().as_deref(), shop.state(&second).as_str()), (Some("2.0"), "good"));
}

#[test]
fn a_first_release_that_fails_leaves_nothing_live() {
    let lab = Lab::new().unwrap();
    let shop = Shop::new(&lab, AROUND, "exit 1");
    let (torrent, payload) = shop.release("1.0");
    assert_eq!(shop.host.finished(&torrent, &payload).code, 79);
    assert_eq!((shop.live(), shop.state(&torrent).as_str()), (None, "bad"));
    // `activated` failed, so there is nothing to check.
    assert_eq!(shop.journal(), ["activated 1.0 1.0"]);
    let log = shop.host.log().join("\n");
    assert!(log.contains("shop 1.0 is bad, nothing is live, as before: could not run"), "{log}");
    shop.script("");
    shop.landed("1.1");
    assert_eq!(shop.live().as_deref(), Some("1.1"));
}

#[test]
fn an_operators_switch_runs_them_and_is_never_taken_back() {
    let lab = Lab::new().unwrap();
    let shop = Shop::new(&lab, AROUND, "");
    shop.landed("1.0");
    shop.landed("2.0");
    let ran = |args: &[&str]| {
        let before = shop.journal().len();
        let run = shop.host.run(args);
        (run, shop.journal().split_off(before))
    };
    let (run, journal) = ran(&["rollback", "shop"]);
    assert_eq!((run.code, run.stdout.as_str()), (0, "shop: rolled back, 2.0 → 1.0\n"));
    assert_eq!(journal, ["activated 1.0 1.0", "check 1.0 1.0"]);
    let (run, journal) = ran(&["activate", "shop", "2.0", "--no-run"]);
    assert_eq!((run.code, journal.len(), shop.live().as_deref()), (0, 0, Some("2.0")));
    // What changes nothing runs nothing.
    for args in [
        &["activate", "shop", "2.0"][..],
        &["rollback", "shop", "--dry-run"],
        &["hold", "shop"],
        &["unhold", "shop"],
        &["prune", "shop"],
        &["sweep"],
    ] {
        let (run, journal) = ran(args);
        assert_eq!((run.code, journal.len()), (0, 0), "{args:?} {run:?}");
    }

    shop.script("[ $SEEDSHIP_STEP = activated ] || { echo no database; exit 4; }");
    let (run, journal) = ran(&["activate", "shop", "1.0"]);
    assert_eq!(journal, ["activated 1.0 1.0", "check 1.0 1.0"]);
    assert_eq!((run.code, run.stdout.as_str()), (79, "shop: activated, 2.0 → 1.0\n"), "{run:?}");
    assert!(run.stderr.contains("it ended with exit code 4: no database"), "{run:?}");
    assert!(run.stderr.contains("hint: 1.0 is live all the same"), "{run:?}");
    assert_eq!(shop.live().as_deref(), Some("1.0"));
    let (run, _) = ran(&["activate", "shop", "2.0", "--json"]);
    let answer: serde_json::Value = serde_json::from_str(&run.stdout).unwrap();
    assert_eq!((run.code, &answer["switched"], &answer["to"]), (79, &true.into(), &"2.0".into()));
    assert_eq!(answer["error"]["exit"], 79);
    assert_eq!(shop.live().as_deref(), Some("2.0"));
    // A failing `activated` is told, and nothing is checked.
    shop.script("exit 1");
    let (run, journal) = ran(&["rollback", "shop", "--to", "1.0"]);
    assert_eq!((run.code, journal), (79, vec!["activated 1.0 1.0".to_owned()]));
    assert_eq!(shop.live().as_deref(), Some("1.0"));
    assert!(shop.is_tidy());
}

#[test]
fn a_program_that_is_not_there_stops_a_release_before_it_is_read() {
    let lab = Lab::new().unwrap();
    let shop = Shop::new(&lab, "activated = [[\"DO\"]]", "");
    let first = shop.landed("1.0");
    // Its payload is damaged, which nobody finds out.
    let (torrent, payload) = shop.release("2.0");
    fs::write(&payload, "").unwrap();
    for program in ["no-such-program", "/nowhere/program", "/etc/passwd"] {
        shop.configure(&format!("{}[apps.shop.run]\ncheck = [[\"{program}\"]]", crate::host::SHOP));
        let run = shop.host.finished(&torrent, &payload);
        assert_eq!(run.code, 78, "{program} {run:?}");
        let said = format!("could not find `{program}`, a command of `shop`");
        assert!(shop.host.log().last().unwrap().starts_with(&said), "{:#?}", shop.host.log());
        assert_eq!(shop.state(&torrent), "waiting");
    }
    assert_eq!((shop.live().as_deref(), shop.state(&first).as_str()), (Some("1.0"), "good"));
}

#[test]
fn a_program_of_the_release_is_looked_for_in_it() {
    let lab = Lab::new().unwrap();
    let shop = Shop::new(&lab, "activated = [[\"bin/tool\", \"LAB\"]]", "");
    let run =
        format!("[apps.shop.run]\nactivated = [[\"bin/tool\", \"{}\"]]", lab.path().display());
    shop.configure(&format!("{}{run}", crate::host::SHOP));
    shop.landed("1.0");
    assert_eq!(shop.read("inside"), format!("inside {}\n", lab.path().display()));
    shop.configure(&format!("{}{}", crate::host::SHOP, run.replace("bin/tool", "bin/other")));
    let (torrent, payload) = shop.release("2.0");
    assert_eq!(shop.host.finished(&torrent, &payload).code, 78);
    assert_eq!((shop.live().as_deref(), shop.state(&torrent).as_str()), (Some("1.0"), "waiting"));
    assert_eq!(shop.host.releases("shop"), ["1.0"]);
}
