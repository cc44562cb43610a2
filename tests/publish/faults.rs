//! Bad input, and whatever else goes wrong: one clear error, and nothing is left of it.

use super::{Desk, deliver::steady, names, noise};
use crate::{
    host::{Host, Run, SEEDSHIP, SHOP},
    screens::reviewed,
};
use lab::{Lab, Tree, as_ordinary_user, as_root, mounts::Mount, site};
use nix::sys::{signal::Signal, stat::Mode};
use std::{
    ffi::OsStr,
    fs,
    os::unix::{ffi::OsStrExt, fs::PermissionsExt},
    path::Path,
    process::Stdio,
};

/// A tree with something in it that no release can have, made by this.
type Harm = fn(&Path);

#[test]
fn every_mistake_says_what_to_do_and_leaves_nothing() {
    let lab = Lab::new().unwrap();
    let desk = Desk::new(&lab);
    let out = desk.folder();
    lab.write("not.tar.gz", "this is no gzip").unwrap();
    let password =
        ["keygen", "--secret", "with.key", "--public", "with.pub", "--password-file", "pw"];
    lab.write("pw", "correct horse\n").unwrap();
    assert_eq!(desk.run(&password).code, 0);
    lab.write("wrong", "wrong\n").unwrap();
    let harms: [(&str, Harm); 9] = [
        ("name", |at| fs::write(at.join(OsStr::from_bytes(b"a\xff")), "").unwrap()),
        ("control", |at| fs::write(at.join("a\nb"), "").unwrap()),
        ("pipe", |at| nix::unistd::mkfifo(&at.join("pipe"), Mode::S_IRWXU).unwrap()),
        ("link", |at| std::os::unix::fs::symlink("../../etc/passwd", at.join("link")).unwrap()),
        ("case", |at| fs::write(at.join("INDEX.html"), "").unwrap()),
        ("empty", |at| {
            fs::remove_dir_all(at).unwrap();
            fs::create_dir(at).unwrap();
        }),
        ("directories", |at| {
            fs::remove_dir_all(at).unwrap();
            fs::create_dir_all(at.join("css")).unwrap();
        }),
        ("pattern", |at| fs::write(at.join(".seedshipignore"), "a[\n").unwrap()),
        ("good", |_| {}),
    ];
    for (name, harm) in harms {
        let at = lab.folder(name).unwrap();
        site::small("1.0").write_to(&at).unwrap();
        harm(&at);
    }
    let app = ["--app", "shop"];
    let version = ["--version", "1.0"];
    let both = [app, version].concat();
    let with = |more: &[&'static str]| [&["good"], &both[..], more].concat();
    let key = |more: &[&'static str]| [&with(&["--key", "with.key"])[..], more].concat();
    let inputs = ["name", "control", "pipe", "link", "case", "empty", "directories", "pattern"];
    let mut cases: Vec<Vec<&str>> =
        inputs.iter().map(|input| [&[*input], &both[..]].concat()).collect();
    cases.extend([
        [&["directories"], &both[..], &["--layout", "directory"]].concat(),
        [&["none"], &both[..]].concat(),
        [&["/dev/null"], &both[..]].concat(),
        [&["not.tar.gz"], &both[..]].concat(),
        [&["good"], &app[..], &["--version", ".."]].concat(),
        [&["good"], &version[..], &["--app", "a/b"]].concat(),
        with(&["--exclude", "*"]),
        with(&["--exclude", "a["]),
        with(&["--fact", "Git=1"]),
        with(&["--level", "20"]),
        with(&["--threads", "0"]),
        with(&["--announce", "tracker.example.org"]),
        with(&["--piece-length", "100KiB"]),
        with(&["--to", "-oProxyCommand=x:y"]),
        with(&["--to", "web1:"]),
        with(&["--to", "nowhere"]),
        with(&["--to", "with.key"]),
        with(&["--to", "nowhere", "--dry-run"]),
        with(&["--key", "none.key", "--dry-run"]),
        with(&["--timeout", "soon"]),
        with(&["--scgi", "/run/x"]),
        with(&["--seed", "--scgi", "rpc.sock"]),
        with(&["--seed", "--scgi", "/nowhere/rpc.sock"]),
        with(&["--seed"]),
        with(&["--unsigned", "--key", "with.key"]),
        with(&["--key", "none.key"]),
        with(&["--key", "minisign.pub"]),
        key(&[]),
        key(&["--password-file", "wrong"]),
        key(&["--password-file", "none"]),
        with(&["--output", "nowhere/x.torrent"]),
        [&["good"], &both[..], &["--directory", "nowhere"]].concat(),
    ]);
    let mut text = String::new();
    for args in cases {
        let placed = match args.contains(&"--directory") {
            true => vec![],
            false => vec!["--directory", out.to_str().unwrap()],
        };
        let all = [&["publish"], &args[..], &placed].concat();
        let run = desk.run(&all);
        assert_ne!(run.code, 0, "{args:?}");
        assert_eq!(names(&out), [""; 0], "{args:?}: nothing is left");
        let json = desk.run(&[&all[..], &["--json"]].concat());
        let object: serde_json::Value = serde_json::from_str(&json.stdout).unwrap();
        assert_eq!(object["error"]["exit"], run.code, "{args:?}");
        let told = run.stderr.split("\n\nUsage").next().unwrap().trim_end();
        text.push_str(&format!(
            "$ seedship publish {}\n{told}\nexit {}\n\n",
            args.join(" "),
            run.code
        ));
    }
    fs::remove_file(lab.path().join(".minisign/minisign.key")).unwrap();
    let run = desk.run(&[&["publish"], &with(&[])[..]].concat());
    text.push_str(&format!("--- without a key\n{}exit {}\n", run.stderr, run.code));
    let mut wrong = desk.command(&[&["publish"], &key(&[])[..]].concat());
    let run = Run::of(wrong.env("SEEDSHIP_KEY_PASSWORD", "wrong").output().unwrap());
    text.push_str(&format!(
        "--- with a wrong password in the environment\n{}exit {}\n",
        run.stderr, run.code
    ));
    let run =
        desk.run(&[&["publish"], &with(&["--unsigned", "--output", "-", "--json"])[..]].concat());
    assert_eq!(run.code, 64, "{run:?}");
    reviewed("publish_mistakes", &steady(&text, &lab, &desk));
    // And the right one is right.
    let mut right = desk.command(&[&["publish"], &key(&[])[..]].concat());
    let run = Run::of(right.env("SEEDSHIP_KEY_PASSWORD", "correct horse").output().unwrap());
    assert_eq!(run.code, 0, "{run:?}");
}

/// In a checkout everything lies in the working directory: what is written there would be published
/// the next time, and the key with it at once.
#[test]
fn a_release_holds_neither_itself_nor_its_key() {
    let lab = Lab::new().unwrap();
    let desk = Desk::new(&lab);
    let build = desk.built(&site::small("1.0"));
    fs::copy(lab.path().join(".minisign/minisign.key"), build.join("minisign.key")).unwrap();
    fs::write(build.join("password"), "x").unwrap();
    let out = desk.folder();
    let (out, at) = (out.to_str().unwrap(), |name: &str| build.join(name));
    let [inside, key, password, torrent] = ["dist", "minisign.key", "password", "x.torrent"]
        .map(|name| at(name).display().to_string());
    let run = |more: &[&str]| {
        let args = ["publish", ".", "--app", "shop", "--version", "1.0"];
        let mut command = desk.command(&[&args[..], more].concat());
        command.current_dir(&build).env("MINISIGN_CONFIG_DIR", &build);
        Run::of(command.output().unwrap())
    };
    let before = names(&build);
    for layout in ["archive", "directory"] {
        let refused = |exit, more: &[&str], thing: &str| {
            let run = run(&[more, &["--layout", layout]].concat());
            assert_eq!(run.code, exit, "{more:?}: {run:?}");
            assert!(run.stderr.contains(thing) && run.stderr.contains("hint: "), "{run:?}");
            assert_eq!(names(&build), before, "{more:?}");
        };
        refused(73, &[], "part of what is published");
        refused(73, &["--directory", out, "--output", &torrent], &torrent);
        refused(65, &["--directory", out], "minisign.key");
        refused(65, &["--directory", out, "--key", &key], &key);
        let both = ["--directory", out, "--exclude", "/minisign.key", "--password-file", &password];
        refused(65, &both, &password);
    }
    // What is left out may lie there.
    fs::create_dir(&inside).unwrap();
    let left_out = ["--exclude", "/dist", "--exclude", "*.key", "--exclude", "password"];
    for _ in 0..2 {
        let run = run(&[&left_out[..], &["--directory", &inside]].concat());
        assert_eq!(run.code, 0, "{run:?}");
    }
    assert_eq!(names(Path::new(&inside)), ["shop-1.0.tar.zst", "shop-1.0.tar.zst.torrent"]);
}

#[test]
fn what_may_not_be_read_or_written_is_named() {
    let lab = Lab::new().unwrap();
    let desk = Desk::new(&lab);
    let build = desk.built(&site::small("1.0").file("secret", "x"));
    let close =
        |path: &Path, mode| fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
    let out = desk.folder();
    close(&out, 0o777);
    close(&build.join("secret"), 0);
    let publish = || {
        let mut command = as_ordinary_user(SEEDSHIP);
        command.args(["publish", build.to_str().unwrap(), "--app", "shop", "--version", "1.0"]);
        command.args(["--unsigned", "--directory", out.to_str().unwrap()]);
        Run::of(command.stdin(Stdio::null()).output().unwrap())
    };
    let run = publish();
    assert_eq!((run.code, names(&out).len()), (77, 0), "{run:?}");
    assert!(run.stderr.contains("secret`: permission denied"), "{run:?}");
    close(&build.join("secret"), 0o644);
    close(&out, 0o555);
    let run = publish();
    close(&out, 0o755);
    assert_eq!((run.code, names(&out).len()), (77, 0), "{run:?}");
    assert!(run.stderr.contains(&format!("{}`: permission denied", out.display())), "{run:?}");
    assert!(as_root() || build.exists());
}

/// A host whose command parks where it is told to, in an empty directory.
fn stand<'l>(lab: &'l Lab) -> (Host<'l>, Desk<'l>) {
    (Host::new(lab, SHOP), Desk::new(lab))
}

#[test]
fn a_file_that_changes_is_no_part_of_a_release() {
    let lab = Lab::new().unwrap();
    let (host, desk) = stand(&lab);
    let archive = site::small("1.0").pack(lab::Kind::Tar, &desk.folder(), "built").unwrap();
    let tree = desk.built(&site::small("1.0"));
    let changed = [(tree.as_path(), tree.join("index.html")), (archive.as_path(), archive.clone())];
    for (input, file) in changed {
        let out = desk.folder();
        let args =
            ["publish", input.to_str().unwrap(), "--app", "shop", "--version", "1.0", "--unsigned"];
        let command = desk.command(&[&args[..], &["--directory", out.to_str().unwrap()]].concat());
        let parked = host.parked(command, "publish-looked");
        let mut longer = fs::read(&file).unwrap();
        longer.extend(b"more");
        fs::write(&file, longer).unwrap();
        assert_eq!(parked.go(), 65, "{}", file.display());
        assert_eq!(names(&out), [""; 0]);
    }
}

/// Whatever ends it, before it has all or between payload and .torrent: no part of a file is there,
/// and the same again completes it.
#[test]
fn a_signal_leaves_nothing_half() {
    let lab = Lab::new().unwrap();
    let (host, desk) = stand(&lab);
    let build = desk.built(&site::small("1.0"));
    let signals = [Signal::SIGINT, Signal::SIGTERM, Signal::SIGHUP, Signal::SIGKILL];
    let mut cases = 0;
    for (layout, payload) in [("archive", "shop-1.0.tar.zst"), ("directory", "shop-1.0")] {
        for signal in signals {
            let out = desk.folder();
            let args = ["publish", build.to_str().unwrap(), "--app", "shop", "--version", "1.0"];
            let more = ["--layout", layout, "--directory", out.to_str().unwrap()];
            let all = [&args[..], &more].concat();
            // Its own process, so that the signal is not setsid's.
            let parked = |at| host.parked(desk.alone(SEEDSHIP, &all), at);
            assert_eq!(parked("publish-made").end_by(signal), Some(signal as i32));
            let hidden = layout == "directory" && signal == Signal::SIGKILL;
            assert_eq!(
                names(&out).len(),
                usize::from(hidden),
                "{layout} {signal}: {:?}",
                names(&out)
            );
            assert!(names(&out).iter().all(|name| name.starts_with(".seedship.")));
            assert_eq!(parked("publish-placed").end_by(signal), Some(signal as i32));
            let seen = |name: &String| !name.starts_with('.');
            assert_eq!(names(&out).into_iter().filter(seen).collect::<Vec<_>>(), [payload]);
            desk.publish(&build, "1.0", &more);
            let torrent = format!("{payload}.torrent");
            assert_eq!(
                names(&out).into_iter().filter(seen).collect::<Vec<_>>(),
                [payload, &torrent]
            );
            cases += 2;
        }
    }
    assert_eq!(cases, 16);
}

/// Killed when all is published and nothing told, and in the middle of a delivery: what watches a
/// directory sees the whole .torrent or none.
#[test]
fn a_kill_at_the_end_leaves_whole_torrents_or_none() {
    let lab = Lab::new().unwrap();
    let (host, desk) = stand(&lab);
    let build = desk.built(&site::small("1.0"));
    for signal in [Signal::SIGTERM, Signal::SIGKILL] {
        let (out, watch) = (desk.folder(), desk.folder());
        let more = ["--directory", out.to_str().unwrap(), "--to", watch.to_str().unwrap()];
        let args = ["publish", build.to_str().unwrap(), "--app", "shop", "--version", "1.0"];
        let all = [&args[..], &more].concat();
        let parked = |at| host.parked(desk.alone(SEEDSHIP, &all), at);
        let published = ["shop-1.0.tar.zst", "shop-1.0.tar.zst.torrent"];
        assert_eq!(parked("publish-written").end_by(signal), Some(signal as i32));
        assert_eq!(names(&out), published, "{signal}");
        assert_eq!(names(&watch).len(), 0, "{signal}");
        assert_eq!(parked("publish-delivering").end_by(signal), Some(signal as i32));
        let left = names(&watch);
        assert_eq!(left.len(), usize::from(signal == Signal::SIGKILL), "{signal}: {left:?}");
        assert!(left.iter().all(|name| name.starts_with(".seedship.")), "{left:?}");
        let told = desk.publish(&build, "1.0", &more);
        assert_eq!(told["already"], true, "{told}");
        let seen: Vec<String> = names(&watch).into_iter().filter(|n| !n.starts_with('.')).collect();
        assert_eq!(seen, [published[1]], "{signal}");
        let read = |at: &Path| fs::read(at.join(published[1])).unwrap();
        assert_eq!(read(&watch), read(&out));
    }
}

#[test]
fn a_full_disk_is_told_and_left_as_it_was() {
    if !lab::own_mounts!() {
        return;
    }
    let lab = Lab::new().unwrap();
    let desk = Desk::new(&lab);
    let noise = noise(3 << 20);
    let build = desk.built(&Tree::new().file("video.bin", noise));
    let out = desk.folder();
    let _mount = Mount::new(&["-t", "tmpfs", "-o", "size=256k,mode=755", "tmpfs"], &out).unwrap();
    for layout in ["archive", "directory"] {
        let args = ["publish", build.to_str().unwrap(), "--app", "shop", "--version", "1.0"];
        let run = desk.run(
            &[&args[..], &["--layout", layout, "--directory", out.to_str().unwrap()]].concat(),
        );
        assert_eq!(run.code, 74, "{run:?}");
        assert!(
            run.stderr.contains("no space left on device") && run.stderr.contains("df -h"),
            "{run:?}"
        );
        assert_eq!(names(&out), [""; 0], "{layout}");
    }
}
