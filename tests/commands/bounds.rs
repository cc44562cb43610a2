//! A command's time and its words have an end, and what it started ends with it.

use super::{Shop, runs};
use crate::host::SHOP;
use lab::Lab;

#[test]
fn its_time_ends_everything_that_it_started() {
    let lab = Lab::new().unwrap();
    // A child, a grandchild that ignores the signal, and words without an end.
    let script = "sleep 1000 & echo $! > \"$1/child\"\n\
        sh -c 'trap \"\" TERM; sleep 1000 & echo $! > \"$0/grandchild\"; wait' \"$1\" &\n\
        echo $$ > \"$1/self\"; echo waiting for nothing; yes";
    let run = "activated = [[\"DO\"]]\ntimeout = \"1s\"";
    let shop = Shop::new(&lab, run, script);
    let (torrent, payload) = shop.release("1.0");
    assert_eq!(shop.host.finished(&torrent, &payload).code, 79);
    for name in ["self", "child", "grandchild"] {
        let pid = shop.read(name);
        assert!(!pid.is_empty() && !runs(pid.trim()), "{name} {pid}");
    }
    let log = shop.host.log();
    let told = log.iter().find(|line| line.contains("shop 1.0 is bad")).unwrap();
    assert!(told.contains("activated of shop 1.0: its time, 1 s, was over: y"), "{told}");
}

#[test]
fn what_it_says_is_bounded_and_harmless() {
    let lab = Lab::new().unwrap();
    let script = "printf 'red \\033[31m, bell \\007, bytes \\377\\n'\n\
        echo 'forged: shop 9.9 is live'\n\
        head -c 3000000 /dev/zero | tr '\\0' x; echo\n\
        yes 'a line' | head -n 300000; seq 1 300000; echo 'to stderr' >&2";
    let shop = Shop::new(&lab, "prepare = [[\"DO\"]]", script);
    shop.landed("1.0");
    let log = shop.host.log();
    let said: Vec<&String> = log.iter().filter(|line| line.contains("prepare `")).collect();
    let place = shop.place("do.sh").display().to_string();
    let begins = format!("shop 1.0 prepare `{place}`: ");
    assert!(said.iter().all(|line| line.starts_with(&begins)), "{:?}", said[0]);
    assert!(said[0].ends_with("red \\x1B[31m, bell \\x07, bytes \\xFF"), "{}", said[0]);
    let bytes: usize = said.iter().map(|line| line.len() - begins.len()).sum();
    assert!(said.len() > 3 && bytes < 100_000, "{} lines, {bytes} bytes", said.len());
    assert!(said.iter().any(|line| line.contains("more than is written down")));
    assert!(said.iter().all(|line| line.len() < 1500));
}

/// Whatever a check says that is tried for an hour, each time something else.
#[test]
fn what_all_attempts_say_is_bounded() {
    let lab = Lab::new().unwrap();
    let script = "echo >> \"$1/tries\"; n=$(wc -l < \"$1/tries\")\n\
        seq -f \"$n %.0f\" 1 20000; test $n = 6";
    let shop = Shop::new(&lab, "check = [[\"DO\"]]", script);
    shop.landed("1.0");
    assert_eq!(shop.read("tries").len(), 6);
    let log = shop.host.log();
    let said = log.iter().filter(|line| line.contains("check `"));
    let ends = log.iter().filter(|line| line.contains("not written down any more")).count();
    assert_eq!(ends, 1, "{} lines", said.count());
}

#[test]
fn a_service_that_activated_starts_goes_on_and_nothing_else_does() {
    let lab = Lab::new().unwrap();
    let script = "sleep 1000 >/dev/null 2>&1 & echo $! > \"$1/$SEEDSHIP_STEP\"";
    let run = "prepare = [[\"DO\"]]\nactivated = [[\"DO\"]]\ncheck = [[\"DO\"]]";
    let shop = Shop::new(&lab, run, script);
    shop.landed("1.0");
    let [prepare, activated, check] =
        ["prepare", "activated", "check"].map(|step| shop.read(step).trim().to_owned());
    assert_eq!([&prepare, &activated, &check].map(|pid| runs(pid)), [false, true, false]);
    let mut kill = std::process::Command::new("kill");
    lab::site::run(kill.arg(&activated)).unwrap();
}

#[test]
fn who_cannot_be_started_has_failed() {
    let lab = Lab::new().unwrap();
    let shop = Shop::new(&lab, "activated = [[\"DO\"]]", "");
    // The program is there, and its interpreter is not.
    let file = lab.write("broken.sh", "#!/no/such/interpreter\n").unwrap();
    lab::site::run(std::process::Command::new("chmod").arg("755").arg(&file)).unwrap();
    let run = format!("[apps.shop.run]\nactivated = [[\"{}\"]]", file.display());
    shop.configure(&format!("{SHOP}{run}"));
    let (torrent, payload) = shop.release("1.0");
    assert_eq!(shop.host.finished(&torrent, &payload).code, 79);
    let log = shop.host.log().join("\n");
    assert!(log.contains("it ended with exit code 127"), "{log}");
    assert_eq!(shop.state(&torrent), "bad");
}

/// The kernel may end a check that takes too much memory.
#[test]
fn one_that_is_killed_has_failed() {
    let lab = Lab::new().unwrap();
    let script = "[ $SEEDSHIP_STEP-$SEEDSHIP_VERSION != check-2.0 ] || kill -KILL $$";
    let run = "activated = [[\"DO\"]]\ncheck = [[\"DO\"]]\ntimeout = \"1s\"";
    let shop = Shop::new(&lab, run, script);
    shop.landed("1.0");
    let (torrent, payload) = shop.release("2.0");
    assert_eq!(shop.host.finished(&torrent, &payload).code, 79);
    let log = shop.host.log().join("\n");
    assert!(log.contains("check of shop 2.0: it was ended by signal 9"), "{log}");
    assert_eq!((shop.live().as_deref(), shop.state(&torrent).as_str()), (Some("1.0"), "bad"));
}
