//! Is rtorrent there, and which.

use super::{Area, Finding};
use crate::{
    error::one_line,
    process::{self, Children},
    rtorrent::{Address, Client},
};

/// A version of rtorrent, as far as it has numbers.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(super) struct Version {
    numbers: [u32; 3],
    /// As it names itself.
    pub(super) text: String,
}

impl Version {
    /// Reads `0.9.8`; what has no numbers has zeros.
    pub(super) fn parse(text: &str) -> Self {
        let mut parts = text.split('.').map(|part| {
            let end = part.find(|c: char| !c.is_ascii_digit()).unwrap_or(part.len());
            part[..end].parse().unwrap_or(0)
        });
        let numbers = [(); 3].map(|()| parts.next().unwrap_or(0));
        Self { numbers, text: one_line(text) }
    }

    /// While it waits for a hook it answers nobody: measured on 0.15.7 and 0.16; 0.9.8 does.
    pub(super) fn waits_alone(&self) -> bool {
        self.numbers > [0, 9, 8]
    }

    /// A program that is not there is an error even under `nothrow`: measured on 0.16.
    pub(super) fn throws_for_missing(&self) -> bool {
        self.numbers >= [0, 16, 0]
    }

    /// Every scenario of the tests runs on it.
    fn is_known(&self) -> bool {
        self.numbers == [0, 9, 8] || self.numbers[..2] == [0, 16]
    }
}

/// What was found of it.
pub(super) struct Reached {
    pub(super) findings: Vec<Finding>,
    /// None if it does not answer.
    pub(super) version: Option<Version>,
    /// Its process, if that is known.
    pub(super) pid: Option<u32>,
}

/// Asks it for its name.
pub(super) fn look(rtorrent: &Client) -> Reached {
    let listener = rtorrent.listener();
    let heard = listener.and_then(|listener| listener.pid);
    match rtorrent.version() {
        Ok(text) => {
            let version = Version::parse(&text);
            let pid = rtorrent.pid().ok().or(heard);
            Reached {
                findings: vec![judged(&version, rtorrent.address())],
                version: Some(version),
                pid,
            }
        }
        Err(error) => {
            let mut findings = vec![Finding::failed(Area::Rtorrent, "rtorrent", &error)];
            let children = heard.and_then(process::children);
            findings.extend(children.as_ref().and_then(waiting_for_a_hook));
            Reached { findings, version: None, pid: heard }
        }
    }
}

fn judged(version: &Version, address: &Address) -> Finding {
    let says = format!("rtorrent {} answers at {}", version.text, address);
    match version {
        known if known.is_known() => Finding::ok(Area::Rtorrent, "rtorrent", says),
        old if old.numbers < [0, 9, 8] => Finding::warning(Area::Rtorrent, "rtorrent", says)
            .because("it is older than any that was tested, 0.9.8")
            .cured_by("install Debian's rtorrent, 0.9.8 or 0.16"),
        new if new.numbers >= [0, 17, 0] => Finding::warning(Area::Rtorrent, "rtorrent", says)
            .because("it is newer than any that was tested, 0.16")
            .cured_by("let a release land on a test host before you rely on it"),
        _ => Finding::note(Area::Rtorrent, "rtorrent", says)
            .because("tested are 0.9.8 and 0.16")
            .cured_by("let a release land on a test host before you rely on it"),
    }
}

/// It is silent, and one of its children is a hook: it waits for that, and that for it.
fn waiting_for_a_hook(children: &Children) -> Option<Finding> {
    let is_hook = |line: &[String]| {
        line.iter().any(|word| word.ends_with("seedship"))
            && line.iter().any(|word| word == "finished")
    };
    let (pid, _) = children.running.iter().find(|(_, line)| is_hook(line))?;
    let says = format!("a hook runs, process {pid}, and rtorrent may be waiting for its end");
    Some(
        Finding::warning(Area::Rtorrent, "rtorrent-waits", says)
            .because("a hook in the foreground asks rtorrent back: each waits for the other")
            .cured_by(format!("kill {pid}, then `seedship doctor --fix`")),
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::doctor::Level;

    #[test]
    fn versions_compare_by_their_numbers() {
        let of = Version::parse;
        assert!(!of("0.9.8").waits_alone() && of("0.9.8").is_known());
        assert!(of("0.15.7").waits_alone() && !of("0.15.7").throws_for_missing());
        assert!(of("0.16.17").throws_for_missing() && of("0.16.20").is_known());
        assert!(!of("0.17.1").is_known() && !of("0.9.6").is_known() && !of("").is_known());
        assert_eq!(of("0.9.8-git\n").numbers, [0, 9, 8]);
        assert_eq!(of("0.9.8\n").text, "0.9.8\\x0A");
    }

    #[test]
    fn what_was_not_tested_is_said() {
        let level = |version| {
            judged(&Version::parse(version), &Address::Tcp("127.0.0.1:5000".into())).level
        };
        assert_eq!(["0.9.8", "0.16.17"].map(level), [Level::Ok; 2]);
        assert_eq!(["0.9.6", "0.17.0", "1.0.0"].map(level), [Level::Warning; 3]);
        assert_eq!(["0.10.0", "0.15.7"].map(level), [Level::Note; 2]);
    }

    #[test]
    fn a_silent_rtorrent_with_a_hook_waits_for_it() {
        let child = |line: &str| (7, line.split(' ').map(str::to_owned).collect());
        let of = |line| Children { zombies: 0, running: vec![child(line)] };
        let found = waiting_for_a_hook(&of("/usr/bin/seedship finished AB")).unwrap();
        assert!(found.says.contains("process 7"), "{found:?}");
        assert_eq!(waiting_for_a_hook(&of("/usr/bin/seedship sweep")), None);
        assert_eq!(waiting_for_a_hook(&of("/bin/sh -c x")), None);
    }
}
