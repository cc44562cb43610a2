//! Would a reload in `[run]` kill php requests.
//!
//! `systemctl reload php8.2-fpm` sends SIGUSR2; with `process_control_timeout = 0`, Debian's default,
//! php-fpm ends its workers at once, and each request in flight is answered by 502 (measured; with
//! 10 s none was).

use super::{Area, Finding};
use crate::{
    bounded,
    config::Config,
    error::{escaped, quoted},
};
use std::{
    fs,
    path::{Path, PathBuf},
};

/// The largest configuration file that is read.
const LARGEST: u64 = 1 << 20;
/// `include=` within `include=`.
const DEPTH: u32 = 4;

/// Looks at every command that reloads php-fpm, and at how that is configured below `php`.
pub(super) fn look(config: &Config, php: &Path) -> Vec<Finding> {
    let mut found = Vec::new();
    for app in &config.apps {
        let run = &app.run;
        let all = [&run.prepare, &run.activated, &run.check].into_iter().flatten();
        let reloading = all.filter_map(|argv| reloaded(argv).map(|unit| (argv, unit)));
        for (argv, unit) in reloading {
            let command = escaped(argv.join(" ").as_bytes());
            found.push(judged(&command, &unit, php).of_app(&app.name));
        }
    }
    found
}

/// The php-fpm that a command reloads: `php8.2-fpm`.
fn reloaded(argv: &[String]) -> Option<String> {
    let words = || argv.iter().flat_map(|word| word.split_whitespace());
    let acts =
        |word: &str| ["reload", "try-reload-or-restart", "reload-or-restart"].contains(&word);
    let signals = |word: &str| word.ends_with("USR2");
    let unit = words().find(|word| word.contains("php") && word.contains("fpm"))?;
    words().any(|word| acts(word) || signals(word)).then(|| {
        let name = unit.rsplit('/').next().unwrap_or(unit);
        name.trim_end_matches(".service").to_owned()
    })
}

fn judged(command: &str, unit: &str, php: &Path) -> Finding {
    let says = format!("`{command}` reloads php-fpm");
    let files = files(unit, php);
    let patient = |file: &PathBuf| setting(file, DEPTH).is_some_and(|time| !is_zero(&time));
    match files.iter().find(|file| !patient(file)) {
        None if files.is_empty() => Finding::note(Area::App, "reload", says)
            .because(format!("its configuration was not found below {}", quoted(php)))
            .cured_by("process_control_timeout must not be 0; best reload nothing"),
        None => Finding::ok(Area::App, "reload", says + ", which waits for its requests"),
        Some(file) => Finding::warning(Area::App, "reload", says)
            .because(format!(
                "process_control_timeout is 0 in {}: requests are killed",
                quoted(file)
            ))
            .cured_by("take it out ($realpath_root in nginx needs no reload), or set it to 10s"),
    }
}

/// The main files of that php-fpm, or of all where the name tells no version.
fn files(unit: &str, php: &Path) -> Vec<PathBuf> {
    let version: String = unit.chars().filter(|c| c.is_ascii_digit() || *c == '.').collect();
    let versions = fs::read_dir(php).into_iter().flatten().flatten().map(|entry| entry.path());
    let wanted = |path: &PathBuf| version.is_empty() || path.ends_with(&version);
    let mut files: Vec<PathBuf> = versions
        .filter(wanted)
        .map(|version| version.join("fpm/php-fpm.conf"))
        .filter(|file| file.is_file())
        .collect();
    files.sort();
    files
}

/// What `process_control_timeout` is set to, the last one in order of reading.
fn setting(file: &Path, depth: u32) -> Option<String> {
    let text = String::from_utf8_lossy(&bounded::read(file, LARGEST).ok()?).into_owned();
    let mut found = None;
    for line in text.lines() {
        let line = line.split(';').next().unwrap_or_default();
        let Some((key, value)) = line.split_once('=') else { continue };
        let value = value.trim().trim_matches('"');
        match key.trim() {
            "process_control_timeout" => found = Some(value.to_owned()),
            "include" if depth > 0 => {
                let more = included(Path::new(value));
                found = more.iter().rev().find_map(|file| setting(file, depth - 1)).or(found);
            }
            _ => {}
        }
    }
    found
}

/// `/etc/php/8.2/fpm/pool.d/*.conf`, the only form of pattern that Debian ships.
fn included(pattern: &Path) -> Vec<PathBuf> {
    let (Some(directory), Some(name)) = (pattern.parent(), pattern.file_name()) else {
        return Vec::new();
    };
    let Some(suffix) = name.to_str().and_then(|name| name.strip_prefix('*')) else {
        return vec![pattern.to_owned()];
    };
    let entries = fs::read_dir(directory).into_iter().flatten().flatten();
    let names = entries.map(|entry| entry.path());
    let mut files: Vec<PathBuf> =
        names.filter(|path| path.to_string_lossy().ends_with(suffix)).collect();
    files.sort();
    files
}

fn is_zero(time: &str) -> bool {
    let number = time.trim_end_matches(|c: char| c.is_ascii_alphabetic());
    number.trim().parse::<u64>().unwrap_or(0) == 0
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::doctor::Level;

    #[test]
    fn what_reloads_php_is_known_by_its_words() {
        let of = |line: &str| {
            let argv: Vec<String> = line.split(' ').map(str::to_owned).collect();
            reloaded(&argv)
        };
        let unit = Some("php8.2-fpm".to_owned());
        assert_eq!(of("sudo -n systemctl reload php8.2-fpm"), unit);
        assert_eq!(of("systemctl reload-or-restart php8.2-fpm.service"), unit);
        assert_eq!(of("service php8.2-fpm reload"), unit);
        assert_eq!(of("/etc/init.d/php8.2-fpm reload"), unit);
        assert_eq!(of("pkill -USR2 php-fpm"), Some("php-fpm".into()));
        assert_eq!(of("sh -c x"), None);
        assert_eq!(of("systemctl reload nginx"), None);
        assert_eq!(of("systemctl status php8.2-fpm"), None);
        let shell = ["sh", "-c", "systemctl reload php8.2-fpm"].map(str::to_owned);
        assert_eq!(reloaded(&shell), unit);
    }

    #[test]
    fn debians_default_kills_and_a_time_does_not() {
        let dir = tempfile::tempdir().unwrap();
        let pools = dir.path().join("8.2/fpm/pool.d");
        fs::create_dir_all(&pools).unwrap();
        let main = dir.path().join("8.2/fpm/php-fpm.conf");
        let level = |text: &str| {
            fs::write(&main, text).unwrap();
            judged("systemctl reload php8.2-fpm", "php8.2-fpm", dir.path()).level
        };
        assert_eq!(level(";process_control_timeout = 0\n"), Level::Warning);
        assert_eq!(level("process_control_timeout = 0\n"), Level::Warning);
        assert_eq!(level("process_control_timeout=0s ; none\n"), Level::Warning);
        assert_eq!(level("[global]\nprocess_control_timeout = 10s\n"), Level::Ok);
        let include = format!("include={}/*.conf\n", pools.display());
        assert_eq!(level(&include), Level::Warning);
        fs::write(pools.join("www.conf"), "process_control_timeout = 10\n").unwrap();
        assert_eq!(level(&include), Level::Ok);
        let other = judged("systemctl reload php7.4-fpm", "php7.4-fpm", dir.path());
        assert_eq!(other.level, Level::Note, "it is not installed here");
        let any = judged("pkill -USR2 php-fpm", "php-fpm", dir.path());
        assert_eq!(any.level, Level::Ok);
    }
}
