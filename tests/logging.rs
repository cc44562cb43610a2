//! The log: one line for each outcome, from which nothing can be forged, and which nothing waits
//! for.

use crate::{
    event::{packed, release},
    host::{Host, Run, SEEDSHIP, SHOP},
};
use lab::{Kind, Lab, Torrent, as_root, site};
use std::{
    fs,
    os::unix::net::{UnixDatagram, UnixListener},
    path::Path,
    process::{Command, Stdio},
};

/// The words of a `finished` by hand.
fn event(host: &Host<'_>, torrent: &Torrent, payload: &Path) -> Vec<String> {
    let file = host.lab.path().join(format!("{}.torrent", torrent.hash));
    torrent.write_to(&file).unwrap();
    let path = |path: &Path| path.to_str().unwrap().to_owned();
    ["finished", &torrent.hash, "--torrent", &path(&file), "--payload", &path(payload)]
        .map(str::to_owned)
        .to_vec()
}

fn finished(host: &Host<'_>, torrent: &Torrent, payload: &Path) -> Run {
    let args = event(host, torrent, payload);
    host.run(&args.iter().map(String::as_str).collect::<Vec<_>>())
}

/// Another socket for the log, and the name of the app's file is as it was.
fn log_to(host: &Host<'_>, socket: &str) {
    let text = fs::read_to_string(host.config()).unwrap();
    fs::write(host.config(), text.replace("/log.sock\"", &format!("/{socket}\""))).unwrap();
}

#[test]
fn every_outcome_is_one_line_with_its_fields() {
    let lab = Lab::new().unwrap();
    let host = Host::new(&lab, SHOP);
    let (one, payload) = release(&lab, "1.0");
    let said = |run: &dyn Fn() -> Run, code: i32| {
        let before = host.log().len();
        let run = run();
        assert_eq!(run.code, code, "{run:?}");
        assert_eq!(run.stderr, "", "stderr is no terminal");
        host.log().split_off(before)
    };
    let live = said(&|| finished(&host, &one, &payload), 0);
    let [line] = &live[..] else { panic!("{live:#?}") };
    assert!(line.starts_with("shop 1.0 is live from=nothing ms="), "{line}");
    assert!(line.ends_with(&format!(" app=shop version=1.0 hash={}", one.hash)), "{line}");
    assert_eq!(said(&|| finished(&host, &one, &payload), 0), [""; 0], "it was told before");

    host.configure(&format!("{SHOP}activate = \"manual\"\n"));
    let (two, payload) = release(&lab, "2.0");
    let landed = said(&|| finished(&host, &two, &payload), 0);
    let [line] = &landed[..] else { panic!("{landed:#?}") };
    assert!(
        line.starts_with("shop 2.0 landed and does not go live: activation is manual"),
        "{line}"
    );
    assert!(line.ends_with(&format!(" app=shop version=2.0 hash={}", two.hash)), "{line}");

    for (args, begins) in [
        (&["activate", "shop", "2.0"][..], "shop was activated to 2.0 by "),
        (&["rollback", "shop"], "shop was rolled back to 1.0 by "),
        (&["hold", "shop"], "shop is held "),
        (&["unhold", "shop"], "shop is not held any more"),
    ] {
        let lines = said(&|| host.run(args), 0);
        let [line] = &lines[..] else { panic!("{lines:#?}") };
        assert!(line.starts_with(begins) && line.contains(" app=shop"), "{line}");
    }
    let (none, payload) = packed(&lab, &site::small("1"), Kind::Tar, "blog-1.0");
    assert_eq!(said(&|| finished(&host, &none, &payload), 0), [""; 0], "nobody's torrent");
}

#[test]
fn without_a_daemon_the_deploy_goes_on_and_says_so_once() {
    let lab = Lab::new().unwrap();
    let host = Host::new(&lab, SHOP);
    log_to(&host, "nobody-listens.sock");
    let (torrent, payload) = release(&lab, "1.0");
    let run = finished(&host, &torrent, &payload);
    assert_eq!(run.code, 0, "{run:?}");
    assert_eq!(host.current("shop").as_deref(), Some("releases/1.0"));
    let complaints = run.stderr.lines().filter(|line| line.contains("could not log to "));
    assert_eq!(complaints.count(), 1, "{}", run.stderr);
    assert_eq!(run.stdout, "shop 1.0 is live\n", "what nobody hears is said here");
}

#[test]
fn a_stuck_daemon_holds_nobody_up() {
    let lab = Lab::new().unwrap();
    let host = Host::new(&lab, SHOP);
    let full = UnixDatagram::bind(lab.path().join("full.sock")).unwrap();
    let filler = UnixDatagram::unbound().unwrap();
    filler.set_nonblocking(true).unwrap();
    while filler.send_to(b"filled", lab.path().join("full.sock")).is_ok() {}
    let _never_accepts = UnixListener::bind(lab.path().join("deaf.sock")).unwrap();
    if as_root() {
        site::run(Command::new("chmod").arg("0666").arg(lab.path().join("full.sock"))).unwrap();
    }
    log_to(&host, "full.sock");
    let (torrent, payload) = release(&lab, "1.0");
    let run = finished(&host, &torrent, &payload);
    assert_eq!(run.code, 0, "{run:?}");
    assert_eq!(host.current("shop").as_deref(), Some("releases/1.0"));
    assert_eq!(run.stderr.matches("could not log to ").count(), 1, "{}", run.stderr);
    drop(full);
}

#[test]
fn nothing_in_a_torrent_forges_a_line() {
    let lab = Lab::new().unwrap();
    let shop = SHOP.replace("\"shop-{version}.tar\"", "\"sh\\nop-{version}.tar\"");
    let host = Host::new(&lab, &shop);
    let forged = "\n<30>Jan  1 00:00:00 seedship[1]: shop 9.9 is live app=shop version=9.9 exit=0";
    for name in [format!("sh\nop-{forged}.tar"), format!("sh\nop-1.0{forged}.tar")] {
        let tame = lab.write("tame", "x").unwrap();
        let torrent = lab.torrent(&tame).name(name.as_str()).make().unwrap();
        assert_eq!(torrent.name.to_str(), Some(name.as_str()));
        let before = host.log().len();
        let run = finished(&host, &torrent, &tame);
        assert_ne!(run.code, 0, "{run:?}");
        let said = host.log().split_off(before);
        let [line] = &said[..] else { panic!("{said:#?}") };
        assert!(line.starts_with("could not "), "{line}");
        assert_eq!(
            line.matches(" app=").count(),
            usize::from(line.contains(" app=shop")),
            "{line}"
        );
        assert!(!line.contains("version=9.9") && !line.contains('\n'), "{line}");
        assert_eq!(line.matches(" exit=").count(), 1, "{line}");
        assert!(run.stderr.lines().all(|l| !l.starts_with('<')), "{}", run.stderr);
    }
}

/// Runs the binary on a terminal, and returns what was seen there.
fn on_a_terminal(host: &Host<'_>, args: &[String]) -> String {
    let quoted: Vec<String> = args.iter().map(|arg| format!("'{arg}'")).collect();
    let line = format!("{SEEDSHIP} {}", quoted.join(" "));
    let mut script = Command::new("script");
    script.args(["-qec", &line, "/dev/null"]).stdin(Stdio::null());
    script.env("SEEDSHIP_CONFIG", host.config());
    String::from_utf8(script.output().unwrap().stdout).unwrap()
}

#[test]
fn a_terminal_sees_each_line_once() {
    let lab = Lab::new().unwrap();
    let host = Host::new(&lab, SHOP);
    let (torrent, payload) = release(&lab, "1.0");
    let seen = on_a_terminal(&host, &event(&host, &torrent, &payload));
    assert_eq!(seen.matches("shop 1.0 is live").count(), 1, "{seen}");
    assert_eq!(host.log().iter().filter(|l| l.contains("shop 1.0 is live")).count(), 1);
    // A failure whose app is known, and one whose app is not.
    let (torrent, payload) = release(&lab, "2.0");
    fs::write(&payload, "").unwrap();
    let seen = on_a_terminal(&host, &event(&host, &torrent, &payload));
    assert_eq!(seen.matches("could not verify").count(), 1, "{seen}");
    let (other, _) = packed(&lab, &site::small("3"), Kind::Tar, "shop-3.0");
    let wrong = Torrent { hash: other.hash, ..torrent };
    let seen = on_a_terminal(&host, &event(&host, &wrong, &payload));
    assert_eq!(seen.matches("could not take the .torrent").count(), 1, "{seen}");
    let seen = on_a_terminal(&host, &["rollback".to_owned(), "shop".to_owned()]);
    assert_eq!(seen.matches("could not ").count(), 1, "{seen}");
}
