//! The operator's guide against the built program: what it names is there. (That its first page can be
//! typed as it stands, and Puppet's applied, is shown on booted systems: `tests/packages`.)

use lab::{Lab, workspace};
use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use crate::host::SEEDSHIP;

/// What every table of an app needs, for snippets that show a part of one.
const APP: &str = "[apps.shop]\nmatch = \"shop-{version}.tar.zst\"\nroot = \"/srv/www/shop\"\n\
    public_keys = [\"RWQf6LRCGA9i53mlYecO4IzT51TGPpvWucNSCh1CBM0QTaLn73Y7GFO3\"]\n";

/// All pages that a reader may come to.
fn pages() -> Vec<PathBuf> {
    let mut pages = vec![
        workspace().join("README.md"),
        workspace().join("ARCHITECTURE.md"),
        workspace().join("packaging/puppet/seedship/README.md"),
    ];
    for folder in ["docs", "docs/guide", "docs/decisions"] {
        let entries = fs::read_dir(workspace().join(folder)).unwrap();
        let entries = entries.map(|entry| entry.unwrap().path());
        pages.extend(entries.filter(|path| path.extension().is_some_and(|end| end == "md")));
    }
    pages
}

fn guide() -> Vec<(String, String)> {
    let pages = pages().into_iter().filter(|page| page.parent().unwrap().ends_with("docs/guide"));
    let name = |page: &Path| page.file_name().unwrap().to_str().unwrap().to_owned();
    let pages = pages.map(|page| (name(&page), fs::read_to_string(page).unwrap()));
    let pages: Vec<_> = pages.collect();
    assert!(pages.len() > 10);
    pages
}

/// A page's blocks of one language.
fn blocks(text: &str, language: &str) -> Vec<String> {
    let (mut found, mut open): (Vec<String>, Option<bool>) = (Vec::new(), None);
    for line in text.lines() {
        match (line.trim_start().strip_prefix("```"), open) {
            (Some(named), None) => {
                open = Some(named == language);
                if named == language {
                    found.push(String::new());
                }
            }
            (Some(_), Some(_)) => open = None,
            (None, Some(true)) => found.last_mut().unwrap().push_str(&format!("{line}\n")),
            _ => {}
        }
    }
    found
}

#[test]
fn every_link_leads_somewhere() {
    let (mut dead, mut seen) = (Vec::new(), 0);
    for page in pages() {
        let text = fs::read_to_string(&page).unwrap();
        for target in text.split("](").skip(1).filter_map(|rest| rest.split(')').next()) {
            if target.starts_with("http") {
                continue;
            }
            seen += 1;
            let (file, place) = target.split_once('#').unwrap_or((target, ""));
            let file = match file {
                "" => page.clone(),
                file => page.parent().unwrap().join(file),
            };
            let there = file.exists() && (place.is_empty() || places(&file).contains(place));
            if !there {
                dead.push(format!("{}: {target}", page.display()));
            }
        }
    }
    assert_eq!(dead, [""; 0]);
    assert!(seen > 50, "{seen}");
}

/// The headings of a page as links name them.
fn places(page: &Path) -> BTreeSet<String> {
    let text = fs::read_to_string(page).unwrap();
    let headings = text.lines().filter(|line| line.starts_with('#'));
    let name = |heading: &str| {
        let text = heading.trim_start_matches('#').trim().to_lowercase();
        let kept = text.chars().filter(|c| c.is_alphanumeric() || " -_".contains(*c));
        kept.collect::<String>().replace(' ', "-")
    };
    headings.map(name).collect()
}

/// Each command with each of its options: the program knows them.
#[test]
fn every_command_and_option_is_there() {
    let mut known = BTreeMap::new();
    let (mut wrong, mut seen) = (Vec::new(), 0);
    for (page, text) in guide() {
        // A command goes on after a line's end with a backslash, or indented within quotes.
        let text = text.replace("\\\n", " ").replace("\n    --", " --");
        for typed in text.split("seedship ").skip(1) {
            let end = |c: char| "`|;&)\"\n<>,…*".contains(c);
            let mut words = typed.split(end).next().unwrap().split_whitespace();
            let Some(command) = words.next() else { continue };
            let Some(help) = known.entry(command.to_owned()).or_insert_with(|| help(command))
            else {
                let is_typed = text.contains(&format!("`seedship {command}"))
                    || text.contains(&format!("\nseedship {command}"));
                if is_typed && command != "COMMAND" {
                    wrong.push(format!("{page}: seedship {command}"));
                }
                continue;
            };
            seen += 1;
            for option in words.filter(|word| word.starts_with("--")) {
                if !help.contains(option) {
                    wrong.push(format!("{page}: seedship {command} {option}"));
                }
            }
        }
    }
    assert_eq!(wrong, [""; 0]);
    assert!(seen > 60, "{seen}");
}

/// What a command says of itself, and what its own commands do; nothing if there is no such command.
fn help(command: &str) -> Option<String> {
    let said = |args: &[&str]| {
        let out = Command::new(SEEDSHIP).args(args).arg("--help").output().unwrap();
        out.status.success().then(|| String::from_utf8(out.stdout).unwrap())
    };
    let is_word = command.bytes().all(|b| b.is_ascii_lowercase());
    let own = is_word.then(|| said(&[command])).flatten()?;
    let below = ["check", "show", "create", "verify"].map(|sub| said(&[command, sub]));
    Some(own + &below.into_iter().flatten().collect::<String>())
}

#[test]
fn every_configuration_is_accepted() {
    let lab = Lab::new().unwrap();
    let mut seen = 0;
    for (page, text) in guide() {
        for snippet in blocks(&text, "toml") {
            let whole = snippet.contains("[apps.shop]\n");
            let config = if whole { snippet } else { format!("{APP}{snippet}") };
            let file = lab.write("config.toml", &config).unwrap();
            let mut check = Command::new(SEEDSHIP);
            let out = check.args(["config", "check", "--file"]).arg(file).output().unwrap();
            let said = String::from_utf8_lossy(&out.stderr);
            assert!(out.status.success(), "{page}:\n{config}\n{said}");
            seen += 1;
        }
    }
    assert!(seen >= 4, "{seen}");
}

/// nginx itself reads what it is given in the guide, alone and all together.
#[test]
fn nginx_takes_what_it_is_told() {
    let lab = Lab::new().unwrap();
    lab.folder("logs").unwrap();
    let (_, text) = guide().into_iter().find(|(page, _)| page == "web-servers.md").unwrap();
    let snippets = blocks(&text, "nginx");
    let (server, places) = snippets.split_first().unwrap();
    assert!(!places.is_empty());
    let within = server.trim_end().strip_suffix('}').unwrap();
    let port = lab::free_port([127, 0, 0, 1].into()).unwrap();
    let text = format!("{within}{}}}", places.concat())
        .replace("listen 80;", &format!("listen 127.0.0.1:{port};"))
        .replace("include fastcgi_params", "include /etc/nginx/fastcgi_params");
    let base = lab.path().display();
    let config = format!(
        "pid {base}/pid;\nerror_log stderr;\nevents {{}}\nhttp {{\n\
         access_log off;\nclient_body_temp_path {base}/body;\nfastcgi_temp_path {base}/fastcgi;\n\
         proxy_temp_path {base}/proxy;\nuwsgi_temp_path {base}/uwsgi;\nscgi_temp_path {base}/scgi;\n\
         {text}\n}}\n"
    );
    let file = lab.write("nginx.conf", config).unwrap();
    let mut nginx = Command::new("nginx");
    let out = nginx.args(["-t", "-e", "stderr", "-p"]).arg(lab.path()).arg("-c").arg(file);
    let out = out.env("PATH", "/usr/sbin:/usr/bin:/sbin:/bin").output().unwrap();
    assert!(out.status.success(), "{}", String::from_utf8_lossy(&out.stderr));
}

/// The table of exit codes has those that the program has.
#[test]
fn every_exit_code_is_told_and_no_other() {
    let codes = |lines: &mut dyn Iterator<Item = &str>| -> BTreeSet<u8> {
        lines.filter_map(|line| line.split_whitespace().next()?.parse().ok()).collect()
    };
    let out = Command::new(SEEDSHIP).arg("--help").output().unwrap();
    let help = String::from_utf8(out.stdout).unwrap();
    let (_, list) = help.split_once("\nExit codes:\n").unwrap();
    let mut known = codes(&mut list.lines().take_while(|line| !line.is_empty()));
    assert!(known.remove(&0) && known.len() > 8);
    let (_, text) = guide().into_iter().find(|(page, _)| page == "logs.md").unwrap();
    let (_, table) = text.split_once("## What went wrong, by exit code").unwrap();
    let rows = table.lines().filter_map(|line| line.strip_prefix("| "));
    let told = codes(&mut rows.map(|row| row.split([',', '|']).next().unwrap()));
    assert_eq!(told, known);
}
