//! Killed at random system calls: also between those that no point lies at.
//!
//! Which calls is drawn from what the command did in a rehearsal, by a seed that is printed.
//! `SEEDSHIP_KILLS` sets how many of each command (16 without it), `SEEDSHIP_SEED` another seed.

use crate::drill::{self, Act, Drill};
use lab::strace;
use std::fmt::Write;

const COMMANDS: [&Act; 9] = [
    &drill::DEPLOY,
    &drill::SWEEP,
    &drill::RECOVERY,
    &drill::ROLLBACK,
    &drill::ACTIVATE,
    &drill::HOLD,
    &drill::PRUNE,
    &drill::ADOPT,
    &drill::ADOPT_TREE,
];

/// A number from the environment.
fn number(name: &str, default: u64) -> u64 {
    std::env::var(name).ok().and_then(|text| text.parse().ok()).unwrap_or(default)
}

/// Numbers that look random and follow from the seed (xorshift64*).
pub(crate) struct Dice(u64);

impl Dice {
    /// From `$SEEDSHIP_SEED`, or always the same ones.
    #[expect(clippy::print_stderr, reason = "a failing test can be repeated")]
    pub(crate) fn new() -> Self {
        let seed = number("SEEDSHIP_SEED", 20_261_121);
        eprintln!("SEEDSHIP_SEED={seed}");
        Self(seed | 1)
    }

    /// One of so many.
    pub(crate) fn below(&mut self, many: usize) -> usize {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        let drawn = self.0.wrapping_mul(0x2545_f491_4f6c_dd1d) >> 33;
        usize::try_from(drawn).unwrap_or_default() % many
    }
}

#[test]
fn every_command_dies_at_any_system_call() {
    if let Some(why) = strace::unavailable() {
        return lab::skip(why);
    }
    let each = usize::try_from(number("SEEDSHIP_KILLS", 16)).unwrap();
    let mut dice = Dice::new();
    let mut told = String::new();
    let (mut cases, mut calls_of_all) = (0, 0);
    for act in COMMANDS {
        let lab = drill::lab();
        let drill = Drill::new(&lab, act);
        let mut calls = drill.rehearsed();
        // Another thread's number would be met by the first one before.
        calls.retain(|call| call.first);
        calls_of_all += calls.len();
        for _ in 0..each {
            let call = &calls[dice.below(calls.len() - 1)];
            let at = format!("killed at {} {}", call.name, call.nth);
            drill.again();
            let rule = format!("{}:signal=KILL:when={}", call.name, call.nth);
            let output = strace::injecting(&[rule], &drill.command()).output().unwrap();
            // Who is not killed was quicker this time, and is done.
            assert!(
                matches!(output.status.code(), None | Some(0)),
                "{}, {at}: {output:?}",
                act.name
            );
            cases += usize::from(output.status.code().is_none());
            drill.served();
            drill.swept(&at);
        }
        writeln!(told, "{}: {each} of {} system calls", act.name, calls.len()).unwrap();
    }
    let tried = COMMANDS.len() * each;
    assert!(cases * 10 >= tried * 9, "{cases} of {tried} were killed\n{told}");
    assert!(calls_of_all > 2000, "{told}");
    if each != 16 {
        return;
    }
    lab::withstood!(
        "Kills",
        "SIGKILL at random system calls of nine commands",
        tried,
        "a whole release is served, the old or the new one; one sweep brings order and leaves nothing",
        true,
    );
}
