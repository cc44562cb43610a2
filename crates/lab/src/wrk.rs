//! wrk, an HTTP load generator that takes little of the machine for itself.
//!
//! It asks for a time, not for a number of requests. What came back is counted by a script in it
//! (`wrk.lua`), which prints the counts for us to read. See [`load`](crate::load) for a load that
//! ends after a number of requests.

use std::time::Duration;

use crate::error::{Error, Result};
use crate::lab::Lab;
use crate::site::run;
use crate::switcher::VERSIONS;

/// What came back.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Answers {
    /// Answers, and requests that never got one.
    pub requests: u64,
    /// 200, and both halves of one release.
    pub ok: u64,
    /// Those of them that are of the first of [`VERSIONS`].
    pub of_first: u64,
    /// 200, with halves of two releases.
    pub mixed: u64,
    /// 404.
    pub not_found: u64,
    /// 500.
    pub failed: u64,
    /// Any other status, a body that is not of two halves, and requests without an answer.
    pub other: u64,
    /// How long it lasted.
    pub took: Duration,
    /// The fastest answer.
    pub fastest: Duration,
    /// The mean of all answers.
    pub average: Duration,
    /// The slowest answer.
    pub slowest: Duration,
}

/// Asks for one address, whose answers are of [`halves`](crate::halves), as fast as it is
/// answered.
pub fn load(lab: &Lab, url: &str, connections: usize, lasting: Duration) -> Result<Answers> {
    let script = lab.write("wrk.lua", include_str!("wrk.lua"))?;
    let mut wrk = lab.command("wrk");
    wrk.arg("--threads=2").arg(format!("--connections={}", connections.max(2)));
    wrk.arg(format!("--duration={}s", lasting.as_secs().max(1)));
    wrk.arg("--timeout=10s").arg("--script").arg(script).arg(url);
    wrk.args(["--", VERSIONS[0]]);
    let said = run(&mut wrk)?;
    let said = String::from_utf8_lossy(&said);
    read(&said).ok_or_else(|| Error::new(format!("wrk said no counts: {said}")))
}

/// Reads the line that the script prints.
fn read(said: &str) -> Option<Answers> {
    let line = said.lines().find_map(|line| line.strip_prefix("counted "))?;
    let field = |name: &str| -> Option<u64> {
        let words = line.split(' ').filter_map(|word| word.split_once('='));
        words.filter(|(word, _)| *word == name).find_map(|(_, number)| number.parse().ok())
    };
    let time = |name| field(name).map(Duration::from_micros);
    let silent = field("silent")?;
    let counted = ["ok", "mixed", "not_found", "failed", "other"];
    let answered: Option<u64> = counted.iter().map(|name| field(name)).sum();
    Some(Answers {
        requests: answered? + silent,
        ok: field("ok")?,
        of_first: field("of_release")?,
        mixed: field("mixed")?,
        not_found: field("not_found")?,
        failed: field("failed")?,
        other: field("other")? + silent,
        took: time("took_us")?,
        fastest: time("fastest_us")?,
        average: time("average_us")?,
        slowest: time("slowest_us")?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_tells_answers_apart() {
        let lab = Lab::new().unwrap();
        for (name, body) in [
            ("first", "1.0\n1.0\n"),
            ("second", "2.0\n2.0\n"),
            ("mixed", "1.0\n2.0\n"),
            ("other", "1.0\n"),
        ] {
            lab.write(&format!("site/{name}"), body).unwrap();
        }
        let nginx = lab.nginx(lab.path().join("site")).unwrap();
        let counts = |path| {
            let all = load(&lab, &nginx.url(path), 2, Duration::from_secs(1)).unwrap();
            assert!(all.requests > 10 && all.fastest <= all.slowest, "{all:?}");
            // In tenths, rounded: the last request may be cut off.
            let share = |count: u64| (count * 10 + all.requests / 2) / all.requests;
            [all.ok, all.of_first, all.mixed, all.not_found, all.failed, all.other].map(share)
        };
        assert_eq!(counts("/first"), [10, 10, 0, 0, 0, 0]);
        assert_eq!(counts("/second"), [10, 0, 0, 0, 0, 0]);
        assert_eq!(counts("/mixed"), [0, 0, 10, 0, 0, 0]);
        assert_eq!(counts("/absent"), [0, 0, 0, 10, 0, 0]);
        assert_eq!(counts("/other"), [0, 0, 0, 0, 0, 10]);
    }
}
