//! Is the event bound, and bound right. Read by `method.get` alone.
//!
//! What is wrong with a binding rtorrent says to nobody: it loads, and at the event it fails, or runs
//! the program without its arguments, or waits for it for ever.

use super::{Area, Finding, reach::Version};
use crate::{
    error::{Exit, escaped},
    rtorrent::{
        Client, Handler,
        command::{Statement, Word},
    },
};
use std::{
    collections::BTreeSet, ffi::OsStr, fs, io::ErrorKind, os::unix::fs::PermissionsExt, path::Path,
};

/// The key that the shipped rc file gives the hook: behind rtorrent's own and most others.
pub(super) const KEY: &str = "zz_seedship";
/// What cures a wrong binding.
const FIX: &str = "seedship doctor --fix";

/// What was found of the binding.
#[derive(Debug, Default)]
pub(super) struct Hook {
    pub(super) findings: Vec<Finding>,
    /// A handler that calls the hook as it should.
    pub(super) right: Option<Call>,
    /// The first that names the hook, right or wrong.
    pub(super) called: Option<Call>,
    /// Handlers that are meant to call it, and do not.
    pub(super) wrong: Vec<Wrong>,
}

/// A call of the hook.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Call {
    pub(super) key: String,
    pub(super) program: String,
    /// Which configuration it names: `--config`, FILE; or nothing.
    pub(super) options: Vec<String>,
    /// Its handler does nothing else.
    pub(super) alone: bool,
}

/// A handler that does not work.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Wrong {
    pub(super) key: String,
    /// It does nothing else, so that nothing is lost with it.
    pub(super) alone: bool,
}

/// What is known beside the handlers.
pub(super) struct Known<'a> {
    pub(super) version: &'a Version,
    /// Commands that rtorrent does not have.
    pub(super) unknown: BTreeSet<String>,
    /// The name of this program's own file.
    pub(super) own_name: &'a OsStr,
    /// Why a program cannot be run, as far as that can be seen from here.
    pub(super) cannot_run: &'a dyn Fn(&str) -> Option<&'static str>,
}

/// Reads the handlers.
pub(super) fn look(rtorrent: &Client, version: &Version, program: &Path) -> Hook {
    let read = rtorrent.handlers().and_then(|handlers| {
        let unknown = rtorrent.unknown(commands(&handlers))?;
        Ok((handlers, unknown))
    });
    match read {
        Ok((handlers, unknown)) => {
            let own_name = program.file_name().unwrap_or_default();
            let known = Known { version, unknown, own_name, cannot_run: &cannot_run };
            judged(&handlers, &known)
        }
        Err(error) => {
            Hook { findings: vec![Finding::failed(Area::Hook, "hook", &error)], ..Hook::default() }
        }
    }
}

/// Handlers that rtorrent made for itself begin so.
fn is_its_own(handler: &&Handler) -> bool {
    handler.key.starts_with('!')
}

/// Every command that a handler uses.
fn commands(handlers: &[Handler]) -> BTreeSet<String> {
    let foreign = handlers.iter().filter(|handler| !is_its_own(handler));
    let statements = foreign.flat_map(|handler| handler.bound.statements().unwrap_or_default());
    statements.flat_map(|statement| used(&statement)).collect()
}

/// The command of a statement, and those whose answers are its arguments.
fn used(statement: &Statement) -> Vec<String> {
    let nested = statement.arguments.iter().filter_map(Word::calls).map(str::to_owned);
    std::iter::once(statement.command.clone()).chain(nested).collect()
}

/// Why a program cannot be run. Where this user may not look, nothing is said: rtorrent's child
/// tells.
fn cannot_run(program: &str) -> Option<&'static str> {
    match fs::metadata(program) {
        Ok(found) if found.is_dir() => Some("it is a directory"),
        Ok(found) if found.permissions().mode() & 0o111 == 0 => Some("it is not executable"),
        Ok(_) => None,
        Err(e) if matches!(e.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory) => {
            Some("there is no such file")
        }
        Err(_) => None,
    }
}

/// Judges every handler that is meant to be the hook, and those that may keep it from running.
pub(super) fn judged(handlers: &[Handler], known: &Known<'_>) -> Hook {
    let mut hook = Hook::default();
    let mut rights = Vec::new();
    let mut before: Vec<&Handler> = Vec::new();
    let mut meant: Option<&str> = None;
    for handler in handlers.iter().filter(|handler| !is_its_own(handler)) {
        let found = judge(handler, known, &mut hook);
        match found {
            Found::Another if meant.is_none() => before.push(handler),
            Found::Another => {}
            Found::Wrong => meant = meant.or(Some(&handler.key)),
            Found::Right => {
                meant = meant.or(Some(&handler.key));
                rights.push(handler.key.as_str());
            }
        }
    }
    match meant {
        None => hook.findings.insert(0, unbound(handlers)),
        Some(_) => {
            hook.findings.extend(before.iter().filter_map(|other| in_the_way(other, known)));
            if !handlers.iter().any(saves) {
                hook.findings.push(unsaved());
            }
        }
    }
    if rights.len() > 1 {
        let says = format!("the hook is bound {} times: `{}`", rights.len(), rights.join("`, `"));
        hook.findings.push(
            Finding::warning(Area::Hook, "hook-twice", says)
                .because("each release is looked at twice; the second look finds it landed")
                .cured_by("keep one of these lines in the rc file, and restart rtorrent"),
        );
    }
    hook
}

/// What a handler is to us.
enum Found {
    Another,
    Wrong,
    Right,
}

fn judge(handler: &Handler, known: &Known<'_>, hook: &mut Hook) -> Found {
    let key = escaped(handler.key.as_bytes());
    let statements = match handler.bound.statements() {
        Ok(statements) => statements,
        Err(_) if !is_meant(&handler.bound.shown(), known.own_name) => return Found::Another,
        Err(why) => {
            let says = format!("rtorrent cannot run `{key}`: {}", handler.bound.shown());
            hook.findings.push(wrong("hook-unreadable", says).because(why).cured_by(FIX));
            hook.wrong.push(Wrong { key: handler.key.clone(), alone: true });
            return Found::Wrong;
        }
    };
    let ours = meant(handler, &statements, known.own_name);
    let Some(first) = ours.first() else { return Found::Another };
    let itself = first.program().is_some_and(|program| is_ours(program, known.own_name));
    let call = call(&handler.key, first, statements.len() == 1 && itself);
    let problems: Vec<Finding> =
        ours.iter().flat_map(|statement| problems(&key, statement, known)).collect();
    let is_right = problems.is_empty();
    hook.findings.extend(problems);
    if is_right {
        let calls = format!("`{key}` calls {} for every finished download", program_of(first));
        hook.findings.push(Finding::ok(Area::Hook, "hook", calls));
        hook.right = hook.right.take().or(Some(call.clone()));
    } else {
        hook.wrong.push(Wrong { key: handler.key.clone(), alone: call.alone });
    }
    hook.called = hook.called.take().or(Some(call));
    if is_right { Found::Right } else { Found::Wrong }
}

/// The statements that are meant to run seedship. What runs under the key that is ours is meant to,
/// whatever it is called: somebody's own script is told of, and not overwritten.
fn meant<'s>(
    handler: &Handler,
    statements: &'s [Statement],
    own_name: &OsStr,
) -> Vec<&'s Statement> {
    let named: Vec<_> = statements.iter().filter(|s| is_hook(s, own_name)).collect();
    match named.is_empty() && handler.key == KEY {
        true => statements.iter().filter(|statement| is_run(statement)).collect(),
        false => named,
    }
}

/// A statement that runs a program.
fn is_run(statement: &Statement) -> bool {
    statement.command.starts_with("exec")
}

fn wrong(id: &'static str, says: String) -> Finding {
    Finding::fault(Exit::Config, Area::Hook, id, says)
}

fn program_of(statement: &Statement) -> String {
    format!("`{}`", escaped(statement.program().unwrap_or_default().as_bytes()))
}

/// A statement that is meant to run seedship, itself or through another program. A path that only
/// leads through a directory of that name is somebody else's.
fn is_hook(statement: &Statement, own_name: &OsStr) -> bool {
    let texts = || statement.arguments.iter().filter_map(Word::text);
    let whole = || texts().collect::<Vec<_>>().join(" ");
    let through = || is_meant(&whole(), own_name);
    is_run(statement)
        && (statement.program().is_some_and(|program| is_ours(program, own_name)) || through())
}

fn is_ours(program: &str, own_name: &OsStr) -> bool {
    let name = Path::new(program).file_name();
    name == Some(own_name) || name == Some(OsStr::new("seedship"))
}

/// The program's own name stands in a text, alone or at the end of a path, and `finished` beside it:
/// a path alone may be that of a directory.
fn is_meant(text: &str, own_name: &OsStr) -> bool {
    let mut words = text.split(|c: char| c.is_whitespace() || "=,;(){}\"'".contains(c));
    text.contains("finished") && words.any(|word| is_ours(word, own_name))
}

fn call(key: &str, statement: &Statement, alone: bool) -> Call {
    let mut words = statement.arguments.get(1..).unwrap_or_default().iter().filter_map(Word::text);
    let mut options = Vec::new();
    while let Some(word) = words.next() {
        let file = match word {
            "--config" => words.next(),
            _ => word.strip_prefix("--config="),
        };
        if let Some(file) = file {
            options = vec!["--config".to_owned(), file.to_owned()];
        }
    }
    let program = statement.program().unwrap_or_default().to_owned();
    Call { key: key.to_owned(), program, options, alone }
}

/// Everything that is wrong with a call of the hook.
fn problems(key: &str, statement: &Statement, known: &Known<'_>) -> Vec<Finding> {
    let mut found = Vec::new();
    let Statement { command, arguments } = statement;
    let version = &known.version.text;
    if known.unknown.contains(command) {
        let says = format!("`{key}` uses `{command}`, which rtorrent {version} does not have");
        let cause = "a command that there is not fails at the event, and nobody is told";
        found.push(wrong("hook-command", says).because(cause).cured_by(FIX));
    } else if command == "execute2" {
        let says = format!("`{key}` uses `{command}`");
        let warning = Finding::warning(Area::Hook, "hook-command", says);
        found.push(warning.because("rtorrent 0.16 does not have it any more").cured_by(FIX));
    }
    if !command.ends_with(".bg") {
        found.push(foreground(key, command, known.version));
    }
    let program = statement.program().unwrap_or_default();
    if !is_ours(program, known.own_name) {
        let says = format!("`{key}` calls seedship through {}", program_of(statement));
        let cause = "what that makes of it cannot be told from here";
        found.push(
            Finding::warning(Area::Hook, "hook-through", says)
                .because(cause)
                .cured_by("call seedship itself, with the hash alone: see rtorrent.rc.example"),
        );
        return found;
    }
    if !program.starts_with('/') {
        let says = format!("`{key}` calls {}", program_of(statement));
        let cause = "it is no absolute path: rtorrent's own PATH decides what is run";
        found.push(wrong("hook-program", says).because(cause).cured_by(FIX));
    } else if let Some(why) = (known.cannot_run)(program) {
        let says = format!("`{key}` calls {}, which cannot be run", program_of(statement));
        found.push(wrong("hook-program", says).because(why).cured_by(FIX));
    }
    found.extend(wrong_arguments(key, arguments.get(1..).unwrap_or_default()));
    found
}

fn foreground(key: &str, command: &str, version: &Version) -> Finding {
    let says = format!("`{key}` waits for the hook: `{command}` runs it in the foreground");
    let text = &version.text;
    if version.waits_alone() {
        let cause = format!("the hook asks rtorrent back, and {text} answers nobody meanwhile");
        return wrong("hook-foreground", says).because(cause).cured_by(FIX);
    }
    let cause = format!("{text} stands still for the whole deploy; 0.16 would for ever");
    Finding::warning(Area::Hook, "hook-foreground", says).because(cause).cured_by(FIX)
}

/// `finished` and the hash, and at most the options of every command.
fn wrong_arguments(key: &str, words: &[Word]) -> Option<Finding> {
    let mut rest: Vec<&Word> = Vec::new();
    let mut words = words.iter();
    while let Some(word) = words.next() {
        match word.text() {
            Some("--config") => drop(words.next()),
            Some("--json") => {}
            Some(text) if text.starts_with("--config=") => {}
            _ => rest.push(word),
        }
    }
    let shown = |words: &[&Word]| {
        let words: Vec<String> = words.iter().map(ToString::to_string).collect();
        format!("`{key}` calls it with `{}`", escaped(words.join(" ").as_bytes()))
    };
    let (id, cause) = match rest.as_slice() {
        [first, ..] if first.text() != Some("finished") => {
            ("hook-arguments", "the first argument must be `finished`")
        }
        [] => ("hook-arguments", "the arguments are missing: `finished` and the info hash"),
        [_] => ("hook-hash", "the info hash is missing"),
        [_, hash, ..] if hash.calls() != Some("d.hash") => {
            ("hook-hash", "the info hash must be the answer of a command: `((d.hash))`")
        }
        [_, _] => return None,
        _ => ("hook-arguments", "there are more than `finished` and the info hash"),
    };
    Some(wrong(id, shown(&rest)).because(cause).cured_by(FIX))
}

fn unbound(handlers: &[Handler]) -> Finding {
    let keys: Vec<String> = handlers
        .iter()
        .filter(|handler| !is_its_own(handler))
        .map(|handler| escaped(handler.key.as_bytes()))
        .collect();
    let cause = match keys.is_empty() {
        true => "no handler of `event.download.finished` was bound".to_owned(),
        false => format!("`event.download.finished` runs `{}` alone", keys.join("`, `")),
    };
    let says = "a finished download does not call seedship".to_owned();
    wrong("hook-unbound", says).because(cause).cured_by(FIX)
}

/// Another handler that runs first and fails, or may fail: rtorrent skips those behind it.
fn in_the_way(other: &Handler, known: &Known<'_>) -> Option<Finding> {
    let key = escaped(other.key.as_bytes());
    let cure = format!("correct it, or give it a key behind `{KEY}`, such as `zzz_{key}`");
    let fails = |why: String| {
        let says = format!("`{key}` runs before the hook and fails: {}", other.bound.shown());
        let cause = format!("{why}; rtorrent then skips every handler behind it");
        wrong("hook-behind", says).because(cause).cured_by(&cure)
    };
    let statements = match other.bound.statements() {
        Ok(statements) => statements,
        Err(why) => return Some(fails(why.to_owned())),
    };
    for statement in &statements {
        if let Some(unknown) = used(statement).iter().find(|name| known.unknown.contains(*name)) {
            return Some(fails(format!("there is no command `{}`", escaped(unknown.as_bytes()))));
        }
        if !statement.command.starts_with("execute") {
            continue;
        }
        let quiet = statement.command.contains("nothrow");
        let missing = statement.program().filter(|program| program.starts_with('/'));
        let why = missing.and_then(|program| (known.cannot_run)(program));
        if let Some(why) = why.filter(|_| !quiet || known.version.throws_for_missing()) {
            return Some(fails(format!("{}: {why}", program_of(statement))));
        }
        if !quiet && !statement.command.ends_with(".bg") {
            let says =
                format!("`{key}` runs before the hook and may fail: {}", other.bound.shown());
            let cause = "if that program does not end with 0, rtorrent skips the hook";
            return Some(
                Finding::warning(Area::Hook, "hook-behind", says).because(cause).cured_by(cure),
            );
        }
    }
    None
}

fn saves(handler: &Handler) -> bool {
    let statements = handler.bound.statements().unwrap_or_default();
    statements.iter().any(|statement| statement.command == "d.save_full_session")
}

fn unsaved() -> Finding {
    let says = "rtorrent writes only every 20 minutes that a download is complete";
    Finding::note(Area::Hook, "hook-unsaved", says)
        .because("should rtorrent die before, a sweep without it cannot know")
        .cured_by("method.set_key = event.download.finished, yy_save, ((d.save_full_session))")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rtorrent::Bound;
    use proptest::prelude::*;

    fn judge(handlers: &[Handler]) -> Hook {
        let version = Version::parse("0.16.17");
        let known = Known {
            version: &version,
            unknown: BTreeSet::new(),
            own_name: OsStr::new("seedship"),
            cannot_run: &|_| None,
        };
        judged(handlers, &known)
    }

    fn text(key: &str, text: &str) -> Handler {
        Handler { key: key.into(), bound: Bound::Text(text.into()) }
    }

    #[test]
    fn a_path_that_leads_by_our_name_is_not_ours() {
        for other in [
            "execute.nothrow.bg=/srv/seedship/notify,finished,$d.hash=",
            "execute.nothrow.bg=rsync,/etc/seedship,elsewhere",
            "print=seedship",
            // What rtorrent cannot run does nothing, and it is not ours to take away.
            "execute.nothrow=/usr/bin/rsync -a /etc/seedship backup:",
            "(print,/srv/www/seedship)",
        ] {
            let hook = judge(&[text("aa", other)]);
            assert_eq!((hook.wrong, hook.right, hook.called), (vec![], None, None), "{other}");
            assert_eq!(hook.findings[0].id, "hook-unbound", "{other}");
        }
    }

    #[test]
    fn what_goes_through_another_program_is_not_taken_away() {
        let sudo = "execute.nothrow.bg=sudo,-u,web,/usr/bin/seedship,finished,$d.hash=";
        let hook = judge(&[text("aa", sudo)]);
        assert_eq!(hook.wrong, [Wrong { key: "aa".into(), alone: false }]);
        assert_eq!(hook.findings[0].id, "hook-through");
    }

    #[test]
    fn what_stands_under_our_own_key_is_not_overwritten() {
        let wrapper = "execute.nothrow.bg=/usr/local/bin/deploy.sh,$d.hash=";
        let hook = judge(&[text(KEY, wrapper)]);
        assert_eq!(hook.wrong, [Wrong { key: KEY.into(), alone: false }]);
        assert_eq!(hook.findings[0].id, "hook-through");
        assert!(hook.findings[0].says.contains("`/usr/local/bin/deploy.sh`"), "{hook:?}");
        let hook = judge(&[text("mine", wrapper)]);
        assert_eq!((hook.wrong, hook.findings[0].id), (vec![], "hook-unbound"));
    }

    #[test]
    fn options_of_every_command_are_right() {
        for (options, config) in [
            ("\"--config\",\"/a b/c.toml\",", "/a b/c.toml"),
            ("--config=/c.toml,", "/c.toml"),
            ("--json,", ""),
        ] {
            let bound = format!("execute.nothrow.bg=/usr/bin/seedship,{options}finished,$d.hash=");
            let hook = judge(&[text("aa", &bound)]);
            assert!(hook.wrong.is_empty(), "{bound}: {:?}", hook.findings);
            let known = ["--config", config].map(str::to_owned);
            let known = if config.is_empty() { &[][..] } else { &known[..] };
            assert_eq!(hook.right.unwrap().options, known, "{bound}");
        }
    }

    #[test]
    fn a_wrong_argument_is_no_option() {
        for words in ["sweep", "finished,$d.hash=,--verbose", "finished,--config"] {
            let hook =
                judge(&[text("aa", &format!("execute.nothrow.bg=/usr/bin/seedship,{words}"))]);
            assert_eq!(hook.called.unwrap().options, [""; 0], "{words}");
        }
    }

    #[test]
    fn two_right_ones_are_one_too_many() {
        let right = "execute.nothrow.bg=/usr/bin/seedship,finished,$d.hash=";
        let hook = judge(&[text("aa", right), text("bb", right)]);
        assert!(hook.findings.iter().any(|finding| finding.id == "hook-twice"));
        assert_eq!(hook.right.unwrap().key, "aa");
    }

    proptest! {
        #[test]
        fn nothing_that_is_bound_panics(key in ".{0,9}", bound in "[a-z.=,;{}()\"\\\\$ /]{0,40}") {
            judge(&[text(&key, &bound), text("zz", &format!("execute=/seedship,{bound}"))]);
        }
    }
}
