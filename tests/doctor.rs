//! `seedship doctor`: what it finds, made for real, and what its cures do.

mod around;
mod binding;
mod roots;
mod screens;

use crate::host::{Host, Run};
use serde_json::Value;

/// What doctor found.
pub(crate) struct Found {
    pub(crate) code: i32,
    pub(crate) all: Value,
}

impl Found {
    /// Types `seedship doctor … --json` on a host.
    pub(crate) fn of(host: &Host<'_>, more: &[&str]) -> Self {
        Self::from(Run::of(
            host.command(&[&["doctor"], more, &["--json"]].concat()).output().unwrap(),
        ))
    }

    /// Reads an answer; whatever is not well has a cause and a cure, of one line each.
    pub(crate) fn from(run: Run) -> Self {
        let all: Value = serde_json::from_str(&run.stdout)
            .unwrap_or_else(|e| panic!("{e}: {}{}", run.stdout, run.stderr));
        for finding in all["findings"].as_array().unwrap_or_else(|| panic!("{all:#}")) {
            let said = ["cause", "cure"].map(|key| finding[key].as_str().unwrap_or_default());
            let is_well = finding["level"] == "ok";
            assert!(is_well != said.iter().all(|text| !text.is_empty()), "{finding:#}");
            assert!(said.iter().all(|text| !text.contains('\n')), "{finding:#}");
            assert_eq!(finding["level"] == "fault", finding["exit"].is_number(), "{finding:#}");
        }
        let found = Self { code: run.code, all };
        let first = found.findings().iter().find(|f| f["level"] == "fault");
        let exit = first.map_or(0, |fault| fault["exit"].as_i64().unwrap());
        assert_eq!(i64::from(run.code), exit, "the first fault's: {:#}", found.all);
        found
    }

    fn findings(&self) -> &[Value] {
        self.all["findings"].as_array().unwrap()
    }

    /// How well something is; "" if nothing was told of it.
    pub(crate) fn level(&self, id: &str) -> &str {
        let found = self.findings().iter().find(|finding| finding["id"] == id);
        found.map_or("", |finding| finding["level"].as_str().unwrap())
    }

    /// Everything that is told of something, in one text.
    pub(crate) fn told(&self, id: &str) -> String {
        let found = self.findings().iter().find(|finding| finding["id"] == id);
        let found = found.unwrap_or_else(|| panic!("no {id}: {:#}", self.all));
        let parts = ["says", "cause", "cure"].map(|key| found[key].as_str().unwrap_or_default());
        parts.join(" | ")
    }

    /// Something is so, and says this.
    #[track_caller]
    pub(crate) fn is(&self, id: &str, level: &str, says: &str) {
        assert_eq!(self.level(id), level, "{id}: {:#}", self.all);
        let told = self.told(id);
        assert!(told.contains(says), "{says} is not in: {told}");
    }

    /// The ids of all faults.
    pub(crate) fn faults(&self) -> Vec<&str> {
        let faults = self.findings().iter().filter(|finding| finding["level"] == "fault");
        faults.map(|finding| finding["id"].as_str().unwrap()).collect()
    }
}
