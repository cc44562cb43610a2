//! How the event is bound, in every way in which it can be bound wrong, on both rtorrents: found,
//! cured by `--fix`, and then a download calls the hook.

use super::Found;
use crate::{
    event::{download, release},
    host::{Host, SEEDSHIP, SHOP},
};
use lab::{Flavour, Lab, Node, await_for, hook::Recorder, rpc::Value};
use std::{fs, os::unix::fs::PermissionsExt, process::Command};

lab::on_both![
    what_is_shipped_is_right,
    every_wrong_binding_is_found_and_cured,
    the_line_that_is_printed_makes_it_last,
    what_goes_through_a_shell_stays,
    a_handler_that_fails_first_is_found,
    a_program_that_cannot_be_run_is_found,
    another_configuration_is_found_and_cured,
];

const EVENT: &str = "event.download.finished";

/// Binds a handler, or takes it away where there is no text.
fn set(node: &Node, key: &str, text: Option<&str>) {
    let words = ["", EVENT, key].into_iter().chain(text).map(Value::from);
    node.rpc("method.set_key", &words.collect::<Vec<_>>()).unwrap();
}

/// The same in the words of a rc file, which is read at once.
fn import(lab: &Lab, node: &Node, line: &str) {
    let file = lab.write("imported.rc", format!("{line}\n")).unwrap();
    node.rpc("import", &["".into(), file.to_str().unwrap().into()]).unwrap();
}

/// Every handler but rtorrent's own, as rtorrent tells them.
fn handlers(node: &Node) -> Vec<(String, String)> {
    let Value::Struct(all) = node.rpc("method.get", &["".into(), EVENT.into()]).unwrap() else {
        panic!("no handlers")
    };
    let foreign = all.into_iter().filter(|(key, _)| !key.starts_with('!'));
    foreign.map(|(key, value)| (key, value.to_string())).collect()
}

/// What `--fix` binds.
fn cured() -> (String, String) {
    let text = format!("execute.nothrow.bg=\"{SEEDSHIP}\",finished,$d.hash=");
    ("zz_seedship".into(), text)
}

fn what_is_shipped_is_right(lab: &Lab, flavour: Flavour) {
    let host = Host::new(lab, SHOP);
    let node = host.node(flavour).start().unwrap();
    let before = handlers(&node);
    let found = Found::of(&host, &[]);
    assert_eq!((found.code, found.faults()), (0, vec![]), "{:#}", found.all);
    found.is("hook", "ok", "`zz_seedship` calls");
    found.is("child-configuration", "ok", "seedship.toml");
    found.is("rtorrent", "ok", if flavour == Flavour::Old { "0.9.8" } else { "0.16." });
    found.is("zombies", "ok", "zombie");
    found.is("socket", "ok", "alone may connect");
    found.is("root", "ok", "in one step");
    assert_eq!(found.level("hook-unsaved"), "", "the shipped file saves at once");
    // There is nothing to cure, and nothing is changed.
    let fixed = Found::of(&host, &["--fix"]);
    assert_eq!(fixed.all["mended"]["bound"], serde_json::Value::Null, "{:#}", fixed.all);
    assert_eq!((fixed.code, handlers(&node)), (0, before));
}

/// How it is said to rtorrent.
enum How {
    /// Over the socket, as text.
    Said,
    /// In a rc file.
    Written,
}
use How::{Said, Written};

/// Each wrong binding that rtorrent takes without a word, and what is found.
const WRONG: [(How, &str, &str, &str); 15] = [
    (Written, "{execute.nothrow.bg=HOOK,finished,$d.hash=}", "hook-unreadable", "braces"),
    (Said, "{execute.nothrow.bg=HOOK,finished,$d.hash=}", "hook-unreadable", "name of a command"),
    (Said, "(execute.nothrow.bg,HOOK,finished,(d.hash))", "hook-unreadable", "name of a command"),
    (Said, "((execute.nothrow.bg, \"HOOK\", finished, ((d.hash))))", "hook-unreadable", "name"),
    (Said, "execute.nothrow.bg=HOOK finished $d.hash=", "hook-unreadable", "last argument"),
    (Said, "HOOK finished", "hook-unreadable", "name of a command"),
    (Written, "((execute.nothrow, HOOK, finished, ((d.hash))))", "hook-foreground", "foreground"),
    (Said, "execute={HOOK,finished,$d.hash=}", "hook-foreground", "foreground"),
    (Written, "((execute2, HOOK, finished, ((d.hash))))", "hook-command", "execute2"),
    (Said, "execute.bg=HOOK,finished,$d.hash=", "hook-command", "execute.bg"),
    (Written, "((execute.nothrow.bg, HOOK, finished, d.hash))", "hook-hash", "answer of a command"),
    (Said, "execute.nothrow.bg=HOOK,finished", "hook-hash", "missing"),
    (Said, "execute.nothrow.bg=HOOK,$d.hash=", "hook-arguments", "must be `finished`"),
    (Said, "execute.nothrow.bg=HOOK,finished,$d.hash=,$d.name=", "hook-arguments", "more than"),
    (Said, "execute.nothrow.bg=seedship,finished,$d.hash=", "hook-program", "no absolute path"),
];

fn every_wrong_binding_is_found_and_cured(lab: &Lab, flavour: Flavour) {
    let host = Host::new(lab, SHOP);
    let seeder = lab.rtorrent(flavour).start().unwrap();
    host.landed("shop", "1.0");
    let node = host.node(flavour).start().unwrap();
    // Somebody else's, which must not be run, nor be lost.
    let others = Recorder::new(lab).unwrap();
    let other = format!("execute.nothrow.bg=\"{}\",$d.hash=", others.program().display());
    set(&node, "aa_other", Some(&other));
    for (number, (how, written, id, says)) in WRONG.iter().enumerate() {
        // Under our own key, and under another.
        let key = ["zz_seedship", "my_hook"][number % 2];
        let written = written.replace("HOOK", SEEDSHIP);
        set(&node, "zz_seedship", None);
        match how {
            Said => set(&node, key, Some(&written)),
            Written => import(lab, &node, &format!("method.set_key = {EVENT}, {key}, {written}")),
        }
        let before = handlers(&node);
        let found = Found::of(&host, &[]);
        // What works on 0.9.8 alone works there.
        let works = flavour == Flavour::Old
            && (*id == "hook-foreground" || written.starts_with("((execute2"));
        found.is(id, if works { "warning" } else { "fault" }, says);
        assert_eq!(found.code, if works { 0 } else { 78 }, "{written}");
        let would = Found::of(&host, &["--fix", "--dry-run"]);
        assert_eq!(would.all["mended"]["bound"], cured().1, "{written}: {:#}", would.all);
        assert_eq!(handlers(&node), before, "{written}: nothing was changed yet");
        let fixed = Found::of(&host, &["--fix"]);
        assert_eq!((fixed.code, fixed.level("hook")), (0, "ok"), "{written}: {:#}", fixed.all);
        let kept: Vec<_> = before.iter().filter(|(other, _)| other != key).cloned().collect();
        let expected = [kept, vec![cured()]].concat();
        assert_eq!(handlers(&node), expected, "{written}: ours alone, and all that was another's");
    }
    // And where nothing of ours is bound.
    set(&node, "zz_seedship", None);
    let found = Found::of(&host, &[]);
    found.is("hook-unbound", "fault", "runs `aa_other`, `yy_save` alone");
    assert_eq!(Found::of(&host, &["--fix"]).code, 0);
    assert_eq!(handlers(&node).last(), Some(&cured()));
    assert_eq!(others.calls(), [[""; 0]; 0], "the event was never fired");
    // One that is right beside one that is wrong.
    set(&node, "my_hook", Some(&format!("execute={SEEDSHIP},finished,$d.hash=")));
    let fixed = Found::of(&host, &["--fix"]);
    let mended = &fixed.all["mended"];
    assert_eq!(mended["removed"], serde_json::json!(["my_hook"]), "{:#}", fixed.all);
    assert_eq!((fixed.code, mended["bound"].is_null()), (0, true));
    // The same, and the wrong one is under our own key.
    set(&node, "zz_seedship", Some(&format!("execute={SEEDSHIP},finished,$d.hash=")));
    set(&node, "my_hook", Some(&cured().1));
    let fixed = Found::of(&host, &["--fix"]);
    let mended = &fixed.all["mended"];
    assert_eq!(mended["removed"], serde_json::json!(["zz_seedship"]), "{:#}", fixed.all);
    assert_eq!((fixed.code, mended["bound"].is_null()), (0, true));
    lab::withstood!(
        "rtorrent",
        "the event bound wrong, in every way that rtorrent takes without a word",
        WRONG.len() + 3,
        "doctor finds it, `--fix` cures it, and the next download goes live",
        host.page("shop").as_deref() == Some("1.0"),
    );
    // What each cure bound is what this download calls.
    let (torrent, payload) = release(lab, "2.0");
    download(&node, &seeder, &torrent, &payload);
    host.await_live(&node, "shop", "2.0");
    await_for("the other handler", || others.calls().len() == 1).unwrap();
}

fn the_line_that_is_printed_makes_it_last(lab: &Lab, flavour: Flavour) {
    let host = Host::new(lab, SHOP);
    // A program whose path rtorrent's language could take apart.
    let hook = lab.path().join("a \"hook\", {b} \\ $c/seedship");
    fs::create_dir_all(hook.parent().unwrap()).unwrap();
    fs::copy(SEEDSHIP, &hook).unwrap();
    let node = host.node(flavour).start().unwrap();
    set(&node, "zz_seedship", None);
    let run = |more: &[&str]| {
        let mut command = Command::new(&hook);
        command.arg("doctor").args(more).arg("--json").env("SEEDSHIP_CONFIG", host.config());
        Found::from(crate::host::Run::of(command.output().unwrap()))
    };
    let fixed = run(&["--fix"]);
    assert_eq!(fixed.code, 0, "{:#}", fixed.all);
    let line = fixed.all["mended"]["rc_line"].as_str().unwrap().to_owned();
    drop(node);
    // Another start, from a file with that line at its end.
    let seeder = lab.rtorrent(flavour).start().unwrap();
    let node = host.node(flavour).hook("/bin/false").line(&line).start().unwrap();
    let found = run(&[]);
    assert_eq!((found.code, found.level("hook")), (0, "ok"), "{:#}", found.all);
    let (torrent, payload) = release(lab, "1.0");
    download(&node, &seeder, &torrent, &payload);
    host.await_live(&node, "shop", "1.0");
}

/// What goes through another program cannot be judged, and is not ours to take away.
fn what_goes_through_a_shell_stays(lab: &Lab, flavour: Flavour) {
    let host = Host::new(lab, SHOP);
    let node = host.node(flavour).start().unwrap();
    let shell = format!("execute.nothrow.bg=sh,-c,\"{SEEDSHIP} finished $1; true\",x,$d.hash=");
    set(&node, "zz_seedship", None);
    set(&node, "mine", Some(&shell));
    let found = Found::of(&host, &[]);
    found.is("hook-through", "warning", "calls seedship through `sh`");
    let run = host.run(&["doctor", "--fix"]);
    assert_eq!(run.code, 78, "{run:?}");
    assert!(run.stderr.contains("could not replace the handler `mine`"), "{}", run.stderr);
    // Two commands in one handler, one of them wrong.
    let two = format!("print=x ; execute.nothrow.bg={SEEDSHIP},finished");
    set(&node, "mine", Some(&two));
    Found::of(&host, &[]).is("hook-hash", "fault", "missing");
    let before = handlers(&node);
    assert_eq!(host.run(&["doctor", "--fix"]).code, 78);
    assert_eq!(handlers(&node), before);
}

fn a_handler_that_fails_first_is_found(lab: &Lab, flavour: Flavour) {
    let host = Host::new(lab, SHOP);
    let node = host.node(flavour).start().unwrap();
    let sid = flavour == Flavour::Sid;
    for (written, level, says) in [
        ("nonesuch=x", "fault", "no command `nonesuch`"),
        ("print=$d.nonesuch=", "fault", "no command `d.nonesuch`"),
        ("((print, x))", "fault", "name of a command"),
        ("execute.throw.bg=/nowhere/x", "fault", "no such file"),
        ("execute.nothrow.bg=/nowhere/x", if sid { "fault" } else { "" }, "no such file"),
        ("execute=/bin/true", "warning", "may fail"),
        ("execute.nothrow.bg=/bin/true", "", ""),
        ("print=x", "", ""),
    ] {
        set(&node, "aa_mine", Some(written));
        let found = Found::of(&host, &[]);
        assert_eq!(found.level("hook-behind"), level, "{written}: {:#}", found.all);
        if !level.is_empty() {
            found.is("hook-behind", level, says);
            found.is("hook-behind", level, "zzz_aa_mine");
        }
        assert_eq!(found.code, if level == "fault" { 78 } else { 0 }, "{written}");
        // Behind the hook it is in nobody's way.
        set(&node, "aa_mine", None);
        set(&node, "zzz_aa_mine", Some(written));
        assert_eq!(Found::of(&host, &[]).level("hook-behind"), "", "{written}");
        set(&node, "zzz_aa_mine", None);
    }
}

fn a_program_that_cannot_be_run_is_found(lab: &Lab, flavour: Flavour) {
    let host = Host::new(lab, SHOP);
    let plain = lab.path().join("plain/seedship");
    fs::create_dir_all(plain.parent().unwrap()).unwrap();
    fs::copy(SEEDSHIP, &plain).unwrap();
    fs::set_permissions(&plain, fs::Permissions::from_mode(0o644)).unwrap();
    let mut node = host.node(flavour).hook(&plain).start().unwrap();
    let told = |why: &str| {
        let found = Found::of(&host, &[]);
        found.is("hook-program", "fault", why);
        found.is("child", "fault", why);
        assert_eq!(found.code, 78);
    };
    told("not executable");
    fs::remove_file(&plain).unwrap();
    told("no such file");
    assert_eq!(Found::of(&host, &["--fix"]).code, 0);
    assert_eq!(handlers(&node).last(), Some(&cured()));
    // What is bound last, the next start has forgotten.
    node.restart().unwrap();
    told("no such file");
}

fn another_configuration_is_found_and_cured(lab: &Lab, flavour: Flavour) {
    let host = Host::new(lab, SHOP);
    let seeder = lab.rtorrent(flavour).start().unwrap();
    let other =
        lab.write("other/config.toml", "# no apps\n[log]\nsocket = \"/nowhere\"\n").unwrap();
    let node = host.node(flavour).env("SEEDSHIP_CONFIG", &other).start().unwrap();
    let found = Found::of(&host, &[]);
    found.is("child-configuration", "fault", "other/config.toml");
    found.is("child-syslog", "warning", "/nowhere");
    assert_eq!(found.code, 78);
    // What does other things too is not ours to replace, though it calls the hook as it should.
    set(&node, "zz_seedship", None);
    for key in ["my_hook", "zz_seedship"] {
        set(&node, key, Some(&format!("print=x ; {}", cured().1)));
        let before = handlers(&node);
        let run = host.run(&["doctor", "--fix"]);
        assert_eq!((run.code, handlers(&node)), (78, before), "{run:?}");
        set(&node, key, None);
    }
    set(&node, "zz_seedship", Some(&cured().1));
    let fixed = Found::of(&host, &["--fix"]);
    assert_eq!(fixed.faults(), [""; 0], "{:#}", fixed.all);
    let bound = fixed.all["mended"]["bound"].as_str().unwrap().to_owned();
    assert!(bound.contains(&format!("\"--config\",\"{}\"", host.config().display())), "{bound}");
    let (torrent, payload) = release(lab, "1.0");
    download(&node, &seeder, &torrent, &payload);
    host.await_live(&node, "shop", "1.0");
}

/// rtorrent 0.16 waits for a hook in the foreground, and that for rtorrent: it is found from
/// outside, although nothing answers.
#[test]
fn a_hook_that_rtorrent_waits_for_is_named() {
    lab::scenario(Flavour::Sid, |lab, flavour| {
        let host = Host::new(lab, SHOP);
        let seeder = lab.rtorrent(flavour).start().unwrap();
        let waits = format!("((execute.nothrow, \"{SEEDSHIP}\", finished, ((d.hash))))");
        let line = format!("method.set_key = {EVENT}, zz_seedship, {waits}");
        let node = host.node(flavour).line(&line).start().unwrap();
        let (torrent, payload) = release(lab, "1.0");
        download(&node, &seeder, &torrent, &payload);
        let pid = node.pid().unwrap();
        let hook = || {
            let children = fs::read_to_string(format!("/proc/{pid}/task/{pid}/children")).ok()?;
            let mut children = children.split_whitespace();
            children
                .find(|child| {
                    let line = fs::read_to_string(format!("/proc/{child}/cmdline"));
                    line.is_ok_and(|line| line.contains("finished"))
                })
                .map(str::to_owned)
        };
        await_for("the hook", || hook().is_some()).unwrap();
        let waited_for = hook().unwrap();
        let found = Found::of(&host, &[]);
        found.is("rtorrent", "fault", "no answer in time");
        found.is("rtorrent-waits", "warning", &format!("process {waited_for}"));
        assert_eq!(found.code, 69);
        // Everything else was looked at all the same.
        found.is("root", "ok", "in one step");
    });
}
