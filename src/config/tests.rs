//! The room as a whole: text in, a configuration or a sentence about its mistake out.

use super::*;
use crate::{config::place::names, release::Order};
use proptest::prelude::*;

/// Whoever mends one thing at a time waits for a timer between two of them.
#[test]
fn a_check_tells_every_fault_at_once() {
    let main = "[bogus]\n[rtorrent]\nscgi = 1\n[log]\nlevel = \"loud\"\n[apps.shop]\nroot = \"x\"\n\
                [apps.blog]\nmatch = 1\n";
    let fragment = |name: &str, text: &str| Fragment { path: name.into(), text: text.into() };
    let fragments =
        [fragment("main", main), fragment("more", "[half"), fragment("rest", "[odd]\n")];
    let told: Vec<String> =
        Config::check(&fragments).unwrap_err().iter().map(ToString::to_string).collect();
    for word in ["`bogus`", "line 3, column 8", "`loud`", "path `x`", "line 9", "`more`", "`odd`"] {
        assert!(told.iter().any(|fault| fault.contains(word)), "{word}: {told:#?}");
    }
    assert_eq!(told.len(), 7, "{told:#?}");
    // A run needs the first alone.
    assert_eq!(Config::merge(fragments.to_vec()).unwrap_err().to_string(), told[0]);
}
use serde::Deserialize;
use std::{collections::BTreeMap, time::Duration};

/// The example that is shipped.
const EXAMPLE: &str = include_str!("../../packaging/config.toml");

/// An app in four lines, with nothing but what it needs.
const SHOP: &str =
    "[apps.shop]\nmatch = \"shop-{version}\"\nroot = \"/srv/shop\"\nunsigned = \"accept\"\n";

fn fragments<T: AsRef<str>>(texts: impl IntoIterator<Item = T>) -> Vec<Fragment> {
    let fragment = |(number, text): (usize, T)| Fragment {
        path: format!("/etc/{number}.toml").into(),
        text: text.as_ref().into(),
    };
    texts.into_iter().enumerate().map(fragment).collect()
}

fn merge(text: &str) -> Result<Config> {
    Config::merge(fragments([text]))
}

fn app(table: &str) -> App {
    let config = merge(&format!("{SHOP}{table}")).unwrap();
    config.app("shop").unwrap().clone()
}

/// An app of those patterns, its root by its name.
fn app_of_pattern(name: &str, patterns: &str) -> String {
    format!("[apps.{name}]\nmatch = {patterns}\nroot = \"/srv/{name}\"\nunsigned = \"accept\"\n")
}

/// The error as a sentence with its hint; a wrong configuration is always 78.
fn complaint(error: &Error) -> String {
    assert_eq!(error.exit, Exit::Config, "{error}");
    format!("{error} ({})", error.hint.as_deref().unwrap_or("no hint"))
}

#[test]
fn defaults_are_those_that_are_documented() {
    let config = merge(SHOP).unwrap();
    assert_eq!(config.rtorrent.scgi, Scgi::Unix("/run/rtorrent/rpc.sock".into()));
    assert_eq!(config.rtorrent.session, PathBuf::from("/var/lib/rtorrent/session"));
    assert_eq!(config.log.facility, Facility::Daemon);
    assert_eq!((config.log.level, config.log.socket), (log::LevelFilter::Info, "/dev/log".into()));
    let shop = &config.apps[0];
    let expected = App {
        name: "shop".into(),
        patterns: vec![Pattern::try_from("shop-{version}".to_owned()).unwrap()],
        root: "/srv/shop".into(),
        trust: Trust::Unsigned,
        activate: Activate::Auto,
        keep: 5,
        downloads: Downloads::WithRelease,
        shared: vec![],
        strip: 0,
        must_exist: vec![],
        run: Run {
            prepare: vec![],
            activated: vec![],
            check: vec![],
            timeout: Duration::from_secs(60),
        },
        limits: Limits {
            bytes: 16 << 30,
            files: 1_000_000,
            depth: 64,
            path: 1024,
            ratio: 200,
            memory: 64 << 20,
            torrent: 8 << 20,
            zip_entries: 100_000,
        },
        case: Case::Refuse,
        lock_wait: Duration::from_secs(600),
        linger: Duration::from_secs(3600),
        min_free: 1 << 30,
        mode: Mode::Public,
        env: BTreeMap::new(),
        digest: shop.digest.clone(),
    };
    assert_eq!(*shop, expected);
    assert_eq!(shop.digest.len(), 16);
}

/// A mistake in the table of `shop`, which begins in line 5: where, what, and what to do.
#[test]
fn a_wrong_app_is_told_where_and_what_to_write_instead() {
    for (table, place, cause, hint) in [
        ("keeep = 1", "line 5, column 1", "unknown key `keeep`", "did you mean `keep`?"),
        ("a = 1", "line 5, column 1", "unknown key `a`", "known here: `match`, `root`"),
        ("keep = 0", "line 5, column 8", "`keep` is 0", "write 1 or more"),
        ("keep = \"5\"", "line 5, column 8", "expected a whole number", "no hint"),
        ("keep = -1", "line 5, column 8", "expected a whole number", "no hint"),
        ("linger = 60", "line 5, column 10", "`60` is no time span", "write \"60s\""),
        ("linger = \"60\"", "line 5, column 10", "`60` is no time span", "write \"60s\""),
        ("linger = \"1w\"", "line 5, column 10", "`1w` is no time span", "\"7d\""),
        ("linger = true", "line 5, column 10", "expected a number with its unit", "no hint"),
        ("min_free = \"5gb\"", "line 5, column 12", "`5gb` is no size", "\"10GB\""),
        ("limits.memory = 64", "line 5, column 17", "`64` is no size", "write \"64MiB\""),
        ("limits.bites = 1", "line 5, column 8", "unknown key `bites`", "`bytes`?"),
        ("activate = \"atuo\"", "line 5, column 12", "unknown value `atuo`", "`auto`?"),
        ("strip = true", "line 5, column 9", "expected a whole number", "no hint"),
        ("must_exist = \"web\"", "line 5, column 14", "expected a list", "no hint"),
        ("must_exist = [\"a\", \"../b\"]", "line 5, column 20", "`../b` is no path", "names"),
        ("shared = [\"/a\"]", "line 5, column 11", "`/a` is no path inside", "names"),
        ("shared = [\"a\\nb\"]", "line 5, column 11", "`a\\x0Ab` is no path", "names"),
        ("shared = [\"a/b\", \"a\"]", "line 5, column 18", "`a/b` and `a` overlap", "outer"),
        ("shared = [\"a\", \"a\"]", "line 5, column 16", "`a` and `a` overlap", "outer"),
        ("shared = [{path = \"a\", to = \"/b\"}]", "line 5, column 24", "unknown key `to`", "path"),
        ("shared = [{path=\"a\",target=\"b\"}]", "line 5, column 28", "not begin with `/`", "/b"),
        ("shared = [7]", "line 5, column 11", "expected a path, or a table of", "no hint"),
        ("public_keys = []", "line 4, column 12", "beside `public_keys`", "one of the two"),
        ("public_keys = [\"RWx\"]", "line 5, column 16", "no minisign public key", "no hint"),
        ("env = { \"A B\" = \"\" }", "line 5, column 7", "`A B` is no name", "no hint"),
        ("env = { SEEDSHIP_X = \"\" }", "line 5, column 7", "itself sets", "does not begin"),
        ("env = { A = \"\\u0000\" }", "line 5, column 7", "value of `A` holds a NUL", "no hint"),
        ("env = { A = 1 }", "line 5, column 13", "expected a string", "no hint"),
        ("run.check = \"curl -f x\"", "line 5, column 13", "expected a list", "no hint"),
        ("run.check = [\"curl x\"]", "line 5, column 14", "no shell", "[[\"curl\", \"x\"]]"),
        ("run.check = [\"curl\", \"x\"]", "line 5, column 14", "no shell", "[[\"curl\", …]]"),
        ("mode = true", "line 5, column 8", "expected a word in quotes", "no hint"),
        ("run.check = [[]]", "line 5, column 14", "names no program", "no hint"),
        ("run.check = [[\"\"]]", "line 5, column 14", "names no program", "no hint"),
        ("run.timeout = \"0s\"", "line 5, column 15", "`timeout` of nothing", "no hint"),
    ] {
        let config = merge(&format!("{SHOP}{table}\n{}", app_of_pattern("blog", "'b-{tag}'")));
        let config = config.unwrap();
        let text = complaint(&config.app("shop").unwrap_err());
        for part in [&format!("could not read `/etc/0.toml`, {place}: "), cause, hint] {
            assert!(text.contains(part), "{table}\n{text}\n{part}");
        }
        assert!(config.app("blog").is_ok(), "{table} broke another app");
        assert_eq!(config.broken[0].root, Some("/srv/shop".into()));
        assert_eq!(config.faults().count(), 1);
        assert!(config.incomplete().is_none(), "its pattern is known");
    }
}

#[test]
fn an_app_needs_a_match_a_root_a_word_on_signatures_and_a_name() {
    for (text, cause) in [
        ("[apps.a]\nroot = \"/a\"\nunsigned = \"accept\"", "missing key `match`"),
        ("[apps.a]\nmatch = \"{tag}\"\nunsigned = \"accept\"", "missing key `root`"),
        ("[apps.a]\nmatch = \"{tag}\"\nroot = \"/a\"", "nothing says whose releases it takes"),
        ("[apps.a]\nmatch = \"{tag}\"\nroot = \"/a\"\npublic_keys = []", "`public_keys` is empty"),
        ("[apps.a]\nmatch = []\nroot = \"/a\"\nunsigned = \"accept\"", "patterns is empty"),
        ("[apps.a]\nmatch = \"{tga}\"\nroot = \"/a\"", "`{tga}` has no placeholder"),
        ("[apps.a]\nmatch = [\"x\"]\nroot = \"/a\"", "the pattern `x` has no placeholder"),
        ("[apps.a]\nmatch = 7\nroot = \"/a\"", "expected a string or a list of strings"),
        ("[apps.a]\nmatch = \"{tag}\"\nroot = \"srv/a\"", "does not begin with `/`"),
        ("[apps.a]\nmatch = \"{tag}\"\nroot = \"/\"", "the path is `/`"),
        ("[apps.a]\nmatch = \"{tag}\"\nroot = \"/a\"\nunsigned = \"yes\"", "unknown value `yes`"),
        (&app_of_pattern("a", "['a-{tag}', 'b-{version}']"), "no common order"),
        (&app_of_pattern("a", "'{tag}'").replace("s.a", "s.'a b'"), "`a b` is no name of an app"),
        (&app_of_pattern("a", "'{tag}'").replace("s.a", "s.'.a'"), "`.a` is no name of an app"),
        ("apps.a = 7", "expected a table"),
        ("apps.a = []", "expected a table"),
    ] {
        let config = merge(text).unwrap();
        assert!(config.apps.is_empty(), "{text}");
        let text = complaint(&config.broken[0].error);
        assert!(text.contains(cause), "{text}\n{cause}");
    }
}

#[test]
fn what_concerns_every_app_breaks_the_whole() {
    let (deep, dotted) = (format!("a = {}", "[".repeat(99_999)), "a.".repeat(99_999) + "a = 1");
    let long = format!("[rtorrent]\nscgi = \"/{}\"", "s".repeat(107));
    for (text, cause, hint) in [
        ("[app.shop]", "unknown key `app`", "did you mean `apps`?"),
        ("apps = 3", "`apps` is a table", "no hint"),
        ("rtorrent = 3", "expected a table", "no hint"),
        ("[rtorrent]\nsgci = \"/a\"", "line 2, column 1: unknown key `sgci`", "`scgi`?"),
        ("[log]\nlevel = \"inof\"", "line 2, column 9: unknown value `inof`", "`info`?"),
        ("[log]\nfacility = \"demon\"", "unknown value `demon`", "`daemon`?"),
        ("[rtorrent]\nscgi = \"127.0.0.1:5000\"", "is a TCP address", "allow_tcp = true"),
        ("[rtorrent]\nscgi = \"rpc.sock\"", "neither the path of a socket", "/run/"),
        ("[rtorrent]\nscgi = \"a/b:1\"", "neither the path of a socket", "/run/"),
        ("[rtorrent]\nsession = \"session\"", "does not begin with `/`", "/srv/session"),
        (&long, "at most 107 bytes, this one has 108", "no hint"),
        (&deep, "max recursion depth met", "no hint"),
        (&dotted, "recursion limit", "no hint"),
        ("a = 1\na = 2", "line 2, column 1: duplicate key", "no hint"),
        ("[apps.shop\n", "line 1, column 11", "no hint"),
        ("# \0", "line 1, column 3: a byte that is no text", "no hint"),
    ] {
        let text = complaint(&merge(text).unwrap_err());
        assert!(text.contains(cause) && text.contains(hint), "{text}\n{cause}\n{hint}");
    }
}

#[test]
fn a_socket_may_be_tcp_if_that_is_said_in_any_file() {
    let texts = ["[rtorrent]\nscgi = \"[::1]:5000\"", "[rtorrent]\nallow_tcp = true"];
    let config = Config::merge(fragments(texts)).unwrap();
    assert_eq!(config.rtorrent.scgi, Scgi::Tcp("[::1]:5000".into()));
}

#[test]
fn tables_merge_and_nothing_is_overridden() {
    let texts = ["[log]\nlevel = \"warn\"", "[log]\nfacility = \"local3\"", SHOP];
    let config = Config::merge(fragments(texts)).unwrap();
    assert_eq!((config.log.level, config.log.facility), (log::LevelFilter::Warn, Facility::Local3));
    assert_eq!(config.apps.len(), 1);

    let texts = ["[log]\nlevel = \"warn\"", "\n\n[log]\nlevel = \"warn\""];
    let text = complaint(&Config::merge(fragments(texts)).unwrap_err());
    assert!(text.contains("`/etc/1.toml`, line 4, column 1: `log.level` stands here"), "{text}");
    assert!(text.contains("and in `/etc/0.toml`, line 2, column 1"), "{text}");
}

#[test]
fn an_app_stands_in_one_file() {
    let texts = [SHOP, "[apps.shop]\nmatch = \"s-{tag}\"", &app_of_pattern("blog", "'blog-{tag}'")];
    let config = Config::merge(fragments(texts)).unwrap();
    let text = complaint(&config.app("shop").unwrap_err());
    assert!(text.contains("`/etc/1.toml`, line 1, column 7: app `shop` stands here"), "{text}");
    assert!(text.contains("and in `/etc/0.toml`, line 1, column 7"), "{text}");
    assert!(config.app("blog").is_ok());
    for torrent in ["shop-1", "s-1"] {
        assert!(config.app_of(torrent.as_bytes()).is_err(), "{torrent} is still the app's");
    }
}

#[test]
fn a_file_that_is_no_toml_hides_its_apps_and_no_others() {
    let config = Config::merge(fragments([SHOP, "[apps.blog"])).unwrap();
    assert!(config.app("shop").is_ok());
    assert_eq!(config.app_of(b"blog-1").unwrap(), Match::None);
    let why = complaint(config.incomplete().unwrap());
    assert!(why.contains("`/etc/1.toml`, line 1, column 11"), "{why}");
    assert_eq!(complaint(&config.app("blog").unwrap_err()), why);
    assert_eq!(config.faults().count(), 1);

    let config = merge("[apps.blog]\nmatch = 7\nroot = \"/a\"").unwrap();
    assert!(config.incomplete().is_some(), "which torrents are blog's is not known either");
}

#[test]
fn an_unknown_app_is_told_the_known_ones() {
    let text = format!("{SHOP}{}", app_of_pattern("blog", "7"));
    let error = merge(&text).unwrap().app("a\nb").unwrap_err();
    assert_eq!(error.exit, Exit::NotFound);
    assert!(error.to_string().contains("app `a\\x0Ab`"), "{error}");
    assert_eq!(error.hint.unwrap(), "configured are `shop`, `blog`");
}

#[test]
fn the_most_literal_pattern_says_whose_a_torrent_is() {
    let text = app_of_pattern("shop", "['shop-{tag}', 'old-{tag}.tar', 'shop-old-{tag}.tar.gz']")
        + &app_of_pattern("admin", "'shop-admin-{tag}'")
        + &app_of_pattern("old", "'old-{tag}'");
    let config = merge(&text).unwrap();
    let found = |name: &[u8]| match config.app_of(name).unwrap() {
        Match::One(app, version) => format!("{} {version}", app.name),
        Match::Literal(app) => format!("{} literally", app.name),
        Match::None => "none".to_owned(),
    };
    assert_eq!(found(b"shop-1.0"), "shop 1.0");
    assert_eq!(found(b"shop-admin-1.0"), "admin 1.0");
    assert_eq!(found(b"old-1.tar"), "shop 1");
    assert_eq!(found(b"shop-old-1.tar.gz"), "shop 1");
    assert_eq!(found(b"old-1.tgz"), "old 1.tgz");
    assert_eq!(found(b"shop-admin-\xff\n"), "admin literally");
    assert_eq!(found(b"shop-"), "shop literally");
    assert_eq!(found(b"shop"), "none");
    assert_eq!(found(b""), "none");
}

#[test]
fn a_tie_names_both_apps() {
    let text = app_of_pattern("a", "'x-{version}'") + &app_of_pattern("b", "'{version}-x'");
    let config = merge(&text).unwrap();
    assert!(matches!(config.app_of(b"x-1").unwrap(), Match::One(app, _) if app.name == "a"));
    let config = merge(&(app_of_pattern("a", "'x-{tag}'") + &app_of_pattern("b", "'{tag}-x'")));
    let text = complaint(&config.unwrap().app_of(b"x-x-x").unwrap_err());
    assert!(text.contains("`x-{tag}` of app `a` and `{tag}-x` of app `b`"), "{text}");
}

#[test]
fn a_broken_app_keeps_its_torrents_from_others() {
    let text = app_of_pattern("all", "'{tag}'") + SHOP + "keep = 0\n";
    let config = merge(&text).unwrap();
    let error = complaint(&config.app_of(b"shop-1.0").unwrap_err());
    assert!(error.contains("`keep` is 0"), "{error}");
    assert!(matches!(config.app_of(b"blog").unwrap(), Match::One(app, _) if app.name == "all"));
}

#[test]
fn one_root_is_for_one_app() {
    for (inner, how) in [("/srv/shop", "is also"), ("/srv/shop/a", "holds"), ("/srv", "lies in")] {
        let other = app_of_pattern("z", "'z-{tag}'").replace("/srv/z", inner) + "keep = 0\n";
        let blog = app_of_pattern("blog", "'blog-{tag}'");
        let config = merge(&format!("{SHOP}{other}{}", blog.replace("/srv", "/web"))).unwrap();
        let text = complaint(&config.app("shop").unwrap_err());
        assert!(text.contains("app `z`") && text.contains("of app `shop`"), "{text}");
        let seen = ["is also", "lies in", "holds"].into_iter().find(|how| text.contains(how));
        let mirrored = match how {
            "holds" => "lies in",
            "lies in" => "holds",
            same => same,
        };
        assert_eq!(seen, Some(mirrored), "{text}");
        assert!(config.app("z").unwrap_err().to_string().contains("`keep` is 0"), "its own first");
        assert!(config.app("blog").is_ok());
    }
    let beside = SHOP.replace("shop", "shopping");
    assert_eq!(merge(&format!("{SHOP}{beside}")).unwrap().apps.len(), 2, "not nested");
}

#[test]
fn releases_have_one_order() {
    assert_eq!(app("").order(), Order::Debian);
    assert_eq!(merge(&app_of_pattern("a", "'{tag}'")).unwrap().apps[0].order(), Order::Created);
    assert_eq!(merge(EXAMPLE).unwrap().apps[0].order(), Order::Published);
}

#[test]
fn the_digest_changes_with_whatever_changes_the_meaning() {
    assert_eq!(app("").digest, app("keep = 5\nlinger = \"60m\" # the defaults").digest);
    let changed = ["keep = 6", "strip = 1", "limits.depth = 3", "env = { A = \"b\" }"];
    let mut digests: Vec<_> = changed.into_iter().map(|table| app(table).digest).collect();
    digests.push(app("").digest);
    digests.sort();
    digests.dedup();
    assert_eq!(digests.len(), changed.len() + 1);
}

#[test]
fn what_is_shown_is_read_back_as_the_same() {
    let text = EXAMPLE.to_owned()
        + "[apps.a]\nroot = \"/a\"\nunsigned = \"accept\"\nmatch = ['\\{tag}\"\\n']\nkeep = 9\n\
           shared = [{ path = \"x\", target = \"/y\" }]\nlinger = \"61s\"\nmin_free = \"10GB\"\n\
           case = \"accept\"\nmode = \"private\"\nactivate = \"manual\"\ndownloads = \"keep\"\n\
           strip = 3\nmust_exist = [\"x/y\"]\nlock_wait = \"3s\"\nrun.timeout = \"7s\"\n\
           env = { A = \"\\u001b\\\"\" }\nlimits = { bytes = \"1B\", files = 2, depth = 3, path = 4, ratio = 5, memory = \"6B\",\
           torrent = \"7B\", zip_entries = 8 }\n\
           [apps.bad]\nmatch = \"bad-{tag}\"\nroot = \"/bad\"\n";
    let texts = [&text, "[rtorrent]\nscgi = \"localhost:1\"\nallow_tcp = true", "x = "];
    let config = Config::merge(fragments(texts)).unwrap();
    assert_eq!(config.apps.len(), 2);
    let shown = config.to_toml().unwrap();
    assert!(shown.contains("\n# app `bad` cannot be used: "), "{shown}");
    assert!(shown.contains("\n# its apps are not known: could not read `/etc/2.toml`"), "{shown}");
    let again = merge(&shown).unwrap();
    assert_eq!(again.apps, config.apps, "{shown}");
    assert_eq!(again.rtorrent, config.rtorrent);
    assert_eq!(again.log, config.log);
    assert_eq!(again.faults().count(), 0);
}

#[test]
fn the_example_is_sound_and_every_key_it_comments_out_is_its_default() {
    let config = merge(EXAMPLE).unwrap();
    assert_eq!(config.faults().map(ToString::to_string).collect::<Vec<_>>(), [""; 0]);
    // Uncommented but for what has no default, it means the same.
    let no_default = ["unsigned", "prepare", "activated", "check", "DRUPAL_ENV"];
    let uncomment = |line: &'static str| {
        let key = line.strip_prefix("# ").filter(|rest| {
            let name = rest.split_once(" = ").map_or("", |(name, _)| name);
            let plain = |c: char| c.is_ascii_alphanumeric() || c == '_';
            !name.is_empty() && name.chars().all(plain) && !no_default.contains(&name)
        });
        key.unwrap_or(line)
    };
    let all: Vec<_> = EXAMPLE.lines().map(uncomment).collect();
    assert!(all.len() - EXAMPLE.lines().zip(&all).filter(|(a, b)| a == *b).count() > 20);
    let all = merge(&all.join("\n")).unwrap();
    assert_eq!(all.apps, config.apps);
    assert_eq!((all.rtorrent, all.log), (config.rtorrent, config.log));
}

/// The keys of a table as serde knows them.
fn keys<T: for<'t> Deserialize<'t>>() -> Vec<String> {
    let error = toml::from_str::<T>("'?' = 0").err().unwrap();
    names(error.message().rsplit_once("expected ").unwrap().1)
        .into_iter()
        .map(String::from)
        .collect()
}

#[test]
fn the_example_documents_every_key_in_the_words_of_its_field() {
    let source = include_str!("written.rs");
    for (section, keys) in [
        ("Rtorrent", keys::<written::Rtorrent>()),
        ("Log", keys::<written::Log>()),
        ("App", keys::<written::App>()),
        ("Limits", keys::<written::Limits>()),
        ("Run", keys::<written::Run>()),
    ] {
        let body = source.split_once(&format!("pub(super) struct {section} {{\n")).unwrap().1;
        let body = body.split_once("\n}\n").unwrap().0;
        let fields: Vec<_> = body.split_inclusive(",\n").collect();
        assert_eq!(fields.len(), keys.len(), "{section}");
        for (field, key) in fields.iter().zip(keys) {
            let doc = field.lines().filter_map(|line| line.trim().strip_prefix("/// "));
            let doc: String = doc.map(|line| format!("# {line}\n")).collect();
            assert!(!doc.is_empty(), "{section}.{key}");
            let at = EXAMPLE.find(&doc).unwrap_or_else(|| panic!("{section}.{key}: {doc}"));
            let next = &EXAMPLE[at + doc.len()..];
            let next = next.lines().find(|line| line.contains(" = ") || line.starts_with('['));
            let next = next.unwrap().trim_start_matches("# ");
            let starts = next.starts_with(&format!("{key} = "));
            assert!(starts || next.ends_with(&format!(".{key}]")), "{key}: {next}");
        }
    }
    assert_eq!(keys::<written::File>(), ["rtorrent", "log", "apps"]);
}

proptest! {
    #[test]
    fn no_text_makes_it_panic(main in ".*", other in ".*") {
        if let Ok(config) = Config::merge(fragments([main, other])) {
            let _ = config.app_of(b"x");
        }
    }

    /// Nearly right files: the example with a piece cut out, replaced or doubled.
    #[test]
    fn no_damage_makes_it_panic_or_forget_what_it_shows(at in 0..EXAMPLE.len(), len in 0usize..40, put in "[a-z0-9\"\\[\\]{}=\n./#é-]{0,8}") {
        let end = (at + len).min(EXAMPLE.len());
        let text = format!("{}{put}{}", &EXAMPLE[..at], &EXAMPLE[end..]);
        if let Ok(config) = merge(&text) {
            let again = merge(&config.to_toml().unwrap()).unwrap();
            prop_assert_eq!(again.apps, config.apps);
        }
    }

    #[test]
    fn whatever_the_names_the_rules_hold(
        patterns in prop::collection::vec("[ab]{0,2}\\{(version|tag)\\}[ab]{0,2}", 1..5),
        name in "[ab1.]{0,6}",
    ) {
        let text: String = patterns.iter().enumerate()
            .map(|(i, pattern)| app_of_pattern(&format!("p{i}"), &format!("'{pattern}'"))).collect();
        let config = merge(&text).unwrap();
        let fits = |app: &&App| app.patterns[0].version(name.as_bytes()).is_some();
        let most = config.apps.iter().filter(fits).map(|app| app.patterns[0].literals()).max();
        match config.app_of(name.as_bytes()) {
            Ok(Match::One(app, _)) => prop_assert_eq!(Some(app.patterns[0].literals()), most),
            Ok(_) => prop_assert_eq!(most, None),
            Err(_) => {
                let best = config.apps.iter().filter(fits);
                prop_assert!(best.filter(|app| Some(app.patterns[0].literals()) == most).count() > 1);
            }
        }
    }
}
