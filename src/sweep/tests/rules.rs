//! Rules of rollback, activate, prune and hold, one by one.

use super::world::{APP, Came, LINGER, World, hash, key, locked, version};
use crate::{
    choose::{self, Decision, Rules, Stay},
    deploy::{self, Outcome},
    disk::{Disk, Kind, memory::Journal},
    error::Exit,
    operate::{self, Done, Rollback},
    prune,
    release::{By, Mark, Record, State, Target, Unix, Wait},
    settle::Crew,
    store::{CURRENT, Current, PREVIOUS, RECORDS, Stage},
    sweep::Swept,
    switch,
};
use std::{sync::atomic::Ordering::Relaxed, time::Duration};

fn world(versions: &[&str]) -> World {
    let world = World::new(Journal::Whole);
    land(&world, versions);
    world
}

fn land(world: &World, versions: &[&str]) {
    for version in versions {
        world.land(version).unwrap();
        world.pass(60);
    }
}

fn live(world: &World) -> String {
    world.live().unwrap()
}

/// Writes a record as an earlier run would have left it.
fn write(world: &World, record: Record) {
    world.site().switching().unwrap().write(record).unwrap();
}

fn overwrite(world: &World, path: &str, content: &str) {
    world.disk.by_hand(|d| d.write(path, content.as_bytes()).unwrap());
}

#[test]
fn a_second_rollback_goes_further_back_never_to_and_fro() {
    let world = world(&["1", "2", "3"]);
    assert_eq!(world.rollback().unwrap().to, Target::Release(version("2")));
    assert_eq!(world.rollback().unwrap().to, Target::Release(version("1")));
    let none = world.rollback().unwrap_err();
    assert_eq!(none.exit, Exit::NotFound);
    assert!(none.hint.unwrap().contains("2, 3"), "it lists what --to can take");
    assert_eq!(live(&world), "1");
}

#[test]
fn a_late_older_download_undoes_neither_rollback_nor_release() {
    let world = world(&["1", "2", "4"]);
    world.rollback().unwrap();
    assert_eq!(world.land("3").unwrap(), Came::Stays(Stay::NotNewer(version("4"))));
    assert_eq!(live(&world), "2");
    assert_eq!(world.land("4").unwrap(), Came::Already);
    assert_eq!(world.land("5").unwrap(), Came::Live);
}

#[test]
fn what_was_live_binds_also_when_it_is_pruned() {
    let world = world(&["1", "5"]).keeping(1, Duration::ZERO);
    world.activate("1").unwrap();
    write(&world, Record { state: State::Pruned, ..world.record("5").unwrap() });
    assert_eq!(world.land("4").unwrap(), Came::Stays(Stay::NotNewer(version("5"))));
}

#[test]
fn a_first_release_that_failed_does_not_bar_an_older_one() {
    let world = world(&[]);
    world.fails("2");
    assert_eq!(world.land("2").unwrap(), Came::Returned);
    assert_eq!(world.live(), None);
    assert_eq!(world.land("1").unwrap(), Came::Live);
    assert_eq!(world.state("2"), "bad");
}

#[test]
fn a_release_on_trial_that_an_operator_leaves_is_bad_whatever_its_check_says() {
    let keep_good = |world: &World| {
        let how = Rollback { to: None, keep_good: true, keys: None };
        operate::rollback(&mut world.site(), APP, &how, &world.operator()).unwrap();
    };
    let ways: [fn(&World); 3] = [
        |world| drop(world.rollback().unwrap()),
        |world| drop(world.activate("1").unwrap()),
        keep_good,
    ];
    for (way, fails) in [(0, true), (0, false), (1, false), (2, false)] {
        let world = world(&["1"]);
        *locked(&world.in_check) = Some(Box::new(move |world| {
            ways[way](world);
            if fails {
                world.fails("2");
            }
        }));
        assert_eq!(world.land("2").unwrap(), Came::Overruled);
        assert_eq!((live(&world).as_str(), world.state("2")), ("1", "bad"), "{}", world.shown());
        world.sweep().unwrap();
        world.assert_settled("overruled");
        assert_eq!((live(&world).as_str(), world.state("2")), ("1", "bad"), "{}", world.shown());
    }
}

#[test]
fn what_could_not_be_started_stays_owed() {
    let world = world(&["1"]);
    // Once for the trial, once at the end of its deploy.
    world.stuck.store(2, Relaxed);
    assert_eq!(world.land("2").unwrap_err().exit, Exit::Io);
    assert_eq!((live(&world).as_str(), world.state("2")), ("2", "trying"));
    assert_eq!(world.ran_last().unwrap(), "1");
    world.sweep().unwrap();
    assert_eq!((live(&world).as_str(), world.state("2")), ("2", "good"));
    world.assert_settled("swept");
    // An operator's, too, and his command did what it says.
    world.stuck.store(1, Relaxed);
    world.rollback().unwrap();
    assert_eq!((live(&world).as_str(), world.ran_last().unwrap().as_str()), ("1", "2"));
    world.sweep().unwrap();
    world.assert_settled("swept again");
}

/// A rollback sees what is live, waits for the switch lock, and by then a deploy has come and gone.
#[test]
fn what_went_live_while_a_rollback_waited_is_what_it_leaves() {
    let world = world(&["1", "2"]);
    let process = world.process();
    let done = process.around(|site| {
        assert_eq!(world.land("3").unwrap(), Came::Live);
        operate::rollback(site, APP, &Rollback::default(), &process.operator())
    });
    assert_eq!(done.unwrap().switched().unwrap().from, Target::Release(version("3")));
    assert_eq!((live(&world).as_str(), world.ran_last().as_deref()), ("2", Some("2")));
}

#[test]
fn a_rollback_right_after_a_killed_activate_goes_to_what_that_left() {
    let begin = world(&["1", "2", "3"]);
    let mut switched = 0;
    for step in 0.. {
        let world = begin.fork();
        world.disk.die_at(step);
        let told = world.activate("1");
        let killed = world.disk.is_dead();
        world.reboot(None);
        if live(&world) == "1" {
            switched += usize::from(killed);
            world.rollback().unwrap();
            assert_eq!((live(&world).as_str(), world.state("1")), ("3", "bad"), "step {step}");
        }
        if told.is_ok() {
            break;
        }
    }
    assert!(switched > 3);
}

#[test]
fn keep_good_keeps_a_good_one_good() {
    let world = world(&["1", "2"]);
    let how = Rollback { to: None, keep_good: true, keys: None };
    operate::rollback(&mut world.site(), APP, &how, &world.operator()).unwrap();
    assert_eq!((live(&world).as_str(), world.state("2")), ("1", "good"));
}

#[test]
fn a_deploy_decides_by_the_record_as_an_operator_left_it() {
    let world = world(&["1"]);
    world.hold().unwrap();
    land(&world, &["2"]);
    let remembered = world.record("2").unwrap();
    world.activate("2").unwrap();
    world.rollback().unwrap();
    world.unhold().unwrap();
    let (process, mut site) = (world.process(), world.site());
    let came =
        deploy::activate_landed(&mut site, &world.app, &remembered, &process, &process.env());
    let came = Came::from(came.unwrap());
    assert_eq!(came, Came::Stays(Stay::Decided("bad")));
    assert_eq!(live(&world), "1");
}

#[test]
fn a_deploy_finishes_what_a_killed_operator_decided_before_it_decides() {
    let world = world(&["1", "2", "3"]);
    let mark = Mark { to: Target::Release(version("1")), by: By::Activate };
    write(&world, Record { leave: Some(mark), ..world.record("3").unwrap() });
    let (process, mut site) = (world.process(), world.site());
    let mut by = site.deploying(Duration::ZERO, &process.me().unwrap()).unwrap();
    let lock = switch::begin(&mut by, world.now()).unwrap();
    assert_eq!(lock.seen().live_target(), Some(Target::Release(version("1"))));
    assert!(lock.seen().records.iter().all(|r| r.leave.is_none()));
    drop(lock);
    assert_eq!(world.record("1").unwrap().from, Some(Target::Release(version("3"))));
}

#[test]
fn an_operators_mark_goes_over_another() {
    let world = world(&["1", "2", "3"]);
    let mark = Mark { to: Target::Release(version("2")), by: By::Check };
    let bad = State::Bad { reason: "its check failed".into() };
    write(&world, Record { leave: Some(mark), state: bad, ..world.record("3").unwrap() });
    world.activate("1").unwrap();
    assert_eq!((live(&world).as_str(), world.state("3")), ("1", "bad"));
    world.recover();
    assert_eq!(live(&world), "1");
}

#[test]
fn a_stale_mark_on_the_target_does_not_lead_away_from_it() {
    let world = world(&["1", "2", "3"]);
    let mark = Mark { to: Target::Release(version("2")), by: By::Rollback };
    write(&world, Record { leave: Some(mark), ..world.record("1").unwrap() });
    world.activate("1").unwrap();
    world.recover();
    assert_eq!(live(&world), "1");
}

#[test]
fn a_mark_to_what_was_deleted_by_hand_leaves_the_site_as_it_is() {
    let world = world(&["1", "2"]);
    let mark = Mark { to: Target::Release(version("1")), by: By::Check };
    write(&world, Record { leave: Some(mark), ..world.record("2").unwrap() });
    world.disk.by_hand(|d| d.remove_tree("releases/1").unwrap());
    world.recover();
    assert_eq!((live(&world).as_str(), world.record("2").unwrap().leave), ("2", None));
}

#[test]
fn a_directory_removed_by_hand_is_no_target_and_no_loss() {
    let world = world(&["1", "2", "3"]);
    world.disk.by_hand(|d| d.remove_tree("releases/2").unwrap());
    assert_eq!(world.land("2").unwrap(), Came::Already, "an info hash lands once");
    assert_eq!(world.activate("2").unwrap_err().exit, Exit::NotFound);
    assert_eq!(world.rollback_to("2").unwrap_err().exit, Exit::NotFound);
    assert_eq!(world.prune().unwrap(), Vec::<String>::new());
    world.rollback().unwrap();
    assert_eq!(live(&world), "1", "along the chain, over what is gone");
}

#[test]
fn what_cannot_be_activated_says_why() {
    let world = world(&["1"]);
    let wait =
        Wait { not_before: Unix(9), tries: 1, exit: 74, reason: "no space".into(), healing: false };
    let refused = State::Refused {
        exit: 65,
        reason: "a bomb".into(),
        digest: "d".into(),
        beside: "b".into(),
    };
    for (name, state, said) in [
        ("2", State::Waiting(wait), "no space"),
        ("3", refused, "a bomb"),
        ("4", State::Pruned, "pruned"),
    ] {
        write(&world, Record::open(key(name), version(name), Unix(0)).now(state, Unix(1)));
        let error = world.activate(name).unwrap_err();
        assert_eq!(error.exit, Exit::NotFound);
        assert!(error.cause.contains(said), "{error}");
    }
    assert_eq!(live(&world), "1");
}

#[test]
fn what_was_passed_over_is_not_said_to_have_landed() {
    let mut swept = Swept::default();
    swept.settled("shop 1".into(), &Outcome::Superseded);
    assert_eq!(swept.to_string().trim_end(), "shop 1 is older than what is live: passed over");
    assert_eq!((swept.landed, swept.passed_over), (vec![], vec!["shop 1".to_owned()]));
}

#[test]
fn one_passed_over_unread_is_landed_later() {
    let world = world(&["3"]).keeping(1, LINGER);
    assert_eq!(world.land("2").unwrap(), Came::Superseded);
    assert!(!world.stands("2") && !world.record("2").unwrap().landed);
    assert_eq!(world.activate("2").unwrap(), Done::ToBeLanded(version("2")));
    assert_eq!(world.state("2"), "waiting");
    // It is neither passed over again nor pruned before the operator comes back to it.
    assert!(matches!(world.land("2").unwrap(), Came::Stays(_)));
    world.pass(7200);
    world.sweep().unwrap();
    assert!(world.stands("2") && live(&world) == "3");
    world.activate("2").unwrap();
    assert_eq!(live(&world), "2");
}

#[test]
fn five_downloads_and_three_sweeps_move_nothing_after_the_first() {
    for order in [["5", "4", "3", "2", "1"], ["1", "2", "3", "4", "5"], ["3", "5", "1", "4", "2"]] {
        let world = World::new(Journal::Whole).keeping(2, Duration::ZERO);
        let sweep = || {
            order.iter().for_each(|v| assert!(world.land(v).is_ok()));
            world.pass(600);
            world.sweep().unwrap();
            world.shown()
        };
        let first = sweep();
        assert_eq!(live(&world), "5");
        assert_eq!(world.seen().standing.len(), 2, "{first}");
        assert_eq!((sweep(), sweep()), (first.clone(), first));
    }
}

#[test]
fn prune_spares_whatever_may_be_needed() {
    let world = world(&["1", "2", "3", "4", "5", "6", "7"]).keeping(1, LINGER);
    assert_eq!(world.prune().unwrap(), Vec::<String>::new(), "all of them linger");
    world.pass(7200);
    // 2: rollback's target; 3: the newest bad one; 5: previous; 6: from; 7: live.
    let bad = |name: &str| {
        let state = State::Bad { reason: "x".into() };
        write(&world, Record { state, ..world.record(name).unwrap() });
    };
    ["3", "6"].into_iter().for_each(bad);
    let from = Target::Release(version("2"));
    write(&world, Record { from: Some(from), ..world.record("6").unwrap() });
    bad("3");
    world.disk.by_hand(|d| {
        d.remove(PREVIOUS).unwrap();
        d.symlink("releases/5", PREVIOUS).unwrap();
        d.make_dir("releases/0", 0o755).unwrap();
    });
    assert_eq!(world.prune().unwrap(), ["1", "3", "4"], "the newest bad one is 6");
    for stands in ["0", "2", "5", "6", "7"] {
        assert!(world.stands(stands), "{stands}");
    }
    assert_eq!(world.prune().unwrap(), Vec::<String>::new());
}

#[test]
fn one_that_does_not_say_when_it_was_left_was_left_just_now() {
    let world = world(&["1", "2", "3"]).keeping(1, LINGER);
    write(&world, Record { left: None, ..world.record("1").unwrap() });
    world.pass(7200);
    assert_eq!(world.prune().unwrap(), Vec::<String>::new());
    write(&world, Record { left: Some(Unix(0)), ..world.record("1").unwrap() });
    assert_eq!(world.prune().unwrap(), ["1"]);
}

#[test]
fn a_clock_that_went_back_prunes_nothing_early() {
    let world = world(&["1", "2", "3"]).keeping(1, LINGER);
    world.pass(-100_000);
    assert_eq!(world.prune().unwrap(), Vec::<String>::new());
    world.rollback().unwrap();
    assert_eq!(live(&world), "2");
}

/// Its deploy dies in the check of 3: that is live, and nobody knows yet whether it is good.
#[test]
fn what_is_on_trial_supersedes_nothing_that_landed() {
    let world = world(&["1"]);
    world.hold().unwrap();
    land(&world, &["2"]);
    world.unhold().unwrap();
    *locked(&world.in_check) = Some(Box::new(|world| world.disk.die_at(0)));
    assert!(world.land("3").is_err());
    world.reboot(None);
    assert_eq!((live(&world).as_str(), world.state("3")), ("3", "trying"));
    world.prune().unwrap();
    assert_eq!(world.state("2"), "open");
}

/// 2 failed its check and stays live, for what was live before it is gone.
#[test]
fn nothing_is_passed_over_for_a_release_that_is_not_good() {
    let world = world(&["1"]).keeping(1, LINGER);
    world.disk.by_hand(|d| d.remove_tree("releases/1").unwrap());
    world.fails("2");
    assert_eq!(world.land("2").unwrap(), Came::Returned);
    assert_eq!((live(&world).as_str(), world.state("2")), ("2", "bad"));
    assert!(matches!(world.land("1.5").unwrap(), Came::Stays(_)));
    assert!(world.stands("1.5"));
}

#[test]
fn what_is_owed_and_what_is_dropped_is_so_after_a_power_cut() {
    let world = world(&["1"]);
    let process = world.process();
    let mut site = process.site();
    let owed = site.owe(&process.me().unwrap()).unwrap();
    let cut = world.fork();
    cut.reboot(Some(0));
    assert_eq!(cut.site().owed().unwrap(), [owed]);
    site.switching().unwrap().forget(&key("1")).unwrap();
    let cut = world.fork();
    cut.reboot(Some(0));
    assert_eq!(cut.state("1"), "none");
}

/// Its answer is exit 0, and that means durable, whoever wrote the record.
#[test]
fn what_an_event_answers_by_a_killed_deploys_record_lasts() {
    let begin = world(&["1"]);
    let mut answered = 0;
    for step in 0.. {
        let world = begin.fork();
        world.disk.die_at(step);
        let _ = world.land("2");
        if !world.disk.is_dead() {
            break;
        }
        world.reboot(None);
        if world.land("2").unwrap() == Came::Already {
            answered += 1;
            let told = world.record("2");
            world.reboot(Some(0));
            assert_eq!(world.record("2"), told, "step {step}");
        }
    }
    assert!(answered > 3);
}

#[test]
fn prune_does_not_take_an_interrupted_deploy_for_a_release() {
    let world = world(&["1", "3"]);
    write(&world, Record::open(key("2"), version("2"), world.now()));
    world.prune().unwrap();
    assert_eq!(world.state("2"), "open", "it never landed");
    world.land("2").unwrap();
    assert!(world.stands("2"));
}

#[test]
fn while_current_is_another_tools_nothing_is_pruned() {
    let world = world(&["1", "2", "3"]).keeping(1, Duration::ZERO);
    world.disk.by_hand(|d| {
        d.remove(CURRENT).unwrap();
        d.symlink("/data/shop/releases/1", CURRENT).unwrap();
    });
    assert!(matches!(world.seen().current, Current::Foreign(_)));
    assert_eq!(world.prune().unwrap(), Vec::<String>::new());
    assert!(prune::dispensable(&world.seen(), &world.keep(), world.now()).is_empty());
}

#[test]
fn a_name_that_was_taken_meanwhile_is_not_replaced_nor_landed() {
    let world = world(&["1"]);
    *locked(&world.in_stage) = Some(Box::new(|world| overwrite_directory(world, "2")));
    assert_eq!(world.land("2").unwrap_err().exit, Exit::Payload);
    assert_eq!(world.disk.read("releases/2/index").unwrap().unwrap(), b"mine");
    assert_eq!(world.disk.list("releases").unwrap(), ["1", "2"], "its stage is gone");
    assert_eq!(world.state("2"), "refused");
    world.recover();
    assert_eq!(live(&world), "1");
    // The version is somebody's also for another info hash.
    assert_eq!(world.process().land("1", 1).unwrap_err().exit, Exit::Payload);
}

#[test]
fn a_stage_is_nobody_elses() {
    let world = world(&[]);
    let (process, mut site) = (world.process(), world.site());
    let by = site.deploying(Duration::ZERO, &process.me().unwrap()).unwrap();
    let stage = Stage::create(&by, hash("2"), 0).unwrap();
    assert!(Stage::create(&by, hash("2"), 0).is_err());
    assert_eq!(world.disk.kind(stage.path()).unwrap(), Some(Kind::Directory));
}

fn overwrite_directory(world: &World, name: &str) {
    world.disk.by_hand(|d| {
        d.make_dir(&version(name).path(), 0o755).unwrap();
        d.write(&format!("releases/{name}/index"), b"mine").unwrap();
    });
}

#[test]
fn only_who_may_begins_a_trial_or_writes_what_was_committed() {
    let world = world(&["1"]);
    let mut site = world.site();
    let record = Record { state: State::Trying, ..world.record("1").unwrap() };
    assert_eq!(site.switching().unwrap().write(record.clone()).unwrap_err().exit, Exit::Bug);
    let by = site.deploying(Duration::ZERO, &world.process().me().unwrap()).unwrap();
    assert_eq!(by.write_uncommitted(&record).unwrap_err().exit, Exit::Bug);
    assert_eq!(world.state("1"), "good");
}

#[test]
fn a_record_that_cannot_be_read_stops_all_but_a_rollback_to_a_named_release() {
    for broken in ["format = 2\nstate = 17\n", "\0\0"] {
        for unreadable in ["1", "2", "3"] {
            let world = world(&["1", "2", "3"]);
            let path = format!("{RECORDS}/{}", key(unreadable).file_name());
            overwrite(&world, &path, broken);
            for refused in [
                world.land("4").map(|_| ()),
                world.rollback().map(|_| ()),
                world.activate("1").map(|_| ()),
                world.hold(),
                world.prune().map(|_| ()),
            ] {
                let error = refused.unwrap_err();
                assert_eq!(error.exit, Exit::Config);
                assert!(error.thing.contains(&key(unreadable).file_name()), "{error}");
            }
            assert_eq!(live(&world), "3");
            world.rollback_to("1").unwrap();
            assert_eq!(live(&world), "1");
            let kept = world.disk.read(&path).unwrap().unwrap();
            assert_eq!(String::from_utf8(kept).unwrap(), broken, "it is never rewritten");
        }
    }
}

#[test]
fn without_its_own_directory_the_site_stays_and_a_named_rollback_works() {
    let world = world(&["1", "2"]);
    world.disk.by_hand(|d| d.remove_tree(".seedship").unwrap());
    world.assert_whole("no records");
    let missing = world.rollback().unwrap_err();
    assert_eq!(missing.exit, Exit::NotFound);
    assert!(missing.hint.unwrap().contains('1'));
    assert_eq!(world.land("3").unwrap_err().exit, Exit::NotOurs);
    assert_eq!(live(&world), "2");
    world.rollback_to("1").unwrap();
    assert_eq!(live(&world), "1");
    assert_eq!(world.adopt("1").unwrap(), Done::LiveAlready(version("1")));
    world.sweep().unwrap();
    assert_eq!(live(&world), "3", "what landed meanwhile goes live");
    world.rollback().unwrap();
    assert_eq!(live(&world), "1");
}

#[test]
fn a_hold_that_cannot_be_read_holds_and_only_a_damaged_one_is_written_anew() {
    let world = world(&["1"]);
    overwrite(&world, ".seedship/hold.toml", "format = 1\nby = 7\n");
    assert_eq!(world.land("2").unwrap(), Came::Stays(Stay::HoldUnreadable));
    world.hold().unwrap();
    assert!(world.seen().hold.unwrap().is_some());
    overwrite(&world, ".seedship/hold.toml", "format = 2\nwho = 7\n");
    assert_eq!(world.hold().unwrap_err().exit, Exit::Config);
    assert_eq!(world.unhold().unwrap_err().exit, Exit::Config);
    assert_eq!(world.land("3").unwrap_err().exit, Exit::Config);
    world.rollback_to("2").unwrap();
    assert_eq!(live(&world), "2", "a rollback works all the same");
    overwrite(&world, ".seedship/hold.toml", "\0");
    world.unhold().unwrap();
    world.sweep().unwrap();
    assert!(world.seen().hold.unwrap().is_none());
}

#[test]
fn a_hold_ends_when_it_says() {
    let world = world(&["1"]);
    let until = Some(world.now().plus(Duration::from_secs(600)));
    operate::hold(&mut world.site(), until, None, &world.operator()).unwrap();
    assert!(matches!(world.land("2").unwrap(), Came::Stays(Stay::Held { .. })));
    world.pass(600);
    world.sweep().unwrap();
    assert_eq!(live(&world), "2");
}

#[test]
fn a_torn_line_of_history_takes_no_other_with_it() {
    let world = world(&["1", "2"]);
    world.rollback().unwrap();
    world.disk.append(".seedship/history.jsonl", b"{\"at\":1,\"eve").unwrap();
    world.activate("2").unwrap();
    let mut site = world.site();
    let events: Vec<String> = {
        let lock = site.switching().unwrap();
        lock.history().read().unwrap().entries.into_iter().map(|e| e.event).collect()
    };
    assert_eq!(events, ["rollback", "activate"]);
}

#[test]
fn a_link_made_by_hand_to_a_landed_release_is_an_activation() {
    let world = world(&["1"]);
    world.hold().unwrap();
    land(&world, &["3"]);
    world.disk.by_hand(|d| {
        d.remove(CURRENT).unwrap();
        d.symlink("releases/3", CURRENT).unwrap();
    });
    world.unhold().unwrap();
    assert_eq!(world.land("2").unwrap(), Came::Stays(Stay::NotNewer(version("3"))));
    assert_eq!((live(&world).as_str(), world.state("3")), ("3", "good"));
}

/// Also for who only looks, before anybody's recovery wrote down that 3 is live.
#[test]
fn what_is_live_counts_as_activated_whatever_its_record_says() {
    let world = world(&["1"]);
    world.hold().unwrap();
    land(&world, &["2", "3"]);
    world.unhold().unwrap();
    world.disk.by_hand(|d| {
        d.remove(CURRENT).unwrap();
        d.symlink("releases/3", CURRENT).unwrap();
    });
    assert_eq!((world.state("2"), world.state("3")), ("open", "open"));
    let (two, rules) = (world.record("2").unwrap(), Rules::of(&world.app));
    let decision = choose::choose(&two, &world.seen(), &rules, world.now());
    assert_eq!(decision, Decision::Stay(Stay::NotNewer(version("3"))));
}
