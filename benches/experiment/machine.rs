//! What it was measured on and with: a number without this says nothing.

use lab::{Result, nginx, php, site::run};
use std::{fs, path::Path, process::Command};

/// What matters of PHP's settings, as the system's own `php.ini` has them.
const SETTINGS: [&str; 6] = [
    "realpath_cache_size",
    "realpath_cache_ttl",
    "opcache.enable",
    "opcache.validate_timestamps",
    "opcache.revalidate_freq",
    "opcache.revalidate_path",
];

/// Several lines, for the head of a report.
pub(crate) fn description() -> Result<String> {
    let cpu = cpu();
    let system = fs::read_to_string("/etc/os-release").unwrap_or_default();
    let system = value(&system, "PRETTY_NAME", '=').trim_matches('"').to_owned();
    let values = php::settings(&SETTINGS)?;
    let settings: Vec<_> =
        SETTINGS.iter().zip(values).map(|(name, value)| format!("{name}={value}")).collect();
    let settings: Vec<_> = settings.chunks(2).map(|two| two.join(" ")).collect();
    Ok(format!(
        "system   {system}, Linux {}\ncpu      {} × {}\nflags    {}\nTMPDIR   {}\nnginx    {}\n\
         php      {}\n         {}\nwrk      {}\nln       {}\nbusybox  {}",
        kernel(),
        std::thread::available_parallelism().map_or(1, usize::from),
        value(&cpu, "model name", ':'),
        flags(&cpu),
        file_system(&std::env::temp_dir())?,
        nginx::version()?.trim_start_matches("nginx/"),
        word(1, &php::version()?),
        settings.join("\n         "),
        // It says its version and fails.
        word(1, &first_line(&output("wrk", &["-v"]))),
        first_line(&output("ln", &["--version"])).trim_start_matches("ln "),
        word(1, &first_line(&output("busybox", &[]))),
    ))
}

/// The type of the file system that holds a path.
pub(crate) fn file_system(path: &Path) -> Result<String> {
    let said = run(Command::new("df").arg("--output=fstype").arg(path))?;
    Ok(String::from_utf8_lossy(&said).lines().nth(1).unwrap_or("?").trim().to_owned())
}

fn cpu() -> String {
    fs::read_to_string("/proc/cpuinfo").unwrap_or_default()
}

/// Those that hashing and decoding use.
fn flags(cpu: &str) -> String {
    const TELLING: [&str; 4] = ["sse4_2", "avx2", "avx512f", "sha_ni"];
    let flags = value(cpu, "flags", ':');
    let has: Vec<&str> =
        TELLING.into_iter().filter(|flag| flags.split(' ').any(|one| one == *flag)).collect();
    if has.is_empty() { format!("none of {}", TELLING.join(" ")) } else { has.join(" ") }
}

/// The kernel's version without what a builder added.
fn kernel() -> String {
    let release = first_line(&output("uname", &["-r"]));
    release.split('.').take(2).collect::<Vec<_>>().join(".")
}

/// The first value of a name in a file of `name: value` lines.
fn value<'t>(text: &'t str, name: &str, separator: char) -> &'t str {
    let mut pairs = text.lines().filter_map(|line| line.split_once(separator));
    pairs.find(|(left, _)| left.trim() == name).map_or("?", |(_, value)| value.trim())
}

fn output(program: &str, args: &[&str]) -> Vec<u8> {
    Command::new(program).args(args).output().map(|output| output.stdout).unwrap_or_default()
}

fn word(place: usize, line: &str) -> String {
    line.split(' ').nth(place).unwrap_or("?").to_owned()
}

fn first_line(output: &[u8]) -> String {
    String::from_utf8_lossy(output).lines().next().unwrap_or("?").trim().to_owned()
}
