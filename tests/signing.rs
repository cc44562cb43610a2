//! `keygen` and `sign`, beside the `minisign` program: each uses what the other made.

use crate::{
    event::packed,
    host::{Host, Run, SEEDSHIP, SHOP},
    screens::{reviewed, stable},
    terminal::Terminal,
};
use lab::{Kind, Lab, Torrent, site, strace};
use metainfo::{Metainfo, amend, bencode::Item};
use std::{
    fs,
    io::Write,
    os::unix::fs::{MetadataExt, PermissionsExt, symlink},
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

/// The binary in the lab's directory, without a configuration unless `config.toml` lies there, and
/// without a terminal.
fn seedship(lab: &Lab, args: &[&str], input: &str) -> Run {
    let mut command = Command::new("setsid");
    command.arg("-w").arg(SEEDSHIP).args(args);
    fed(lab, command, input)
}

fn minisign(lab: &Lab, args: &[&str], input: &str) -> Run {
    let mut command = Command::new("minisign");
    command.args(args);
    let run = fed(lab, command, input);
    assert_eq!(run.code, 0, "{args:?} {run:?}");
    run
}

fn fed(lab: &Lab, mut command: Command, input: &str) -> Run {
    command.current_dir(lab.path()).env("HOME", lab.path()).env_remove("MINISIGN_CONFIG_DIR");
    command.env("SEEDSHIP_CONFIG", "config.toml");
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().unwrap();
    // Whoever asks for nothing has closed it.
    let _ = child.stdin.take().unwrap().write_all(input.as_bytes());
    Run::of(child.wait_with_output().unwrap())
}

/// The text of a torrent's signature.
pub(crate) fn signature_of(torrent: &Torrent) -> Vec<u8> {
    Metainfo::parse(&torrent.bytes).unwrap().minisign().unwrap().to_vec()
}

/// The payload of this version of the shop and its torrent, which lies in the lab under that name.
fn made(lab: &Lab, version: &str) -> (Torrent, PathBuf) {
    let (torrent, payload) =
        packed(lab, &site::small(version), Kind::Tar, &format!("shop-{version}"));
    lab.write("shop.torrent", &torrent.bytes).unwrap();
    (torrent, payload)
}

/// The torrent as it lies there now.
fn now(lab: &Lab) -> Torrent {
    Torrent::from_bytes(fs::read(lab.path().join("shop.torrent")).unwrap()).unwrap()
}

const SIGN: [&str; 6] = ["sign", "shop.torrent", "--app", "shop", "--version", "1.0"];

#[test]
fn either_program_uses_the_keys_and_signatures_of_the_other() {
    let lab = Lab::new().unwrap();
    let (torrent, payload) = made(&lab, "1.0");
    lab.write("info", &torrent.info).unwrap();
    let password = ["--password-file", "-"];
    let keys = ["ours", "ours-with", "theirs", "theirs-with"];
    let ours = |name: &str, more: &[&str]| {
        let (key, public) = (format!("{name}.key"), format!("{name}.pub"));
        let run = seedship(
            &lab,
            &[&["keygen", "--secret", &key, "--public", &public], more].concat(),
            "correct horse\n",
        );
        assert_eq!(run.code, 0, "{run:?}");
    };
    ours("ours", &["--no-password"]);
    ours("ours-with", &password);
    minisign(&lab, &["-G", "-W", "-s", "theirs.key", "-p", "theirs.pub"], "");
    let typed = "correct horse\ncorrect horse\n";
    minisign(&lab, &["-G", "-s", "theirs-with.key", "-p", "theirs-with.pub"], typed);
    let comment = "seedship1 app=shop version=1.0 published=2024-05-01T12:00:00Z git=abc build=7";
    for name in keys {
        let (key, public) = (format!("{name}.key"), format!("{name}.pub"));
        let with = name.ends_with("with");
        // Ours signs, and theirs verifies.
        let words =
            ["--published", "2024-05-01T12:00:00Z", "--fact", "git=abc", "--fact", "build=7"];
        let mut args = [&SIGN[..], &words, &["--key", &key, "--force"]].concat();
        args.extend(with.then_some(password).into_iter().flatten());
        let run = seedship(&lab, &args, if with { "correct horse\n" } else { "" });
        assert_eq!(run.code, 0, "{name}: {run:?}");
        let signed = now(&lab);
        assert_eq!((&signed.hash, &signed.info), (&torrent.hash, &torrent.info));
        lab.write("ours.minisig", signature_of(&signed)).unwrap();
        let verify = ["-V", "-Q", "-p", &public, "-x", "ours.minisig", "-m", "info"];
        assert_eq!(minisign(&lab, &verify, "").stdout.trim_end(), comment, "{name}");
        // Theirs signs, and ours takes it.
        let typed = if with { "correct horse\n" } else { "" };
        minisign(
            &lab,
            &["-S", "-s", &key, "-t", comment, "-x", "theirs.minisig", "-m", "info"],
            typed,
        );
        let signature = fs::read(lab.path().join("theirs.minisig")).unwrap();
        let public = fs::read_to_string(lab.path().join(public)).unwrap();
        let line = format!("public_keys = [\"{}\"]", public.lines().nth(1).unwrap());
        for signed in [signed, torrent.with_key("minisign", &signature).unwrap()] {
            let _ = fs::remove_dir_all(lab.path().join("www"));
            let host = Host::new(&lab, &SHOP.replace("unsigned = \"accept\"", &line));
            let run = host.finished(&signed, &payload);
            assert_eq!(
                (run.code, host.page("shop").as_deref()),
                (0, Some("1.0")),
                "{name} {run:?}"
            );
            assert!(host.record("shop", &signed.hash).unwrap().contains("git=abc build=7"));
            fs::remove_file(lab.path().join("log.sock")).unwrap();
        }
    }
}

#[test]
fn what_keygen_prints_goes_into_the_configuration() {
    let lab = Lab::new().unwrap();
    let (_, payload) = made(&lab, "1.0");
    // The usual places, as the minisign program has them.
    let run = seedship(&lab, &["keygen", "--no-password"], "");
    assert_eq!((run.code, run.stderr.as_str()), (0, ""));
    let line = run.stdout.lines().last().unwrap().trim();
    let mode = |path: &str| fs::metadata(lab.path().join(path)).unwrap().mode() & 0o7777;
    let modes = [".minisign", ".minisign/minisign.key", "minisign.pub"].map(mode);
    assert_eq!(modes, [0o700, 0o600, 0o644]);
    let key = |run: &Run| run.stdout.lines().next().unwrap()["key ".len()..].to_owned();
    let shown = run.stdout.replace(&key(&run), "KEY");
    let shown = shown.replace(line.split('"').nth(1).unwrap(), "RWQ…");
    let host = Host::new(&lab, &SHOP.replace("unsigned = \"accept\"", line));
    // App and version are those that the configuration takes the name for.
    let mut sign = host.command(&["sign", "shop.torrent", "--fact", "git=abc"]);
    sign.current_dir(lab.path()).env("HOME", lab.path()).env_remove("MINISIGN_CONFIG_DIR");
    let run = Run::of(sign.output().unwrap());
    assert_eq!(run.code, 0, "{run:?}");
    let signed = run.stdout.replace(&signer(&now(&lab)), "KEY");
    reviewed("signing", &stable(&format!("{shown}\n{signed}"), &lab));
    assert_eq!(host.finished(&now(&lab), &payload).code, 0);
    assert_eq!(host.page("shop").as_deref(), Some("1.0"));
    let json = Run::of(sign.args(["--force", "--json"]).output().unwrap());
    let json = json.stdout.replace(&signer(&now(&lab)), "KEY");
    let args = ["keygen", "--no-password", "--json", "--secret", "x.key", "--public", "x.pub"];
    let pair = seedship(&lab, &args, "");
    let public = fs::read_to_string(lab.path().join("x.pub")).unwrap();
    let pair = pair.stdout.replace(public.lines().nth(1).unwrap(), "RWQ…");
    let pair = pair.replace(public.lines().next().unwrap().rsplit(' ').next().unwrap(), "KEY");
    reviewed("signing_json", &stable(&format!("{pair}{json}"), &lab));
}

/// The id of the key that signed a torrent, as its signature's own first line has it.
fn signer(torrent: &Torrent) -> String {
    let text = String::from_utf8(signature_of(torrent)).unwrap();
    text.lines().next().unwrap().rsplit(' ').next().unwrap().to_owned()
}

#[test]
fn no_key_is_overwritten() {
    let lab = Lab::new().unwrap();
    for name in ["a.key", "a.pub"] {
        lab.write(name, "precious").unwrap();
    }
    symlink("nowhere", lab.path().join("dangling")).unwrap();
    let cases =
        [("a.key", "b.pub"), ("b.key", "a.pub"), ("dangling", "b.pub"), ("b.key", "no/b.pub")];
    for (secret, public) in cases {
        let args = ["keygen", "--no-password", "--secret", secret, "--public", public];
        let run = seedship(&lab, &args, "");
        assert_eq!(run.code, 73, "{run:?}");
    }
    let left = |name: &str| lab.path().join(name).exists();
    assert!(!left("b.key") && !left("b.pub") && !left("nowhere"));
    for name in ["a.key", "a.pub"] {
        assert_eq!(fs::read_to_string(lab.path().join(name)).unwrap(), "precious");
    }
}

/// A key that is half there would bar the next attempt, and might be trusted by somebody.
#[test]
fn a_key_is_there_whole_or_not_at_all() {
    if let Some(why) = strace::unavailable() {
        return println!("skipped: {why}");
    }
    let lab = Lab::new().unwrap();
    let mut keygen = Command::new(SEEDSHIP);
    keygen.current_dir(lab.path()).env("HOME", lab.path());
    keygen.args(["keygen", "--no-password", "--secret", "a.key", "--public", "a.pub"]);
    let (calls, out) = strace::calls(&keygen, &lab.path().join("calls")).unwrap();
    assert!(out.status.success());
    let writes = calls.iter().filter(|call| call.name == "write").count();
    let mut whole = 0;
    for (call, most) in [("write", writes), ("fsync", 4)] {
        for when in 1..=most {
            for name in ["a.key", "a.pub"] {
                let _ = fs::remove_file(lab.path().join(name));
            }
            let rule = format!("{call}:signal=KILL:when={when}");
            let out = strace::injecting(&[rule], &keygen).output().unwrap();
            assert!(!out.status.success(), "{call} {when}");
            for (name, lines) in [("a.key", 2), ("a.pub", 2)] {
                let Ok(text) = fs::read_to_string(lab.path().join(name)) else { continue };
                assert_eq!((text.lines().count(), text.ends_with('\n')), (lines, true), "{name}");
                whole += 1;
            }
        }
    }
    assert!(whole > 0, "some kill came late");
}

#[test]
fn nothing_but_the_signature_changes() {
    let lab = Lab::new().unwrap();
    let (torrent, _) = made(&lab, "1.0");
    // Unsorted, with a key of somebody else's, and bytes behind the end: all of it stays.
    let rest = amend::set_key(&torrent.bytes, b"x-theirs", &Item::bytes("kept")).unwrap();
    let rest = [&b"d7:zzfirst1:!"[..], &rest[1..], b"behind"].concat();
    let file = lab.write("real.torrent", &rest).unwrap();
    fs::set_permissions(&file, fs::Permissions::from_mode(0o640)).unwrap();
    fs::remove_file(lab.path().join("shop.torrent")).unwrap();
    symlink("real.torrent", lab.path().join("shop.torrent")).unwrap();
    assert_eq!(seedship(&lab, &["keygen", "--no-password"], "").code, 0);
    let before = names(lab.path());
    let run = seedship(&lab, &SIGN, "");
    assert_eq!(run.code, 0, "{run:?}");
    let signed = fs::read(&file).unwrap();
    let text = Metainfo::parse(&signed).unwrap().minisign().unwrap().to_vec();
    let value = [b"8:minisign", format!("{}:", text.len()).as_bytes(), &text].concat();
    let at = signed.windows(value.len()).position(|window| window == value).unwrap();
    assert_eq!([&signed[..at], &signed[at + value.len()..]].concat(), rest);
    assert!(fs::symlink_metadata(lab.path().join("shop.torrent")).unwrap().is_symlink());
    assert_eq!(fs::metadata(&file).unwrap().mode() & 0o7777, 0o640);
    assert_eq!(names(lab.path()), before, "no file is left");
    // Signed again only when asked, and then by the new key alone.
    assert_eq!(seedship(&lab, &SIGN, "").code, 73);
    assert_eq!(fs::read(&file).unwrap(), signed);
    assert_eq!(seedship(&lab, &[&SIGN[..], &["--force"]].concat(), "").code, 0);
    let again = Metainfo::parse(&fs::read(&file).unwrap()).unwrap().minisign().unwrap().to_vec();
    assert_ne!(again, text);
}

fn names(dir: &Path) -> Vec<String> {
    let entries = fs::read_dir(dir).unwrap();
    let mut names: Vec<_> =
        entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    names
}

#[test]
fn every_mistake_says_what_to_do() {
    let lab = Lab::new().unwrap();
    let (torrent, _) = made(&lab, "1.0");
    let keygen = |name: &str, more: &[&str], input: &str| {
        let (key, public) = (format!("{name}.key"), format!("{name}.pub"));
        let args = [&["keygen", "--secret", &key, "--public", &public], more].concat();
        seedship(&lab, &args, input)
    };
    assert_eq!(keygen("plain", &["--no-password"], "").code, 0);
    assert_eq!(keygen("with", &["--password-file", "-"], "correct horse\n").code, 0);
    lab.write("garbage", "garbage").unwrap();
    lab.write("other.key", "untrusted comment: x\nRUQ\n").unwrap();
    let key = fs::read_to_string(lab.path().join("plain.key")).unwrap();
    lab.write("form.key", key.replacen("\nRW", "\nRU", 1)).unwrap();
    lab.write("damaged.key", format!("{}{}", &key[..key.len() - 20], "AAAAAAAAAAAAAAAAAA=\n"))
        .unwrap();
    let bad = torrent.with_key("minisign", b"no signature").unwrap();
    lab.write("signed.torrent", &bad.bytes).unwrap();
    let mut cut = torrent.bytes.clone();
    cut.truncate(100);
    lab.write("cut.torrent", cut).unwrap();
    lab.write(
        "config.toml",
        format!(
            "[apps.shop]\nmatch = \"blog-{{version}}.tar\"\nroot = \"{}\"\nunsigned = \"accept\"\n",
            lab.path().display()
        ),
    )
    .unwrap();
    let mut text = String::new();
    let with = |key: &'static str| [&SIGN[..], &["--key", key]].concat();
    let plain = |more: &[&'static str]| [&with("plain.key")[..], more].concat();
    let cases: Vec<(Vec<&str>, &str)> = vec![
        (with("none.key"), ""),
        (with("plain.pub"), ""),
        (with("garbage"), ""),
        (with("other.key"), ""),
        (with("form.key"), ""),
        (with("damaged.key"), ""),
        (with("."), ""),
        (with("with.key"), ""),
        ([&with("with.key")[..], &["--password-file", "-"]].concat(), "wrong\n"),
        ([&with("with.key")[..], &["--password-file", "-"]].concat(), "\n"),
        ([&with("with.key")[..], &["--password-file", "none"]].concat(), ""),
        (vec!["sign", "signed.torrent", "--key", "plain.key"], ""),
        (vec!["sign", "cut.torrent", "--key", "plain.key"], ""),
        (vec!["sign", "none.torrent", "--key", "plain.key"], ""),
        (vec!["sign", "shop.torrent", "--key", "plain.key"], ""),
        (plain(&["--fact", "Git=1"]), ""),
        (plain(&["--fact", "git=1", "--fact", "git=2"]), ""),
        (plain(&["--app", "a b", "--force"]), ""),
        (plain(&["--published", "yesterday"]), ""),
        (
            vec!["sign", "shop.torrent", "--key", "plain.key", "--app", "shop", "--version", "1.1"],
            "",
        ),
        (vec!["keygen"], ""),
        (vec!["keygen", "--password-file", "-"], ""),
        (vec!["keygen", "--no-password", "--secret", "plain.key"], ""),
    ];
    for (args, input) in cases {
        let args: Vec<&str> = match args.iter().filter(|word| **word == "--app").count() {
            2 => args
                .iter()
                .enumerate()
                .filter(|(n, _)| ![2, 3].contains(n))
                .map(|(_, w)| *w)
                .collect(),
            _ => args,
        };
        let run = seedship(&lab, &args, input);
        assert_ne!(run.code, 0, "{args:?}");
        assert_eq!(run.stdout, "", "{args:?}");
        let told = run.stderr.split("\n\nUsage").next().unwrap().trim_end();
        text.push_str(&format!("$ seedship {}\n{told}\nexit {}\n\n", args.join(" "), run.code));
        let json = seedship(&lab, &[&args[..], &["--json"]].concat(), input);
        let object: serde_json::Value = serde_json::from_str(&json.stdout).unwrap();
        assert_eq!(object["error"]["exit"], run.code, "{args:?}");
        assert_eq!(now(&lab).bytes, torrent.bytes, "{args:?}: nothing is written");
    }
    assert!(!lab.path().join(".minisign/minisign.key").exists());
    fs::remove_file(lab.path().join("config.toml")).unwrap();
    let run = seedship(&lab, &["sign", "shop.torrent", "--key", "plain.key", "--app", "shop"], "");
    assert_eq!(run.code, 78);
    text.push_str(&format!("--- without a configuration\n{}", run.stderr));
    reviewed("signing_mistakes", &stable(&text, &lab));
}

#[test]
fn a_person_types_the_password_unseen() {
    if crate::manual::is_missing("tmux") {
        return;
    }
    let lab = Lab::new().unwrap();
    let (torrent, _) = made(&lab, "1.0");
    let dir = lab.path().display();
    let run = format!(
        "cd {dir} && seedship keygen; seedship {} && seedship {} --force; echo over $?; sleep 600",
        SIGN.join(" "),
        SIGN.join(" ")
    );
    let terminal = Terminal::open(&lab, (80, 40), &[("SEEDSHIP_CONFIG", "config.toml")], &run);
    let types = |asked: &str, word: &str| {
        terminal.shows(asked);
        terminal.keys(&[word, "Enter"]);
    };
    types("Password for the new secret key: ", "correct-horse");
    types("The same again: ", "correct-horse");
    types("minisign.key`: ", "correct-horse");
    terminal.shows("shop.torrent is signed");
    // The wrong one, and the torrent is as it was.
    let signed = now(&lab).bytes;
    terminal.keys(&["wrong", "Enter"]);
    let screen = terminal.shows("over 77");
    assert!(!screen.contains("horse") && !screen.contains("wrong\n"), "{screen}");
    // Folded at the terminal's edge.
    assert!(screen.contains("the password is not the\n"), "{screen}");
    assert_eq!(now(&lab).bytes, signed);
    assert_eq!(now(&lab).hash, torrent.hash);
}
