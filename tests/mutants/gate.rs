//! Builds and tests the package with one mutant after the other, in copies of the sources.
//!
//! Each copy has a target of its own, which begins with what ours has built of other packages, so
//! that only this workspace's own are built in it. First the tests run that the table names, then,
//! if none of them fails, all unit tests of the package.

use super::table::{Catch, Mutant};
use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
    sync::{
        Mutex,
        atomic::{AtomicUsize, Ordering::Relaxed},
    },
    thread,
    time::Instant,
};

/// One for each core of the smallest machine that this is run on.
const COPIES: usize = 2;

/// What became of a mutant.
enum Fate {
    Caught(String),
    Survived,
    /// It does not compile, with what the compiler says.
    NoProgram(String),
}

/// Runs every mutant, or those whose names contain one of the words in `$MUTANT`, `|` between them.
pub(super) fn run(mutants: &[Mutant]) {
    let asked = std::env::var("MUTANT").unwrap_or_default();
    let is_asked = |mutant: &&Mutant| asked.split('|').any(|word| mutant.name.contains(word));
    let mutants: Vec<&Mutant> = mutants.iter().filter(is_asked).collect();
    let scratch = tempfile::Builder::new().prefix("seedship-mutants-").tempdir().unwrap();
    let (next, failed) = (AtomicUsize::new(0), Mutex::new(Vec::new()));
    let began = Instant::now();
    thread::scope(|scope| {
        for number in 0..COPIES.min(mutants.len()) {
            let place = scratch.path().join(number.to_string());
            let (next, failed, mutants) = (&next, &failed, &mutants);
            scope.spawn(move || {
                let copy = Copy::of(&place);
                while let Some(mutant) = mutants.get(next.fetch_add(1, Relaxed)) {
                    if let Err(why) = copy.judge(mutant) {
                        failed.lock().unwrap().push(format!("{}: {why}", mutant.name));
                    }
                }
            });
        }
    });
    let failed = failed.into_inner().unwrap();
    println!("{} mutants, {} s", mutants.len(), began.elapsed().as_secs());
    assert!(failed.is_empty(), "\n{}", failed.join("\n"));
}

/// A copy of the sources, and a target of its own.
struct Copy {
    sources: PathBuf,
    target: PathBuf,
}

impl Copy {
    fn of(place: &Path) -> Self {
        let copy = Self { sources: place.join("sources"), target: place.join("target") };
        let target = copy.target.join("debug");
        fs::create_dir_all(&copy.sources).unwrap();
        fs::create_dir_all(&target).unwrap();
        for entry in fs::read_dir(lab::workspace()).unwrap() {
            let name = entry.unwrap().file_name().into_string().unwrap();
            if !["target", ".git", ".lab", "fuzz"].contains(&name.as_str()) {
                clone(&lab::workspace().join(&name), &copy.sources);
            }
        }
        let built = std::env::current_exe().unwrap();
        let built = built.ancestors().nth(2).unwrap();
        for part in ["deps", "build", ".fingerprint"] {
            clone(&built.join(part), &target);
        }
        copy
    }

    fn judge(&self, mutant: &Mutant) -> Result<(), String> {
        let began = Instant::now();
        let file = self.sources.join(mutant.file);
        let text = fs::read_to_string(&file).unwrap();
        fs::write(&file, text.replacen(mutant.takes, mutant.gives, 1)).unwrap();
        let fate = self.fate(mutant);
        fs::write(&file, text).unwrap();
        let told = match (&fate, mutant.caught) {
            (Fate::Caught(by), Catch::By(_)) => Ok(format!("by {by}")),
            (Fate::NoProgram(_), Catch::Compiler) => Ok("by the compiler".to_owned()),
            (Fate::Caught(by), Catch::Compiler) => Err(format!("it compiles, and {by} fails")),
            (Fate::NoProgram(error), Catch::By(_)) => Err(format!("it does not compile: {error}")),
            (Fate::Survived, _) => Err(format!("survives, though {}", mutant.breaks)),
        };
        let (name, seconds) = (mutant.name, began.elapsed().as_secs());
        match &told {
            Ok(by) => println!("caught   {name:<44} {by} ({seconds} s)"),
            Err(why) => println!("MISSED   {name:<44} {why} ({seconds} s)"),
        }
        told.map(|_| ())
    }

    fn fate(&self, mutant: &Mutant) -> Fate {
        let Catch::By(tests) = mutant.caught else { return self.tested("none()") };
        match self.tested(tests) {
            Fate::Survived => self.tested("all()"),
            fate => fate,
        }
    }

    /// Runs these unit tests of the package until one fails.
    fn tested(&self, tests: &str) -> Fate {
        let nextest =
            Command::new(lab::workspace().join("scripts/tool")).arg("cargo-nextest").output();
        let nextest = String::from_utf8(nextest.unwrap().stdout).unwrap();
        let ran = Command::new(nextest.trim())
            .args([
                "nextest",
                "run",
                "--profile",
                "mutants",
                "--package",
                "seedship",
                "--lib",
                "--fail-fast",
            ])
            .args(["--features", "seedship/checkpoints", "--offline", "--no-tests", "pass"])
            .args(["--status-level", "fail", "--color", "never", "-E", tests])
            .current_dir(&self.sources)
            .env("CARGO_TARGET_DIR", &self.target)
            // A mutant that only changes how much there is to try is not caught by a document.
            .env("UPDATE_DOCS", "1")
            .output()
            .unwrap();
        let said = String::from_utf8_lossy(&ran.stderr).into_owned();
        let failed =
            |line: &&str| ["FAIL [", "TIMEOUT [", "SIGABRT ["].iter().any(|w| line.contains(w));
        match ran.status.code() {
            Some(0) => Fate::Survived,
            Some(100) => {
                let line = said.lines().find(failed).unwrap_or_default();
                Fate::Caught(line.rsplit(' ').next().unwrap_or_default().to_owned())
            }
            _ => {
                let error = said.lines().find(|line| line.starts_with("error"));
                Fate::NoProgram(error.unwrap_or(&said).to_owned())
            }
        }
    }
}

fn clone(from: &Path, into: &Path) {
    let copied = Command::new("cp").args(["-a", "--reflink=auto"]).arg(from).arg(into).status();
    assert!(copied.unwrap().success(), "{} could not be copied", from.display());
}
