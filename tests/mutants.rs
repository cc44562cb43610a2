//! The mutation gate: each promise of the durable order is taken out of the source, one at a time,
//! and some test must fail.
//!
//! `make mutants` runs it; it builds the package once for each line of the table. That each line still
//! fits its file is an ordinary test.

mod gate;
mod table;

use std::{collections::BTreeSet, fs};
use table::MUTANTS;

#[test]
fn every_mutant_still_fits_its_file() {
    let (mut names, mut lost) = (BTreeSet::new(), Vec::new());
    for mutant in MUTANTS {
        assert!(names.insert(mutant.name), "{}: two mutants of this name", mutant.name);
        assert_ne!(mutant.takes, mutant.gives, "{}: nothing is changed", mutant.name);
        let text = fs::read_to_string(lab::workspace().join(mutant.file)).unwrap();
        let found = text.matches(mutant.takes).count();
        if found != 1 {
            lost.push(format!("{}: {found} times in {}", mutant.name, mutant.file));
        }
    }
    assert!(lost.is_empty(), "the text does not occur once:\n{}", lost.join("\n"));
}

#[test]
#[ignore = "builds the package once for each mutant: `make mutants`"]
fn each_is_caught() {
    gate::run(MUTANTS);
}
