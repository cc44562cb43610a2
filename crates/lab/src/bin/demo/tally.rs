//! What is counted throughout, and the block that is printed at the end.

use crate::teller::{Teller, grouped};
use lab::{
    Error, Result,
    load::{Counts, Load},
};
use std::time::Duration;

/// The numbers of the whole story.
#[derive(Default)]
pub(crate) struct Tally {
    /// Milliseconds of each switch, as the hook logged them.
    pub(crate) switches_ms: Vec<f64>,
    /// Each rollback, from typing it to its end.
    pub(crate) rollbacks: Vec<Duration>,
    /// Version, reason and exit code.
    pub(crate) refused: Vec<(String, String, i32)>,
    /// How often `current` was switched at the end, in the same time.
    pub(crate) switched_ours: u64,
    /// The same, for unlink + symlink.
    pub(crate) switched_theirs: u64,
}

impl Tally {
    /// Takes the time of the switch from a line of log.
    pub(crate) fn live(&mut self, line: &str) -> Result<f64> {
        let field = line.split(' ').find_map(|word| word.strip_prefix("switch_ms="));
        let switch = field.and_then(|ms| ms.parse().ok());
        let switch = switch.ok_or_else(|| Error::new(format!("no switch_ms in: {line}")))?;
        self.switches_ms.push(switch);
        Ok(switch)
    }

    /// Prints the block, then holds the counts against what was promised.
    pub(crate) fn told(&self, teller: &Teller, ours: &Counts, theirs: &Counts) -> Result<()> {
        let row = |name: &str, counts: &Counts, switches: u64| {
            teller.line(format_args!(
                "   {name:<18}{:>12}{:>10}{:>10}{:>10}",
                grouped(counts.requests),
                grouped(counts.failed),
                grouped(counts.mixed),
                grouped(switches)
            ));
        };
        let head = ["requests", "failed", "mixed", "switched"];
        teller.line(format_args!(
            "   {:<18}{:>12}{:>10}{:>10}{:>10}",
            "", head[0], head[1], head[2], head[3]
        ));
        row("seedship", ours, self.switched_ours);
        row("unlink + symlink", theirs, self.switched_theirs);
        teller.line("");
        teller.say("mixed", "would be a body that is not, as a whole, of one release");
        if theirs.failed == 0 {
            teller.say("luck", "nobody asked between an unlink and its symlink this time");
        }
        let switches = self.switches_ms.iter().copied();
        teller.say("switch", format_args!("{} ms, at the deploys above", range(switches)));
        let rollbacks = self.rollbacks.iter().map(|took| took.as_secs_f64() * 1e3);
        let rollbacks = range(rollbacks);
        teller.say("rollback", format_args!("{rollbacks} ms, the whole command"));
        for (version, why, code) in &self.refused {
            teller.say("refused", format_args!("{version}: {why} (exit {code})"));
        }
        match (ours.failed + ours.mixed, &ours.first_fault) {
            (0, _) => Ok(()),
            (n, why) => Err(Error::new(format!(
                "promise broken: {n} requests failed or were mixed; the first: {}",
                why.as_deref().unwrap_or("unknown")
            ))),
        }
    }
}

/// `0.4` or `0.4 to 1.2`.
fn range(of: impl Iterator<Item = f64> + Clone) -> String {
    let (least, most) = (of.clone().fold(f64::MAX, f64::min), of.fold(0.0, f64::max));
    match format!("{least:.1}") == format!("{most:.1}") {
        true => format!("{most:.1}"),
        false => format!("{least:.1} to {most:.1}"),
    }
}

/// The counts so far of several loads.
pub(crate) fn so_far(loads: &[Load]) -> Counts {
    sum(loads.iter().map(Load::counts))
}

/// Ends several loads and returns what they counted.
pub(crate) fn stopped(loads: Vec<Load>) -> Counts {
    sum(loads.into_iter().map(Load::stop))
}

fn sum(counts: impl Iterator<Item = Counts>) -> Counts {
    counts.fold(Counts::default(), |sum, one| Counts {
        requests: sum.requests + one.requests,
        failed: sum.failed + one.failed,
        mixed: sum.mixed + one.mixed,
        slowest: sum.slowest.max(one.slowest),
        first_fault: sum.first_fault.or(one.first_fault),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_switch_is_read_from_the_log() {
        let mut tally = Tally::default();
        assert_eq!(tally.live("site 1.0 is live ms=9 switch_ms=0.4 app=site").unwrap(), 0.4);
        assert!(tally.live("site 1.0 is live ms=9").is_err());
        assert_eq!(range([0.4, 1.23, 0.9].into_iter()), "0.4 to 1.2");
        assert_eq!(range([0.41, 0.42].into_iter()), "0.4");
    }
}
