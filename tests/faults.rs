//! Faults: of the disk, of rights, of the clock, of whoever else is there. Through the real binary,
//! on a real kernel; each kind is a row of `docs/attacks.md`.

mod clock;
mod crowd;
mod injected;
mod meddling;
mod places;
mod signals;
mod space;

use crate::{drill::Drill, host::Run};

/// What a command may end with when the machine fails it; each is the machine's fault, and none says
/// that all is well or that the program is wrong.
const MACHINE: [i32; 6] = [73, 74, 75, 77, 78, 79];

/// Whatever happened to the act's command: a whole release is served all the time, exit 0 means that
/// it is done, a failure says what could not be done with what, nothing lies about that was begun,
/// and when the fault is gone one sweep brings order. `why` is what the failure must say.
fn survived(drill: &Drill<'_>, what: &str, run: &Run, why: &[&str]) {
    told(drill, what, run, why);
    let left: Vec<_> = drill.left_over().into_iter().filter(|at| at.contains(".stage-")).collect();
    assert!(left.is_empty() || drill.began_with(&left), "{what}: {left:?} {run:?}");
    drill.swept(what);
}

/// The first half of it: what is served, and what is said.
fn told(drill: &Drill<'_>, what: &str, run: &Run, why: &[&str]) {
    let what = format!("{}, {what}", drill.act.name);
    let served = drill.served();
    let whole = served == drill.before() || drill.act.ends.iter().any(|end| end.page == served);
    assert!(whole, "{what}: {served} is served");
    if run.code == 0 && run.stdout.contains(" landed") {
        // What cannot be known now, a hold say, is taken for there; the next sweep looks again.
        assert_eq!(served, drill.before(), "{what}: {run:?}");
    } else if run.code == 0 {
        assert!(
            drill.is_done(),
            "{what}: it says that it is done: {run:?}\n{:#?}",
            drill.host.log()
        );
    } else {
        assert!(MACHINE.contains(&run.code), "{what}: {run:?}");
        // A sweep tells the log.
        let said = format!("{}\n{}", run.stderr, drill.logged());
        let named = said.contains("could not ") && (said.contains('`') || said.contains("shop"));
        assert!(named, "{what}: {run:?}\n{said}");
        // Of /proc it says that it is not as it should be, whatever the error.
        let says = |why: &&str| said.contains(*why) || said.contains("could not read `/proc/");
        let says_why = why.is_empty() || why.iter().any(says);
        assert!(says_why, "{what}: {run:?}\n{said}");
    }
}
