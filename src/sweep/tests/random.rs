//! Any sequence of commands, some of them killed, held against what must never happen.

use super::world::{Came, World, version};
use crate::{
    disk::memory::Journal,
    error::{Exit, Result},
    release::{Record, State, Version},
};
use proptest::prelude::*;
use std::{collections::BTreeSet, time::Duration};

#[derive(Clone, Debug)]
enum Command {
    Land(u8),
    Sweep,
    Rollback,
    RollbackTo(u8),
    Activate(u8),
    Hold,
    Unhold,
    Prune,
    Wait,
}

/// A command, and where it is killed: the step, and how many unsynced changes survive.
type Done = (Command, Option<(usize, Option<usize>)>);

fn command() -> impl Strategy<Value = Command> {
    let version = 1..=6_u8;
    prop_oneof![
        6 => version.clone().prop_map(Command::Land),
        2 => Just(Command::Sweep),
        3 => Just(Command::Rollback),
        1 => version.clone().prop_map(Command::RollbackTo),
        3 => version.prop_map(Command::Activate),
        1 => Just(Command::Hold),
        2 => Just(Command::Unhold),
        2 => Just(Command::Prune),
        2 => Just(Command::Wait),
    ]
}

fn done() -> impl Strategy<Value = Done> {
    let cut = proptest::option::of(0..6_usize);
    (command(), proptest::option::weighted(0.4, (0..50_usize, cut)))
}

/// What is remembered outside of the disk.
#[derive(Default)]
struct Witness {
    /// Every version that was ever durably live.
    activated: BTreeSet<Version>,
    /// Versions that an operator named since they were last bad.
    named: BTreeSet<Version>,
    /// Versions that were pruned.
    pruned: BTreeSet<Version>,
    /// A command was killed and nothing recovered since.
    unfinished: bool,
}

/// What a command's success says is there.
#[derive(Debug)]
enum Told {
    All,
    Record(u8),
    Nothing,
}

/// Carries out a command. What was decided before is told by its record alone.
fn carry_out(world: &World, command: &Command) -> Result<Told> {
    let done = match command {
        Command::Land(v) => {
            return Ok(match world.land(&v.to_string())? {
                Came::Already => Told::Record(*v),
                _ => Told::All,
            });
        }
        Command::Sweep => world.sweep(),
        Command::Rollback => world.rollback().map(|_| ()),
        Command::RollbackTo(v) => world.rollback_to(&v.to_string()).map(|_| ()),
        Command::Activate(v) => world.activate(&v.to_string()).map(|_| ()),
        Command::Hold => world.hold(),
        Command::Unhold => world.unhold(),
        Command::Prune => world.prune().map(|_| ()),
        Command::Wait => {
            world.pass(7200);
            return Ok(Told::Nothing);
        }
    };
    done.map(|()| Told::All)
}

fn is_event(command: &Command) -> bool {
    matches!(command, Command::Land(_) | Command::Sweep)
}

fn decides(command: &Command) -> bool {
    matches!(command, Command::Rollback | Command::RollbackTo(_) | Command::Activate(_))
}

fn is_bad(record: &&Record) -> bool {
    matches!(record.state, State::Bad { .. })
}

impl Witness {
    fn watch(&mut self, world: &World, (command, kill): &Done) {
        world.pass(1);
        let before = world.seen();
        let live_before = before.live().map(|r| r.version.clone());
        let bad_before: BTreeSet<Version> =
            before.records.iter().filter(is_bad).map(|r| r.version.clone()).collect();
        let held = before.hold.as_ref().is_ok_and(Option::is_some);
        if let Command::Activate(v) | Command::RollbackTo(v) = command {
            self.named.insert(version(&v.to_string()));
        }
        if let Some((step, _)) = kill {
            world.disk.die_at(*step);
        }
        let told = carry_out(world, command);
        let killed = world.disk.is_dead();
        world.reboot(kill.filter(|_| killed).and_then(|(_, cut)| cut));
        let shown = format!("{command:?} {kill:?} {told:?}\n{}", world.shown());
        world.assert_whole(&shown);
        match &told {
            _ if killed => self.unfinished = true,
            Err(e) => assert_eq!(e.exit, Exit::NotFound, "{shown}"),
            Ok(told) => assert_lasts(world, told, &shown),
        }
        let seen = world.seen();
        let live = seen.live().map(|r| r.version.clone());
        let changed = live != live_before;
        // P2: nothing brings a bad release back but an operator who names it.
        if let Some(live) = live.as_ref().filter(|v| changed && bad_before.contains(v)) {
            assert!(self.named.contains(live), "a bad release is live: {shown}");
        }
        // P3: an event makes only what is above everything else live, and nothing under a hold.
        if let Some(live) = live.as_ref().filter(|_| changed && !self.unfinished) {
            let above = self.activated.iter().all(|other| live > other) || live_before.is_none();
            assert!(decides(command) || is_event(command) && above, "{shown}");
            assert!(decides(command) || !held, "held: {shown}");
        }
        // P6: what prune may not take.
        let gone: Vec<&Version> = before.standing.difference(&seen.standing).collect();
        if !killed {
            let spared = [
                seen.live().map(|r| r.version.clone()),
                seen.previous.clone(),
                seen.rollback_target().map(|r| r.version.clone()),
            ];
            for version in &gone {
                assert!(!spared.contains(&Some((*version).clone())), "{version}: {shown}");
                let record = seen.records.iter().find(|r| r.version == **version).unwrap();
                assert_eq!(record.state, State::Pruned, "{shown}");
                let lingers = |left| world.now().since(left) < Duration::from_secs(3600);
                assert!(!record.left.is_some_and(lingers), "{version} lingers: {shown}");
            }
        }
        // P7: what was pruned never comes back.
        assert!(self.pruned.is_disjoint(&seen.standing), "{shown}");
        for record in seen.records.iter().filter(|r| r.state == State::Pruned) {
            if !seen.stands(&record.version) {
                self.pruned.insert(record.version.clone());
            }
        }
        // What a power cut takes back before anybody synced it never was, for who comes after.
        let cut = world.fork();
        cut.reboot(Some(0));
        let lasting = cut.seen().live().map(|r| r.version.clone());
        self.activated.extend(live.filter(|live| lasting.as_ref() == Some(live)));
        for record in seen.records.iter().filter(is_bad) {
            let names = matches!(command, Command::Activate(v) | Command::RollbackTo(v)
                if record.version.as_str() == v.to_string());
            if !bad_before.contains(&record.version) && !names {
                self.named.remove(&record.version);
            }
        }
        if matches!(told, Ok(Told::All)) && is_event(command) {
            self.unfinished = false;
            self.assert_known(world, &shown);
        }
    }

    /// P8: whatever was live is known as activated.
    fn assert_known(&self, world: &World, shown: &str) {
        let seen = world.seen();
        for version in &self.activated {
            let record = seen.records.iter().find(|r| r.version == *version);
            let known = record.is_some_and(|r| {
                let decided = matches!(r.state, State::Good | State::Bad { .. } | State::Pruned);
                decided && r.number.is_some()
            });
            assert!(known, "{version} was live: {shown}");
        }
    }
}

/// P4: what was told as success is there after a power cut right after it.
fn assert_lasts(world: &World, told: &Told, shown: &str) {
    let cut = world.fork();
    cut.reboot(Some(0));
    cut.assert_whole(shown);
    match told {
        Told::All => {
            let (durable, told) = (cut.seen(), world.seen());
            assert_eq!(durable.current, told.current, "{shown}");
            assert_eq!(durable.records, told.records, "{shown}");
        }
        Told::Record(v) => {
            assert_eq!(cut.record(&v.to_string()), world.record(&v.to_string()), "{shown}");
        }
        Told::Nothing => {}
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn nothing_forbidden_happens(
        commands in proptest::collection::vec(done(), 1..30),
        failing in proptest::collection::btree_set(1..=6_u8, 0..3),
        keep in 1..4_u32,
        whole in any::<bool>(),
        exchanges in any::<bool>(),
    ) {
        let journal = if whole { Journal::Whole } else { Journal::Directory };
        let mut world = World::new(journal).keeping(keep, Duration::from_secs(3600));
        if !exchanges {
            world.disk = world.disk.without_exchange();
        }
        failing.iter().for_each(|version| world.fails(&version.to_string()));
        let mut witness = Witness::default();
        commands.iter().for_each(|done| witness.watch(&world, done));
        // P5: with no more faults, one sweep leaves nothing unfinished, and one more nothing to do.
        // A release that fails its check is a fault, and a sweep activates one.
        world.unhold().unwrap();
        for _ in 0..=failing.len() {
            world.sweep().unwrap();
            world.assert_settled_or_bad("the last sweep");
        }
        let (live, records) = (world.live(), world.seen().records);
        world.sweep().unwrap();
        assert_eq!((live, records), (world.live(), world.seen().records), "a sweep too many");
    }
}
