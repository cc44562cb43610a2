//! What people see of it, reviewed.

use crate::{
    host::{Host, Run, SHOP},
    screens::{reviewed, stable},
};
use lab::{Flavour, Lab, as_root};

/// The screen, which is 80 columns wide but for what cannot be parted, with its lines whole again:
/// where they break depends on how long the lab's own paths are.
fn screen(host: &Host<'_>, run: &Run) -> String {
    let mut whole: Vec<String> = Vec::new();
    for line in run.stdout.lines() {
        let text = line.trim_start();
        let indent = line.len() - text.len();
        let fits = line.chars().count() <= 80 || !text.contains(' ') || indent == 2;
        assert!(fits, "{line}");
        let begins = ["cause  ", "cure   "].iter().any(|word| text.starts_with(word));
        match whole.last_mut() {
            Some(last) if indent == 18 || (indent == 11 && !begins) => {
                last.push(' ');
                last.push_str(text);
            }
            _ => whole.push(line.to_owned()),
        }
    }
    let text = whole.join("\n") + &format!("\n[exit {}]\n", run.code);
    // Root's rtorrent is told of; what everybody's is, is kept.
    let user = nix::unistd::User::from_uid(nix::unistd::geteuid()).unwrap().unwrap().name;
    let text = text
        .replace(&format!("`{user}`"), "`USER`")
        .replace(crate::host::SEEDSHIP, "/usr/bin/seedship");
    let text = if as_root() { as_if_not_root(&text) } else { text };
    let lines = stable(&text, host.lab);
    let masked = lines.lines().map(|line| match line.strip_suffix(" are free") {
        Some(_) => "  ok       N GiB are free".to_owned(),
        None => line.to_owned(),
    });
    masked.collect::<Vec<_>>().join("\n") + "\n"
}

/// As it is where rtorrent runs as a user of its own: one warning less.
fn as_if_not_root(text: &str) -> String {
    let mut out = Vec::new();
    let mut lines = text.lines().peekable();
    while let Some(line) = lines.next() {
        let is_it = lines.peek().is_some_and(|next| next.contains("rtorrent runs as root"));
        if is_it {
            out.push(line.replacen("warning", "ok     ", 1));
            lines.next();
            lines.next();
        } else {
            out.push(line.to_owned());
        }
    }
    let sum = |line: &String| line.ends_with(" ok") && !line.starts_with(' ');
    if text.contains("rtorrent runs as root")
        && let Some(last) = out.iter_mut().find(|line| sum(line))
    {
        *last = one_less(last);
    }
    out.join("\n") + "\n"
}

/// `1 warning, 3 notes, 9 ok` with a warning less and an ok more.
fn one_less(sum: &str) -> String {
    let parts = sum.split(", ").filter_map(|part| {
        let (number, word) = part.split_once(' ')?;
        let number: u32 = number.parse().ok()?;
        match word {
            "ok" => Some(format!("{} ok", number + 1)),
            "warning" => None,
            "warnings" if number == 2 => Some("1 warning".to_owned()),
            "warnings" => Some(format!("{} warnings", number - 1)),
            _ => Some(part.to_owned()),
        }
    });
    parts.collect::<Vec<_>>().join(", ")
}

#[test]
fn what_people_see() {
    lab::scenario(Flavour::Old, |lab, flavour| {
        let host = Host::new(lab, SHOP);
        reviewed("doctor-without-rtorrent", &screen(&host, &host.run(&["doctor"])));
        let node = host.node(flavour).start().unwrap();
        host.landed("shop", "1.0");
        reviewed("doctor-well", &screen(&host, &host.run(&["doctor"])));
        let wrong = ["", "event.download.finished", "zz_seedship"].map(Into::into);
        node.rpc("method.set_key", &wrong).unwrap();
        reviewed("doctor-unbound", &screen(&host, &host.run(&["doctor"])));
        let would = host.run(&["doctor", "--fix", "--dry-run"]);
        reviewed("doctor-fix-dry-run", &screen(&host, &would));
        reviewed("doctor-fix", &screen(&host, &host.run(&["doctor", "--fix"])));
        let told = host.log().into_iter().filter(|line| line.contains("was bound")).count();
        assert_eq!(told, 1, "the log knows who did it: {:#?}", host.log());
    });
}

#[test]
fn what_machines_see() {
    let lab = Lab::new().unwrap();
    let host = Host::new(&lab, SHOP);
    host.landed("shop", "1.0");
    let run = host.run(&["doctor", "--json"]);
    let user = nix::unistd::User::from_uid(nix::unistd::geteuid()).unwrap().unwrap().name;
    let text = stable(&run.stdout, &lab).replace(&format!("`{user}`"), "`USER`");
    let lines = text.lines().map(|line| match line.contains(" are free") {
        true => "      \"says\": \"N GiB are free\",".to_owned(),
        false => line.to_owned(),
    });
    reviewed("doctor-json", &(lines.collect::<Vec<_>>().join("\n") + "\n"));
}
