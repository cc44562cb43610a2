//! What `seedship man` and `seedship completions` print, read by the programs that they are for.

use crate::{
    host::{Run, SEEDSHIP},
    screens::reviewed,
};
use lab::{Lab, as_root, skip};
use std::{
    fs,
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

/// The binary with nothing of a configuration: neither needs one.
fn seedship(args: &[&str]) -> Run {
    let mut command = Command::new(SEEDSHIP);
    command.args(args).env("SEEDSHIP_CONFIG", "/nowhere/config.toml").env_remove("COLUMNS");
    Run::of(command.output().unwrap())
}

/// Whether a program is not there; says so.
pub(crate) fn is_missing(program: &str) -> bool {
    let found = Command::new("sh").args(["-c", &format!("command -v {program}")]).output().unwrap();
    if !found.status.success() {
        skip(format!("{program} is not installed"));
    }
    !found.status.success()
}

/// Every page, written into a new directory.
fn pages(lab: &Lab) -> Vec<PathBuf> {
    let folder = lab.folder("man").unwrap();
    let run = seedship(&["man", "--to", folder.to_str().unwrap()]);
    assert_eq!((run.code, run.stdout.as_str(), run.stderr.as_str()), (0, "", ""));
    let mut pages: Vec<PathBuf> =
        fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    pages.sort();
    assert!(pages.len() > 15, "{pages:?}");
    pages
}

fn name(page: &Path) -> &str {
    page.file_name().unwrap().to_str().unwrap()
}

/// A page as a person reads it, 80 columns wide, without the lines at its top and bottom, which
/// differ between versions of groff, and without what is only distance.
fn read(page: &Path) -> String {
    let mut man = Command::new("man");
    man.args(["--warnings", "-E", "UTF-8", "-P", "cat", "-l"]).arg(page);
    man.env("MANWIDTH", "80").env("LC_ALL", "C.UTF-8").env_remove("MAN_KEEP_FORMATTING");
    man.env_remove("MANOPT").env_remove("MANROFFOPT").env_remove("GROFF_NO_SGR");
    let run = Run::of(man.output().unwrap());
    assert_eq!((run.code, run.stderr.as_str()), (0, ""), "{}", name(page));
    for line in run.stdout.lines() {
        assert!(line.chars().count() <= 80, "{}: {line}", name(page));
    }
    let mut text = String::new();
    let lines: Vec<&str> = run.stdout.trim().lines().collect();
    for line in &lines[1..lines.len() - 1] {
        if !line.is_empty() || !text.ends_with("\n\n") {
            text.push_str(&format!("{}\n", line.trim_end()));
        }
    }
    text.trim().to_owned() + "\n"
}

/// Pages that are kept as they were read last.
const REVIEWED: [&str; 5] =
    ["seedship", "seedship-rollback", "seedship-status", "seedship-finished", "seedship-monitor"];

#[test]
fn man_reads_every_page_without_a_warning() {
    if is_missing("man") {
        return;
    }
    let lab = Lab::new().unwrap();
    let mut sections = String::new();
    for page in pages(&lab) {
        let text = read(&page);
        let titles = text.lines().filter(|line| line.starts_with(|c: char| c.is_uppercase()));
        let titles: Vec<&str> = titles.collect();
        sections.push_str(&format!("{}: {}\n", name(&page), titles.join(", ")));
        let stem = name(&page).trim_end_matches(".1");
        if REVIEWED.contains(&stem) {
            reviewed(&format!("manual-page-{stem}"), &text);
        }
    }
    reviewed("manual-sections", &sections);
}

/// What whatis(1) and apropos(1) know a page by.
#[test]
fn every_page_can_be_found_by_its_name() {
    if is_missing("lexgrog") {
        return;
    }
    let lab = Lab::new().unwrap();
    let mut found = String::new();
    for page in pages(&lab) {
        let run = Run::of(Command::new("lexgrog").arg(&page).output().unwrap());
        assert_eq!(run.code, 0, "{run:?}");
        let line = run.stdout.split_once(": ").unwrap().1.trim_matches(['"', '\n']);
        let stem = name(&page).rsplit_once('.').unwrap().0;
        assert!(line.starts_with(&format!("{stem} - ")), "{line}");
        found.push_str(&format!("{line}\n"));
    }
    reviewed("manual-whatis", &found);
}

#[test]
fn a_page_is_printed_or_written_and_is_the_same() {
    let lab = Lab::new().unwrap();
    for page in pages(&lab) {
        let words = name(&page).rsplit_once('.').unwrap().0.replacen("seedship", "", 1);
        let words = if name(&page).ends_with(".5") { "config.toml".into() } else { words };
        let words: Vec<&str> = words.split('-').filter(|word| !word.is_empty()).collect();
        let run = seedship(&[&["man"], &words[..]].concat());
        assert_eq!((run.code, run.stdout), (0, fs::read_to_string(&page).unwrap()), "{words:?}");
    }
    // Again over what is there; nothing half written stays.
    let before = pages(&lab);
    assert_eq!(pages(&lab), before);
}

#[test]
fn a_page_that_there_is_not_is_told_with_those_there_are() {
    let run = seedship(&["man", "nosuch"]);
    assert_eq!((run.code, run.stdout.as_str()), (64, ""));
    assert!(run.stderr.contains("the page of `nosuch`: there is no such command\n"), "{run:?}");
    assert!(run.stderr.contains("hint: there are pages of status, "), "{run:?}");
    assert!(run.stderr.contains("torrent verify"), "{run:?}");
    assert_eq!(seedship(&["man", "torrent", "nosuch"]).code, 64);
}

#[test]
fn a_directory_that_will_not_do_is_told() {
    let lab = Lab::new().unwrap();
    let to = |path: &Path| seedship(&["man", "--to", path.to_str().unwrap()]);
    let missing = to(&lab.path().join("none"));
    assert_eq!(missing.code, 73);
    assert!(
        missing.stderr.contains("there is no such directory\n  hint: mkdir -p /"),
        "{missing:?}"
    );
    let file = to(&lab.write("file", "").unwrap());
    assert_eq!(file.code, 73, "{file:?}");
    assert!(file.stderr.contains("it is no directory"), "{file:?}");
    let full = to(Path::new("/proc/self"));
    assert!([74, 77].contains(&full.code), "nothing can be made there: {full:?}");
    if as_root() {
        return skip("root may write everywhere");
    }
    let closed = lab.folder("closed").unwrap();
    fs::set_permissions(&closed, fs::Permissions::from_mode(0o555)).unwrap();
    let run = to(&closed);
    assert_eq!(run.code, 77, "{run:?}");
    assert!(fs::read_dir(&closed).unwrap().next().is_none());
}

#[test]
fn help_is_as_it_was_read_last() {
    let commands =
        ["", "status", "monitor", "rollback", "hold", "finished", "torrent", "config check"];
    for command in commands {
        let words: Vec<&str> = command.split_whitespace().collect();
        let name = if words.is_empty() { "seedship".to_owned() } else { words.join("-") };
        for flag in ["-h", "--help"] {
            let run = seedship(&[&words[..], &[flag]].concat());
            assert_eq!((run.code, run.stderr.as_str()), (0, ""));
            // clap leaves spaces on empty lines.
            let lines: Vec<&str> = run.stdout.lines().map(str::trim_end).collect();
            reviewed(&format!("manual-{name}{flag}"), &(lines.join("\n") + "\n"));
        }
    }
}

/// The one list of exit codes outside of the program.
#[test]
fn the_readme_tells_every_exit_code() {
    let readme = fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/README.md")).unwrap();
    let told = readme.split_once("Exit codes").unwrap().1.split_once("\n\n").unwrap().0;
    for exit in seedship::error::Exit::ALL {
        let code = exit.code().to_string();
        let mut numbers = told.split(|c: char| !c.is_ascii_digit());
        assert!(numbers.any(|number| number == code), "{code}: {told}");
    }
}

/// A shell that is asked, with the binary in its path and a home of its own.
fn shell(lab: &Lab, program: &str, script: &str) -> Vec<String> {
    let bin = Path::new(SEEDSHIP).parent().unwrap().display().to_string();
    let path = format!("{bin}:{}", std::env::var("PATH").unwrap());
    let mut shell = Command::new(program);
    shell.args(["-c", script]).env("PATH", path).env("HOME", lab.path()).stdin(Stdio::null());
    let run = Run::of(shell.output().unwrap());
    assert_eq!((run.code, run.stderr.as_str()), (0, ""), "{program}: {}", run.stdout);
    run.stdout.lines().map(|line| line.split('\t').next().unwrap().to_owned()).collect()
}

#[test]
fn bash_completes_commands_and_options() {
    if is_missing("bash") {
        return;
    }
    let lab = Lab::new().unwrap();
    let complete = |line: &str, last: &str| {
        let script = format!(
            "source <(seedship completions bash); COMP_WORDS=({line} '{last}'); \
             COMP_CWORD=$((${{#COMP_WORDS[@]}} - 1)); _seedship seedship '{last}' ''; \
             printf '%s\\n' \"${{COMPREPLY[@]}}\""
        );
        shell(&lab, "bash", &script)
    };
    assert_eq!(complete("seedship", "ro"), ["rollback"]);
    assert_eq!(complete("seedship", "h"), ["history", "hold", "help"]);
    assert_eq!(complete("seedship torrent", "v"), ["verify"]);
    let options = complete("seedship rollback shop", "--");
    let all = ["--to", "--keep-good", "--no-run", "--dry-run", "--config", "--json", "--help"];
    assert_eq!(options, all);
    assert_eq!(complete("seedship completions", "f"), ["fish"]);
}

#[test]
fn fish_completes_commands_and_options() {
    if is_missing("fish") {
        return;
    }
    let lab = Lab::new().unwrap();
    let complete = |line: &str| {
        let script = format!("seedship completions fish | source; complete -C '{line}'");
        shell(&lab, "fish", &script)
    };
    assert_eq!(complete("seedship ro"), ["rollback"]);
    assert_eq!(complete("seedship torrent v"), ["verify"]);
    let mut options = complete("seedship rollback shop --");
    options.sort();
    let all = ["--config", "--dry-run", "--help", "--json", "--keep-good", "--no-run", "--to"];
    assert_eq!(options, all);
}

#[test]
fn a_shell_that_there_is_not_is_told_with_those_there_are() {
    let run = seedship(&["completions", "nosuch"]);
    assert_eq!(run.code, 64);
    for known in ["bash", "zsh", "fish"] {
        assert!(run.stderr.contains(known), "{run:?}");
    }
}
