//! Foreign names and foreign logs.

use super::*;
use proptest::prelude::*;

#[test]
fn names_are_times_or_numbers() {
    for moment in ["20241105093000", "20241105093000Z"] {
        assert_eq!(Shape::of(moment), Some(Shape::Moment), "{moment}");
    }
    for number in ["1", "12", "007", "202411050930001"] {
        assert_eq!(Shape::of(number), Some(Shape::Number), "{number}");
    }
    for other in ["", "Z", "12Z", "1.4.2", "20241105093000ZZ", "2024-11-05", "backup"] {
        assert_eq!(Shape::of(other), None, "{other}");
    }
}

#[test]
fn a_log_of_deployer_is_read_in_both_of_its_forms() {
    let line = r#"{"created_at":"2024-11-05T09:30:00+0000","release_name":"7","user":"anna"}"#;
    assert_eq!(begun_in(line).as_deref(), Some("7"));
    assert_eq!(begun_in("20211105093000,6").as_deref(), Some("6"));
    for torn in ["", "{", "{\"release_name\":7}", "7", ",7", "20211105093000,", "x,../../etc"] {
        assert_eq!(begun_in(torn), None, "{torn}");
    }
}

#[test]
fn a_log_of_capistrano_is_read_whatever_its_words() {
    let log = "Branch main (at 1a2b3c4) deployed as release 20241104093000 by anna\n\
               anna rolled back to release 20241103093000\nrel=20241105093000;x\n2024110509300";
    let found: Vec<String> = moments_in(log).into_iter().collect();
    assert_eq!(found, ["20241103093000", "20241104093000", "20241105093000"]);
}

proptest! {
    #[test]
    fn no_foreign_byte_makes_a_reader_fail(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        let text = String::from_utf8_lossy(&bytes);
        moments_in(&text);
        text.lines().for_each(|line| drop(begun_in(line)));
        Shape::of(&text);
    }

    #[test]
    fn whatever_is_written_into_a_log_is_found(number in 0u64..1_000_000, rest in "[a-z{}\",:]{0,20}") {
        let name = number.to_string();
        let json = serde_json::json!({"release_name": name, "user": rest}).to_string();
        prop_assert_eq!(begun_in(&json), Some(name.clone()));
        prop_assert_eq!(begun_in(&format!("20211105093000,{name}")), Some(name));
    }
}
