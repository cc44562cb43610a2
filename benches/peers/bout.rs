//! Several programs that do the same work, measured alternately.
//!
//! Ours, theirs, ours, theirs …: what disturbs the machine for a while disturbs them all. One round
//! before the first is not counted. Each side makes its ground ready outside of the measured time,
//! and proves afterwards, outside of it too, that the work was really done.

use crate::{
    Result,
    sheet::{Grid, Side as Align, in_unit, mib, short},
    shot::{Shot, shoot},
};
use std::{process::Command, time::Duration};

/// One program and what belongs to running it.
pub(crate) struct Side<'a> {
    name: String,
    ready: Box<dyn FnMut() -> Result<Command> + 'a>,
    proof: Box<dyn FnMut() -> Result + 'a>,
}

impl<'a> Side<'a> {
    /// `ready` makes everything ready and says what is measured. It must end with exit code 0.
    pub(crate) fn new(name: &str, ready: impl FnMut() -> Result<Command> + 'a) -> Self {
        Self { name: name.into(), ready: Box::new(ready), proof: Box::new(|| Ok(())) }
    }

    /// What must hold after each run.
    #[must_use]
    pub(crate) fn proven_by(mut self, proof: impl FnMut() -> Result + 'a) -> Self {
        self.proof = Box::new(proof);
        self
    }

    fn shoot(&mut self) -> Result<Shot> {
        let shot = shoot(&(self.ready)()?)?;
        (self.proof)()?;
        Ok(shot)
    }
}

/// What ours should reach against one peer.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Goal {
    /// Nothing was promised.
    None,
    /// Our time by theirs.
    AtMost(f64),
    /// Our time minus theirs.
    More(Duration),
}

/// Ours and the peers.
pub(crate) struct Bout<'a> {
    /// What is done, the title of its table.
    pub(crate) name: String,
    /// Ours.
    pub(crate) ours: Side<'a>,
    /// The peers.
    pub(crate) theirs: Vec<(Side<'a>, Goal)>,
    /// How often each is measured.
    pub(crate) rounds: usize,
}

/// What a bout came to: the table, and a line for each goal.
pub(crate) struct Score {
    pub(crate) grid: Grid,
    pub(crate) goals: Vec<String>,
    /// The median of ours.
    pub(crate) ours: Duration,
}

impl Bout<'_> {
    /// Runs all of it.
    pub(crate) fn run(self) -> Result<Score> {
        let goals: Vec<Goal> = self.theirs.iter().map(|(_, goal)| *goal).collect();
        let mut sides: Vec<Side<'_>> = vec![self.ours];
        sides.extend(self.theirs.into_iter().map(|(side, _)| side));
        let mut shots = vec![Vec::with_capacity(self.rounds); sides.len()];
        for round in 0..=self.rounds {
            for (side, shots) in sides.iter_mut().zip(&mut shots) {
                let shot = side.shoot()?;
                if round > 0 {
                    shots.push(shot);
                }
            }
        }
        let results: Vec<Spread> = shots.iter().map(|shots| Spread::of(shots)).collect();
        let names: Vec<String> = sides.into_iter().map(|side| side.name).collect();
        Ok(score(&self.name, &names, &results, &goals))
    }
}

fn score(title: &str, names: &[String], results: &[Spread], goals: &[Goal]) -> Score {
    let mut grid = Grid::new()
        .column(title, Align::Left)
        .column("MEDIAN", Align::Right)
        .column("MIN–MAX", Align::Right)
        .column("CPU", Align::Right)
        .column("PEAK", Align::Right)
        .column("RATIO", Align::Right);
    let ours = results[0].median;
    let smallest = results.iter().map(|result| result.median).min().unwrap_or_default();
    for (n, (name, result)) in names.iter().zip(results).enumerate() {
        let ratio = ours.as_secs_f64() / result.median.as_secs_f64();
        let ratio = if n == 0 { String::new() } else { format!("{ratio:.2}") };
        grid.row([vec![name.clone()], result.cells(in_unit(smallest)), vec![ratio]].concat());
    }
    let met = |yes| if yes { "met" } else { "missed" };
    let goal = |(n, goal): (usize, &Goal)| {
        let (name, theirs) = (&names[n + 1], results[n + 1].median);
        match *goal {
            Goal::None => None,
            Goal::AtMost(most) => {
                let ratio = ours.as_secs_f64() / theirs.as_secs_f64();
                let verdict = met(ratio <= most);
                Some(format!("goal: at most {most} of `{name}`: {ratio:.2}, {verdict}"))
            }
            Goal::More(most) => {
                let more = ours.as_secs_f64() * 1e3 - theirs.as_secs_f64() * 1e3;
                let most = most.as_secs_f64() * 1e3;
                let verdict = met(more <= most);
                Some(format!("goal: at most {most} ms more than `{name}`: {more:.2} ms, {verdict}"))
            }
        }
    };
    Score { grid, goals: goals.iter().enumerate().filter_map(goal).collect(), ours }
}

/// Several shots of one program.
struct Spread {
    median: Duration,
    least: Duration,
    most: Duration,
    /// User and system together: how a short run is split between them, the kernel guesses.
    processor: Duration,
    peak: u64,
}

impl Spread {
    fn of(shots: &[Shot]) -> Self {
        let sorted = |what: fn(&Shot) -> Duration| {
            let mut all: Vec<Duration> = shots.iter().map(what).collect();
            all.sort();
            all
        };
        let wall = sorted(|shot| shot.wall);
        Self {
            median: percentile(&wall, 50),
            least: percentile(&wall, 0),
            most: percentile(&wall, 100),
            processor: percentile(&sorted(|shot| shot.processor), 50),
            peak: shots.iter().map(|shot| shot.peak).max().unwrap_or_default(),
        }
    }

    /// Median, min–max, processor time and peak, all times in one unit.
    fn cells(&self, (unit, by): (&str, f64)) -> Vec<String> {
        let say = |time: Duration| short(time.as_secs_f64() * by);
        vec![
            format!("{} {unit}", say(self.median)),
            format!("{}–{}", say(self.least), say(self.most)),
            say(self.processor),
            mib(self.peak),
        ]
    }
}

/// The value that so many percent of the sorted values do not exceed; zero of none.
pub(crate) fn percentile(sorted: &[Duration], percent: usize) -> Duration {
    let rank = (sorted.len() * percent).div_ceil(100).max(1) - 1;
    sorted.get(rank).copied().unwrap_or_default()
}
