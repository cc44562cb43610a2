//! The machine and the programs, described so that a table can be read elsewhere.

use crate::{
    Result,
    ground::{Ground, SEEDSHIP},
    sheet::Section,
    verify,
};
use std::{fs, num::NonZero, process::Command, thread};

/// The processor's abilities that hashing and decoding could use.
const FLAGS: [&str; 10] =
    ["sse4_2", "avx", "avx2", "bmi2", "sha_ni", "avx512f", "avx512bw", "avx512vl", "vaes", "sha2"];

/// What was measured on, and with.
pub(crate) fn describe(ground: &Ground) -> Result<Section> {
    let sizes = ground.sizes;
    let first = |program: &str, args: &[&str]| {
        let output = Command::new(program).args(args).output();
        let text = output.map(|output| [output.stdout, output.stderr].concat()).unwrap_or_default();
        let text = String::from_utf8_lossy(&text);
        let line = text.lines().next().unwrap_or("not there");
        // Beside name and version some tell their authors and libraries.
        let short = line.split(" (Library").next().and_then(|line| line.split(", by").next());
        short.unwrap_or(line).trim_matches(['*', ' ']).to_owned()
    };
    let imdl = verify::imdl().map_or_else(|e| e.to_string(), |imdl| first(&imdl, &["--version"]));
    let programs = [
        first(SEEDSHIP, &["--version"]),
        imdl,
        first("tar", &["--version"]),
        first("zstd", &["--version"]),
        first("openssl", &["version"]),
    ];
    let built = if cfg!(debug_assertions) { "NOT OPTIMISED: means nothing" } else { "optimised" };
    let user = if lab::as_root() { "root" } else { "an ordinary user" };
    Ok(Section::new("The machine").lines([
        processor(),
        format!("{}, memory {}", kernel(), memory()),
        format!("file system: {}", file_system(ground)),
        format!("load when it began (1, 5, 15 minutes): {}", load()),
        programs.join(", "),
        format!(
            "{} MiB of large files, {} small files, {} rounds (short ones {}), as {user}; {built}",
            sizes.mib,
            sizes.files,
            sizes.rounds,
            sizes.short_rounds()
        ),
    ]))
}

fn read(file: &str) -> String {
    fs::read_to_string(file).unwrap_or_default().trim().to_owned()
}

fn processor() -> String {
    let text = read("/proc/cpuinfo");
    let value = |key: &str| {
        let line = text.lines().find(|line| line.starts_with(key));
        line.and_then(|line| line.split_once(':')).map_or("", |(_, value)| value.trim()).to_owned()
    };
    // Processors other than x86 call it otherwise.
    let flags = [value("flags"), value("Features")].join(" ");
    let has = |flag: &&str| flags.split_whitespace().any(|one| one == *flag);
    let (there, absent): (Vec<&str>, Vec<&str>) = FLAGS.into_iter().partition(has);
    let cores = thread::available_parallelism().map_or(1, NonZero::get);
    format!(
        "{} (family {}, model {}), {cores} cores; flags: {}; not: {}",
        value("model name"),
        value("cpu family"),
        value("model\t"),
        there.join(" "),
        absent.join(" ")
    )
}

fn memory() -> String {
    let text = read("/proc/meminfo");
    let kib = text.split_whitespace().nth(1).and_then(|kib| kib.parse::<u64>().ok());
    format!("{} GiB", kib.unwrap_or_default().div_ceil(1 << 20))
}

/// The type of the ground's file system; of ext4 also whether it has a journal.
fn file_system(ground: &Ground) -> String {
    let asked = Command::new("findmnt")
        .args(["-rno", "FSTYPE,SOURCE", "-T"])
        .arg(ground.lab.path())
        .output();
    let said = asked.map(|output| String::from_utf8_lossy(&output.stdout).into_owned());
    let said = said.unwrap_or_default();
    let mut words = said.split_whitespace();
    let kind = words.next().unwrap_or("unknown");
    let device = words.next().unwrap_or_default().rsplit('/').next().unwrap_or_default();
    let journals = fs::read_dir("/proc/fs/jbd2").into_iter().flatten().flatten();
    let has_one = |name: &str| name.strip_prefix(device).is_some_and(|rest| rest.starts_with('-'));
    let journal = journals.map(|entry| entry.file_name()).any(|n| has_one(&n.to_string_lossy()));
    match (kind, journal) {
        ("ext4", false) => "ext4 without a journal".to_owned(),
        _ => kind.to_owned(),
    }
}

/// Its version without what a builder added.
fn kernel() -> String {
    let release = read("/proc/sys/kernel/osrelease");
    let numbers: Vec<&str> = release.split('.').take(2).collect();
    format!("Linux {}", numbers.join("."))
}

fn load() -> String {
    read("/proc/loadavg").split_whitespace().take(3).collect::<Vec<_>>().join(" ")
}
