//! For how long servers answer the old release after a single switch.
//!
//! All of them serve the same site and are asked at the same time, so that one switch and one wait
//! are enough.

use crate::{served::WORK, told::say, way};
use lab::{
    Error, Lab, Result,
    halves::{self, Answer},
    load,
    nginx::{Builder, Nginx, Root},
    php::{NO_OPCACHE, NO_REALPATH_CACHE, Php, Setting},
    switcher::{VERSIONS, link_text},
};
use seedship::{
    store::CURRENT,
    table::{self, Table},
};
use std::{
    fs,
    os::unix::fs::symlink,
    path::Path,
    thread::{self, JoinHandle},
    time::{Duration, Instant},
};

/// Each has caches of its own, and is asked in turn by chance.
const WORKERS: usize = 2;
/// Each server is asked by so many clients.
const CLIENTS: usize = 2;
/// A client's pause, so that all of it leaves the machine idle.
const PAUSE: Duration = Duration::from_millis(40);
/// Requests of each client before the switch: every worker has the old release in its caches.
const WARM: usize = 50;

/// A server, its settings, and what it is asked for.
struct Watched {
    title: &'static str,
    page: &'static str,
    php: Option<(Root, &'static [Setting])>,
    open_file_cache: Option<u32>,
}

/// opcache asks the path anew for each script, not the name it was first found under.
const REVALIDATE: Setting = ("opcache.revalidate_path", "1");
const SHORT_TTL: Setting = ("realpath_cache_ttl", "2");

const WATCHED: [Watched; 11] = [
    still("static", None),
    still("static, open_file_cache_valid 30s", Some(30)),
    php("$document_root, __DIR__", halves::BY_DIRECTORY, Root::AsConfigured, &[]),
    php("$document_root, DOCUMENT_ROOT", halves::BY_ROOT, Root::AsConfigured, &[]),
    root("  realpath_cache_ttl=2", &[SHORT_TTL]),
    root("  realpath_cache_size=0", &[NO_REALPATH_CACHE]),
    root("  same, opcache.revalidate_path=1", &[NO_REALPATH_CACHE, REVALIDATE]),
    root("  opcache.enable=0", &[NO_OPCACHE]),
    root("  same, realpath_cache_size=0", &[NO_OPCACHE, NO_REALPATH_CACHE]),
    php("$realpath_root, __DIR__", halves::BY_DIRECTORY, Root::Resolved, &[]),
    php("$realpath_root, DOCUMENT_ROOT", halves::BY_ROOT, Root::Resolved, &[]),
];

/// `$document_root` and `DOCUMENT_ROOT`, with other settings.
const fn root(title: &'static str, settings: &'static [Setting]) -> Watched {
    php(title, halves::BY_ROOT, Root::AsConfigured, settings)
}

const fn still(title: &'static str, open_file_cache: Option<u32>) -> Watched {
    Watched { title, page: halves::STATIC, php: None, open_file_cache }
}

const fn php(
    title: &'static str,
    page: &'static str,
    root: Root,
    settings: &'static [Setting],
) -> Watched {
    Watched { title, page, php: Some((root, settings)), open_file_cache: None }
}

/// What was answered after the switch.
#[derive(Default)]
struct Seen {
    asked: u64,
    old: u64,
    mixed: u64,
    failed: u64,
    /// When the last answer was not wholly new.
    last: Option<Duration>,
}

/// Measures and prints a table.
pub(crate) fn measure(watch: Duration) -> Result<()> {
    let lab = Lab::new()?;
    let root = lab.folder("shop")?;
    way::prepare(&root, WORK)?;
    let started: Vec<_> =
        WATCHED.iter().map(|one| one.start(&lab, &root.join(CURRENT))).collect::<Result<_>>()?;
    let addresses = || started.iter().zip(&WATCHED).map(|((nginx, _), one)| nginx.url(one.page));

    let warming: Vec<_> = addresses().flat_map(|url| each_client(move || warm(&url))).collect();
    warming.into_iter().try_for_each(joined)?;
    switch(&root)?;
    let switched = Instant::now();
    let watching: Vec<Vec<_>> = addresses()
        .map(|url| each_client(move || Ok(ask(&url, switched, watch))).collect())
        .collect();

    let columns = ["REQUESTS", "OLD", "MIXED", "FAILED", "LAST AFTER"];
    let mut table = columns.into_iter().fold(Table::new().left("SERVED"), Table::right);
    for (one, clients) in WATCHED.iter().zip(watching) {
        let seen = clients.into_iter().map(joined).sum::<Result<Seen>>()?;
        let counts = [seen.asked, seen.old, seen.mixed, seen.failed].map(table::count);
        let last = seen.last.map_or("-".to_owned(), |last| format!("{:.2} s", last.as_secs_f64()));
        table
            .row([one.title.into()].into_iter().chain(counts.map(Into::into)).chain([last.into()]));
    }
    say(format_args!(
        "\nAfter one switch, for {} s: answers that were not of the new release, and when\n\
         the last of them came\n\n{table}",
        watch.as_secs()
    ));
    Ok(())
}

impl Watched {
    fn start(&self, lab: &Lab, current: &Path) -> Result<(Nginx, Option<Php>)> {
        let nginx = Builder::new(lab, current);
        let nginx = match self.open_file_cache {
            Some(seconds) => nginx.open_file_cache(seconds),
            None => nginx,
        };
        let Some((root, settings)) = self.php else { return Ok((nginx.start()?, None)) };
        let php = Php::start(lab, WORKERS, settings)?;
        Ok((nginx.php(&php, root).start()?, Some(php)))
    }
}

fn each_client<T: Send + 'static>(
    work: impl FnOnce() -> Result<T> + Clone + Send + 'static,
) -> impl Iterator<Item = JoinHandle<Result<T>>> {
    (0..CLIENTS).map(move |_| thread::spawn(work.clone()))
}

fn joined<T>(client: JoinHandle<Result<T>>) -> Result<T> {
    client.join().unwrap_or_else(|_| Err(Error::new("a client panicked")))
}

/// By rename, as every careful way does it.
fn switch(root: &Path) -> Result<()> {
    let next = root.join(".next");
    let switched =
        symlink(link_text(VERSIONS[1]), &next).and_then(|()| fs::rename(&next, root.join(CURRENT)));
    switched.map_err(|e| Error::new(format!("switch: {e}")))
}

fn warm(url: &str) -> Result<()> {
    for _ in 0..WARM {
        let (status, body) = load::get(url)?;
        if (status, Answer::read(&body)) != (200, Answer::Of(VERSIONS[0])) {
            return Err(Error::new(format!("{url}: status {status} before anything was switched")));
        }
    }
    Ok(())
}

fn ask(url: &str, switched: Instant, watch: Duration) -> Seen {
    let mut seen = Seen::default();
    while switched.elapsed() < watch {
        // Begun after the switch: the old release is an old answer.
        let answer = load::get(url);
        seen.asked += 1;
        let wrong = match answer.as_ref().map(|(status, body)| (status, Answer::read(body))) {
            Ok((200, Answer::Of(version))) if version == VERSIONS[1] => None,
            Ok((200, Answer::Of(_))) => Some(&mut seen.old),
            Ok((200, Answer::Mixed)) => Some(&mut seen.mixed),
            _ => Some(&mut seen.failed),
        };
        if let Some(count) = wrong {
            *count += 1;
            seen.last = Some(switched.elapsed());
        }
        thread::sleep(PAUSE);
    }
    seen
}

impl std::iter::Sum for Seen {
    fn sum<I: Iterator<Item = Self>>(all: I) -> Self {
        all.fold(Self::default(), |sum, one| Self {
            asked: sum.asked + one.asked,
            old: sum.old + one.old,
            mixed: sum.mixed + one.mixed,
            failed: sum.failed + one.failed,
            last: sum.last.max(one.last),
        })
    }
}
