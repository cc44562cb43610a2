//! Every rule of the monitor at its edge, and both of its languages: what a plugin prints begins no perfdata
//! early, and the worst is told first.

use super::{
    judge::judge,
    sight::{Hold, Live, Told},
    *,
};
use crate::look::Case;
use proptest::prelude::*;
use std::time::Duration;

const NOW: Unix = Unix(1_800_000_000);
const HOUR: i64 = 3600;

fn demands() -> Demands {
    Demands { expect: None, max_age: None, silence: Duration::from_secs(3600) }
}

/// An app as it should be.
fn well() -> Sight {
    Sight {
        live: Some(Live {
            version: "1.4.2".into(),
            since: Some(Unix(NOW.0 - 48 * HOUR)),
            state: Case::Live,
            why: None,
            size: Some(1 << 20),
            files: Some(10),
        }),
        worked: Some(Unix(NOW.0 - 300)),
        free: Some(2 << 30),
        inodes: Some(1000),
        min_free: 1 << 30,
        lock_wait: 600,
        ..Sight::default()
    }
}

fn release(name: &str, state: Case, why: &str, tries: Option<u32>) -> Told {
    Told { name: name.into(), state, why: Some(why.into()), tries }
}

fn live(change: impl FnOnce(&mut Live)) -> Sight {
    let mut sight = well();
    change(sight.live.as_mut().unwrap());
    sight
}

fn telling(told: Told) -> Sight {
    Sight { telling: vec![told], ..well() }
}

/// What is said, each with its level, the worst first.
fn said(sight: &Sight, demands: &Demands) -> Vec<String> {
    let found = judge("shop", sight, demands, NOW);
    found.iter().map(|f| format!("{} {}: {}", f.level, f.problem.word(), f.says)).collect()
}

/// Every rule, at its edge.
#[test]
fn each_rule_says_what_it_says() {
    let none: [&str; 0] = [];
    let quiet = |seconds: i64| Sight { worked: Some(Unix(NOW.0 - seconds)), ..well() };
    let held = |days: i64, until| {
        let since = Unix(NOW.0 - days * 24 * HOUR);
        let hold = Hold { by: "anna".into(), since, until, reason: Some("sale".into()) };
        Sight { hold: Some(hold), ..well() }
    };
    let unfinished =
        |sight: Sight| Sight { unfinished: vec!["a switch was interrupted".into()], ..sight };
    let cases: Vec<(Sight, Vec<String>)> = vec![
        (well(), vec![]),
        (quiet(HOUR), vec![]),
        (
            quiet(3 * HOUR),
            vec!["CRITICAL silence: no event and no sweep: the last was at work 3 h ago".into()],
        ),
        (quiet(-60), vec![]),
        (
            quiet(-3 * HOUR),
            vec!["WARNING clock: the last event or sweep was at work in 3 h".into()],
        ),
        (
            Sight { worked: None, ..well() },
            vec!["WARNING silence: no event and no sweep was ever at work here".into()],
        ),
        (
            Sight {
                telling: vec![release("1.5", Case::Landing, "since X by finished, pid 7", None)],
                ..quiet(3 * HOUR)
            },
            vec!["CRITICAL silence: 1.5 is still being landed: since X by finished, pid 7".into()],
        ),
        (unfinished(quiet(600)), vec![]),
        (unfinished(quiet(601)), vec!["WARNING unfinished: a switch was interrupted".into()]),
        (held(7, None), vec![]),
        (held(30, Some(NOW)), vec![]),
        (
            held(8, None),
            vec![format!(
                "WARNING hold: anna holds it since {} (8 d ago): sale",
                Unix(NOW.0 - 8 * 24 * HOUR)
            )],
        ),
        (
            live(|live| live.state = Case::Gone),
            vec!["CRITICAL gone: `current` leads to 1.4.2, which is not there".into()],
        ),
        (
            live(|live| live.why = Some("bad: its check failed".into())),
            vec!["CRITICAL bad: 1.4.2 is live and bad: its check failed".into()],
        ),
        (
            Sight { live: None, empty: true, ..well() },
            vec!["WARNING empty: nothing is live".into()],
        ),
        (
            Sight { live: None, empty: true, was_live: Some("1.4.1".into()), ..well() },
            vec!["CRITICAL empty: `current` is not there, and 1.4.1 was live".into()],
        ),
        (
            Sight { live: None, foreign: Some("a real directory".into()), ..well() },
            vec!["WARNING foreign: `current` is a real directory".into()],
        ),
        (
            Sight { live: None, foreign: Some("a link".into()), leads_nowhere: true, ..well() },
            vec!["CRITICAL gone: `current` is a link, and leads nowhere".into()],
        ),
        (
            telling(release("1.5", Case::Refused, "it ends early", None)),
            vec!["WARNING refused: 1.5 is refused: it ends early".into()],
        ),
        (
            telling(release("1.5", Case::Returned, "to 1.4.2: its check failed", None)),
            vec!["WARNING returned: 1.5 is returned: to 1.4.2: its check failed".into()],
        ),
        (telling(release("1.5", Case::Returned, "to 1.4.2: rolled back by anna", None)), vec![]),
        (
            telling(release("1.5", Case::Returned, "to 1.4.2: left before its verdict", None)),
            vec![],
        ),
        (telling(release("1.5", Case::Waiting, "later", Some(5))), vec![]),
        (
            telling(release("1.5", Case::Waiting, "later", Some(6))),
            vec!["WARNING waiting: 1.5 is waiting: later, tried 6 times".into()],
        ),
        (telling(release("1.5", Case::Staged, "activation is manual", None)), vec![]),
        (
            Sight { free: Some((1 << 30) - 1), ..well() },
            vec!["CRITICAL space: 1.0 GiB are free, min_free is 1.0 GiB".into()],
        ),
        (
            Sight { free: Some(1 << 30), ..well() },
            vec![
                "WARNING space: 1.0 GiB are free: a release as large as the live one (1.0 MiB) \
                 does not fit"
                    .into(),
            ],
        ),
        (Sight { inodes: Some(0), ..well() }, vec!["CRITICAL space: no inode is free".into()]),
        (
            Sight { inodes: Some(9), ..well() },
            vec!["WARNING space: 9 inodes are free, the live release has 10 files".into()],
        ),
        (Sight { inodes: None, ..well() }, vec![]),
        (
            Sight { unreadable: vec![("could not read".into(), None)], ..well() },
            vec!["CRITICAL records: could not read".into()],
        ),
    ];
    for (sight, expected) in cases {
        assert_eq!(said(&sight, &demands()), expected, "{sight:?}");
    }
    assert_eq!(said(&well(), &demands()), none);
}

#[test]
fn what_is_demanded_is_held_against_what_is_live() {
    let expect = |version: &str| Demands { expect: Some(version.into()), ..demands() };
    assert!(said(&well(), &expect("1.4.2")).is_empty());
    assert_eq!(said(&well(), &expect("1.5")), ["CRITICAL expected: 1.4.2 is live, not 1.5"]);
    for (case, level) in [
        (Case::Landing, "WARNING"),
        (Case::Staged, "WARNING"),
        (Case::Waiting, "CRITICAL"),
        (Case::Good, "CRITICAL"),
    ] {
        let sight = telling(release("1.5", case, "why", Some(1)));
        let expected = format!("{level} expected: 1.4.2 is live, not 1.5, which is {case}: why");
        assert_eq!(said(&sight, &expect("1.5")), [expected]);
    }
    let nothing = Sight { live: None, empty: true, ..well() };
    assert_eq!(
        said(&nothing, &expect("1.5")),
        ["CRITICAL expected: nothing is live, not 1.5", "WARNING empty: nothing is live"]
    );
    let old =
        |days: u64| Demands { max_age: Some(Duration::from_secs(days * 24 * 3600)), ..demands() };
    assert!(said(&well(), &old(2)).is_empty());
    assert_eq!(said(&well(), &old(1)), ["WARNING age: 1.4.2 became live 2 d ago"]);
}

/// What cannot be looked at is not known; what keeps deploys away is critical.
#[test]
fn an_app_that_cannot_be_seen_is_not_well() {
    for (exit, level) in [
        (Exit::Permission, Level::Unknown),
        (Exit::Again, Level::Unknown),
        (Exit::Bug, Level::Unknown),
        (Exit::NotOurs, Level::Critical),
        (Exit::Io, Level::Critical),
        (Exit::Config, Level::Critical),
    ] {
        let sight = Sight::unseen(&Error::new(exit, "open", "it", "no").hint("do"));
        let found = judge("shop", &sight, &demands(), NOW);
        let [finding] = &found[..] else { panic!("{found:?}") };
        assert_eq!((finding.level, finding.says.as_str()), (level, "could not open it: no"));
        assert_eq!(finding.hint.as_deref(), Some("do"));
    }
    for nonsense in ["", "{", "[1]", "{\"error\": 1}"] {
        let sight = told(Ok(nonsense.as_bytes().to_vec()));
        let found = judge("shop", &sight, &demands(), NOW);
        assert_eq!(found[0].level, Level::Unknown, "{nonsense}: {found:?}");
    }
}

fn report_of(seen: Vec<(&str, Sight)>) -> Report {
    let seen =
        seen.into_iter().map(|(app, sight)| AppReport::of(app.into(), sight, &demands(), NOW));
    Report::new(Vec::new(), seen.collect(), &demands(), NOW)
}

#[test]
fn the_worst_of_all_apps_wins() {
    let quiet = Sight { worked: Some(Unix(0)), ..well() };
    let unseen = Sight::unseen(&Error::new(Exit::Permission, "open", "it", "no"));
    let warned = telling(release("1.5", Case::Refused, "why", None));
    let state = |seen: &[&Sight]| {
        report_of(seen.iter().map(|sight| ("shop", (*sight).clone())).collect()).state
    };
    assert_eq!(state(&[]), Level::Unknown, "nothing is watched");
    assert_eq!(state(&[&well()]), Level::Ok);
    assert_eq!(state(&[&well(), &warned]), Level::Warning);
    assert_eq!(state(&[&unseen, &warned]), Level::Unknown);
    assert_eq!(state(&[&unseen, &warned, &quiet, &well()]), Level::Critical);
}

/// What a child tells arrives as it was.
#[test]
fn a_sight_comes_back_from_its_child() {
    let sight = Sight {
        telling: vec![release("1.5", Case::Refused, "why", None)],
        counts: [(Case::Refused, 1), (Case::Live, 1)].into(),
        unreadable: vec![("a".into(), Some("b".into()))],
        ..well()
    };
    let line = serde_json::to_vec(&sight).unwrap();
    assert_eq!(told(Ok(line)), sight);
}

proptest! {
    /// Whatever the words of others: the first line has one `|`, before the numbers.
    #[test]
    fn nothing_begins_the_numbers_early(why in "(.|\n|[|'=;]){0,300}", reason in "(.|\n|\\|){0,40}") {
        let hold =
            Hold { by: reason.clone(), since: Unix(0), until: None, reason: Some(reason.clone()) };
        let mut sight = telling(release("1.5", Case::Refused, &why, None));
        sight.hold = Some(hold);
        let text = report_of(vec![("shop", sight)]).plugin();
        let lines: Vec<&str> = text.lines().collect();
        prop_assert_eq!(text.matches('|').count(), 1, "{}", text);
        let (said, numbers) = lines[0].split_once(" | ").unwrap();
        prop_assert!(said.starts_with("SEEDSHIP WARNING - shop 1.4.2 live since "), "{}", said);
        prop_assert_eq!(
            numbers,
            "shop_age=172800s;;;0 shop_silence=300s;;3600;0 shop_free=2147483648B;;1073741824:;0 \
             shop_inodes=1000;;1:;0"
        );
        prop_assert!(!text.replace('\n', "").contains(char::is_control));
    }
}
