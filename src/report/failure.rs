//! A failure in its three forms: a log line, a message for people, an object for machines.

use super::Line;
use crate::error::{Error, Exit, Lasts};
use log::Level;
use serde_json::Value;

/// The line for syslog: the sentence, the hint in brackets, the exit code.
pub fn line_of(error: &Error) -> Line {
    let sentence = match &error.hint {
        Some(hint) => format!("{error} (hint: {hint})"),
        None => error.to_string(),
    };
    Line::new(sentence).field("exit", error.exit.code())
}

/// How loud: what only waits for another try is a warning.
pub fn level_of(error: &Error) -> Level {
    match error.exit {
        Exit::Done => Level::Info,
        Exit::Again => Level::Warn,
        _ => Level::Error,
    }
}

/// For people at a terminal, without a newline at its end: the hint on a line of its own.
pub fn for_people(error: &Error) -> String {
    match &error.hint {
        Some(hint) => format!("seedship: {error}\n  hint: {hint}"),
        None => format!("seedship: {error}"),
    }
}

/// What `--json` prints instead of its object: `{"error": {"exit": 65, "message": …}}`.
pub fn in_json(error: &Error) -> Value {
    let Error { exit, verb, thing, cause, hint, .. } = error;
    serde_json::json!({
        "error": {
            "exit": exit.code(),
            "message": error.to_string(),
            "verb": verb,
            "thing": thing,
            "cause": cause,
            "hint": hint,
        }
    })
}

/// The failure that an object of [`in_json`] tells, as another process of ours printed it; `None` if
/// it tells none. What becomes of the record that process decided.
pub fn from_json(object: &Value) -> Option<Error> {
    let told = object.get("error")?;
    let text = |key| told.get(key)?.as_str().map(str::to_owned);
    Some(Error {
        exit: Exit::from_code(u8::try_from(told.get("exit")?.as_u64()?).ok()?)?,
        verb: text("verb")?.into(),
        thing: text("thing")?,
        cause: text("cause")?,
        hint: text("hint"),
        lasts: Lasts::Known,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::quoted;

    fn error() -> Error {
        Error::new(Exit::Payload, "unpack", quoted("a\nexit=0"), "it ends early")
    }

    #[test]
    fn a_failure_is_one_line_with_its_code() {
        assert_eq!(
            line_of(&error()).to_string(),
            "could not unpack `a\\x0Aexit\\x3D0`: it ends early exit=65"
        );
        assert_eq!(
            line_of(&error().hint("pack it again")).to_string(),
            "could not unpack `a\\x0Aexit\\x3D0`: it ends early (hint: pack it again) exit=65"
        );
    }

    #[test]
    fn people_see_the_hint_on_its_own_line() {
        assert_eq!(
            for_people(&error().hint("pack it again")),
            "seedship: could not unpack `a\\x0Aexit=0`: it ends early\n  hint: pack it again"
        );
    }

    #[test]
    fn machines_get_every_part() {
        let object = in_json(&error());
        assert_eq!(object["error"]["exit"], 65);
        assert_eq!(object["error"]["message"], error().to_string());
        assert_eq!(object["error"]["hint"], Value::Null);
    }

    #[test]
    fn what_one_process_tells_another_reads() {
        for error in [error(), error().hint("pack it again")] {
            let read = from_json(&in_json(&error)).unwrap();
            assert_eq!(in_json(&read), in_json(&error));
        }
        assert!(from_json(&serde_json::json!({"app": "shop", "exit": 0})).is_none());
    }

    #[test]
    fn what_only_waits_is_no_error() {
        assert_eq!(level_of(&error()), Level::Error);
        assert_eq!(level_of(&Error::new(Exit::Again, "land", "it", "locked")), Level::Warn);
    }
}
