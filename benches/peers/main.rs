//! Seedship beside the tools that people use for the same work, alternately in one run.
//!
//! One file a subject; each gives a [`Section`] of tables. `bout` runs the sides alternately,
//! `shot` measures one program, `ground` is the place where all of it happens. What is printed
//! goes as Markdown into a file too. A subject that fails says so in its place and the others go
//! on; the run has then failed. Goals are held against what was measured and never fail a run.
//!
//! ```text
//! make bench                                   # everything: 1 GiB, 20,000 files
//! make bench ONLY='start verify'               # some subjects
//! BENCH_MIB=64 BENCH_FILES=2000 make bench     # a quick check
//! ```

mod bout;
mod create;
mod curve;
mod engines;
mod frames;
mod ground;
mod land;
mod landed;
mod machine;
mod pack;
mod parts;
mod payload;
mod publish;
mod rollback;
mod sheet;
mod shot;
mod sizes;
mod start;
mod verify;

use ground::Ground;
use lab::Error;
use sheet::{Section, Sheet};
use sizes::Sizes;
use std::{fmt::Display, process::ExitCode, time::Instant};

/// The result of everything here; a failure is one sentence.
pub(crate) type Result<T = (), E = Error> = std::result::Result<T, E>;

/// What is measured.
struct Subject {
    /// Its name, which picks it.
    name: &'static str,
    measure: fn(&Ground) -> Result<Section>,
    /// The most that the ground holds then, in bytes.
    space: fn(&Sizes) -> u64,
}

impl Subject {
    const fn new(
        name: &'static str,
        measure: fn(&Ground) -> Result<Section>,
        space: fn(&Sizes) -> u64,
    ) -> Self {
        Self { name, measure, space }
    }

    fn section(&self, ground: &Ground) -> Result<Section> {
        ground.clear()?;
        ground.room_for((self.space)(&ground.sizes))?;
        (self.measure)(ground)
    }
}

/// All of them. Trees of small files come last: on ext4 without a journal, inodes that were freed a
/// moment ago slow down whoever makes new ones.
const SUBJECTS: [Subject; 12] = [
    Subject::new("start", start::section, Sizes::tiny_space),
    Subject::new("landed", landed::section, Sizes::tiny_space),
    Subject::new("verify", verify::section, Sizes::large_space),
    Subject::new("create", create::section, Sizes::large_space),
    Subject::new("rollback", rollback::section, Sizes::background_space),
    Subject::new("land-large", land::large, Sizes::large_space),
    Subject::new("parts-large", parts::large, Sizes::large_space),
    Subject::new("land-small", land::small, Sizes::small_space),
    Subject::new("parts-small", parts::small, Sizes::small_space),
    Subject::new("pack", pack::section, Sizes::small_space),
    Subject::new("publish", publish::section, |_| publish::SPACE),
    Subject::new("curve", curve::section, Sizes::curve_space),
];

fn main() -> ExitCode {
    if let Some(code) = shot::as_gun().or_else(pack::as_packer) {
        return code;
    }
    match run() {
        Ok(code) => code,
        Err(e) => {
            println!("{e}");
            ExitCode::FAILURE
        }
    }
}

fn run() -> Result<ExitCode> {
    let chosen = chosen()?;
    let ground = Ground::new(Sizes::asked()?)?;
    let mut sheet = Sheet::begin(&machine::describe(&ground)?)?;
    let mut failures = 0;
    for subject in chosen {
        let (name, began) = (subject.name, Instant::now());
        let outcome = subject.section(&ground);
        failures += usize::from(outcome.is_err());
        sheet.add(&outcome.unwrap_or_else(|e| Section::failed(name, &e)))?;
        println!("({name} took {:.0} s)\n", began.elapsed().as_secs_f64());
    }
    println!("as Markdown: {}", sheet.place().display());
    Ok(if failures == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// The subjects that the arguments name by how they begin; all if there are none.
fn chosen() -> Result<Vec<Subject>> {
    // Cargo's own `--bench` is among the arguments.
    let words: Vec<String> = std::env::args().skip(1).filter(|arg| !arg.starts_with('-')).collect();
    let names = || SUBJECTS.map(|subject| subject.name).join(", ");
    if let Some(none) =
        words.iter().find(|word| !SUBJECTS.iter().any(|s| s.name.starts_with(*word)))
    {
        return Err(Error::new(format!("no subject is called `{none}`: there are {}", names())));
    }
    let picked = |name: &str| words.is_empty() || words.iter().any(|word| name.starts_with(word));
    Ok(SUBJECTS.into_iter().filter(|subject| picked(subject.name)).collect())
}

/// Puts what was being done before its cause.
pub(crate) fn failed<E: Display>(what: impl Display) -> impl FnOnce(E) -> Error {
    move |cause| Error::new(format!("{what}: {cause}"))
}
