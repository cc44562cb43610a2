//! Signals that ask it to end: it ends at once, as if killed, and loses nothing by it.

use crate::{
    drill::{self, Act, Drill},
    host::Run,
};
use nix::sys::signal::Signal::{self, SIGHUP, SIGINT, SIGTERM};

const SIGNALS: [Signal; 3] = [SIGTERM, SIGINT, SIGHUP];

/// One command, ended by each signal at each of these points.
fn ended(act: &'static Act, points: &[&str]) -> usize {
    let lab = drill::lab();
    let drill = Drill::new(&lab, act);
    for point in points {
        for signal in SIGNALS {
            let what = format!("{}: {signal} at {point}", act.name);
            drill.again();
            let parked = drill.host.parked(drill.command(), point);
            assert_eq!(parked.end_by(signal), Some(signal as i32), "{what}");
            let served = drill.served();
            let whole = served == drill.before() || act.ends.iter().any(|e| e.page == served);
            assert!(whole, "{what}: {served}");
            drill.swept(&what);
        }
    }
    points.len() * SIGNALS.len()
}

#[test]
fn it_is_asked_to_end_in_each_stage() {
    let deploy = [
        "stage-made",
        "unpack-entry",
        "unpacked",
        "record-open",
        "synced",
        "commit-renamed",
        "trial-recorded",
        "link-made",
        "link-exchanged",
        "trial-live",
        "trial-checked",
        "verdict-written",
        "prune-recorded",
        "prune-renamed",
    ];
    let run = ["prepared", "activated-owed", "activated-ran", "trial-checked"];
    let rollback = ["mark-written", "link-exchanged", "mark-switched", "mark-closed"];
    let cases = ended(&drill::DEPLOY, &deploy)
        + ended(&drill::DEPLOY_WITH_COMMANDS, &run)
        + ended(&drill::ROLLBACK, &rollback)
        + ended(&drill::HOLD, &["file-written", "file-renamed"]);
    lab::withstood!(
        "Faults",
        "SIGTERM, SIGINT and SIGHUP in each stage of a deploy, a rollback and a hold",
        cases,
        "ends at once, as by SIGKILL; one sweep finishes it",
        true,
    );
}

/// A machine that goes down signals everything at once: the command that runs too.
#[test]
fn it_goes_down_with_its_commands() {
    let lab = drill::lab();
    let drill = Drill::new(&lab, &drill::DEPLOY_WITH_COMMANDS);
    for step in ["prepare", "activated", "check"] {
        drill.again();
        let hangs = format!(
            "[ $SEEDSHIP_STEP-$SEEDSHIP_VERSION != {step}-3.0 ] || {{ echo $$ > \"$1/pid.new\"; mv \"$1/pid.new\" \"$1/pid\"; exec sleep 1000; }}\n"
        );
        let script = lab.path().join("do.sh");
        let before = std::fs::read_to_string(&script).unwrap();
        drill.write_script(&format!("{before}{hangs}"));
        let mut event = drill.event("3.0");
        let mut event = event
            .stdout(std::process::Stdio::null())
            .stderr(std::process::Stdio::null())
            .spawn()
            .unwrap();
        let pid = lab.path().join("pid");
        lab::await_for("the command to run", || pid.exists()).unwrap();
        let command: i32 = std::fs::read_to_string(&pid).unwrap().trim().parse().unwrap();
        let own = i32::try_from(event.id()).unwrap();
        for process in [own, command] {
            nix::sys::signal::kill(nix::unistd::Pid::from_raw(process), SIGTERM).unwrap();
        }
        let ended = Run {
            code: event.wait().unwrap().code().unwrap_or(-1),
            stdout: String::new(),
            stderr: String::new(),
        };
        assert_eq!(ended.code, -1, "{step}");
        std::fs::remove_file(&pid).unwrap();
        drill.write_script(&before);
        drill.swept(&format!("SIGTERM to it and to {step}"));
    }
    lab::withstood!(
        "Faults",
        "SIGTERM to a deploy and to the command it runs",
        3,
        "ends at once; the next sweep runs the command again and finishes",
        true,
    );
}
