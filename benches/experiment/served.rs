//! What HTTP answers while `current` is switched: each way, for each thing that is served.

use crate::{
    told::{say, summary},
    way::{self, Way},
};
use lab::{
    Lab, Result, halves,
    nginx::{Builder, Nginx, Root},
    php::{NO_OPCACHE, NO_REALPATH_CACHE, Php, Setting},
    switcher::Switches,
    wrk::{self, Answers},
};
use seedship::{
    store::CURRENT,
    table::{self, Table},
};
use std::{path::Path, time::Duration};

/// What a page of PHP does between its halves.
pub(crate) const WORK: Duration = Duration::from_millis(2);
/// wrk's connections, and PHP's workers: as many requests are in flight.
const IN_FLIGHT: usize = 8;

/// Those of all ways that are worth a row: GNU's `ln -sfn` is a rename too, only slower.
const WAYS: [Way; 5] =
    [Way::UnlinkSymlink, Way::BusyBox, Way::Activate, Way::Exchange, Way::Rename];

/// Something that is served: a static file, or a page by a PHP with these settings.
struct Served {
    title: &'static str,
    page: &'static str,
    php: Option<(Root, &'static [Setting])>,
}

const NO_CACHES: &[Setting] = &[NO_REALPATH_CACHE, NO_OPCACHE];

const SERVED: [Served; 7] = [
    Served { title: "a static file", page: halves::STATIC, php: None },
    php("PHP, $document_root, by __DIR__", halves::BY_DIRECTORY, Root::AsConfigured, &[]),
    php("PHP, $document_root, by DOCUMENT_ROOT", halves::BY_ROOT, Root::AsConfigured, &[]),
    php(
        "PHP without caches, $document_root, by __DIR__",
        halves::BY_DIRECTORY,
        Root::AsConfigured,
        NO_CACHES,
    ),
    php(
        "PHP without caches, $document_root, by DOCUMENT_ROOT",
        halves::BY_ROOT,
        Root::AsConfigured,
        NO_CACHES,
    ),
    php("PHP, $realpath_root, by __DIR__", halves::BY_DIRECTORY, Root::Resolved, &[]),
    php("PHP, $realpath_root, by DOCUMENT_ROOT", halves::BY_ROOT, Root::Resolved, &[]),
];

const fn php(
    title: &'static str,
    page: &'static str,
    root: Root,
    settings: &'static [Setting],
) -> Served {
    Served { title, page, php: Some((root, settings)) }
}

/// Measures everything; prints a summary of each, then the tables.
pub(crate) fn measure(each: Duration) -> Result<()> {
    say(format_args!(
        "\nHTTP by wrk with {IN_FLIGHT} connections. A page of PHP works {} ms, then includes its\n\
         second half, by __DIR__ or by DOCUMENT_ROOT.",
        WORK.as_millis()
    ));
    let mut tables = Vec::new();
    for served in &SERVED {
        let counted = ["REQUESTS", "200", "OF 1.0", "404", "500", "OTHER", "MIXED", "SWITCHES"];
        let mut table = counted.into_iter().fold(Table::new().left("WAY"), Table::right);
        for way in WAYS {
            let (answers, switches) = row(served, way, each)?;
            say(format_args!("\n{way}: {}\n\n{}", served.title, summary(&answers, &switches)));
            let Answers { requests, ok, of_first, not_found, failed, other, mixed, .. } = answers;
            let counts = [requests, ok, of_first, not_found, failed, other, mixed, switches.count];
            table.row([way.into()].into_iter().chain(counts.map(|n| table::count(n).into())));
        }
        tables.push((served.title, table));
    }
    say("\nSide by side. 200: answers of one release; OF 1.0: those of them from the first\n\
         one; MIXED: answers with status 200 and halves of two releases.");
    for (title, table) in tables {
        say(format_args!("\n{title}\n\n{table}"));
    }
    Ok(())
}

/// Everything anew for each row: no cache knows anything of the row before.
fn row(served: &Served, way: Way, each: Duration) -> Result<(Answers, Switches)> {
    let lab = Lab::new()?;
    let root = lab.folder("shop")?;
    way::prepare(&root, WORK)?;
    let (nginx, _php) = served.start(&lab, &root.join(CURRENT))?;
    let switcher = way.start(&root)?;
    let answers = wrk::load(&lab, &nginx.url(served.page), IN_FLIGHT, each)?;
    Ok((answers, switcher.stop()?))
}

impl Served {
    fn start(&self, lab: &Lab, current: &Path) -> Result<(Nginx, Option<Php>)> {
        let nginx = Builder::new(lab, current);
        let Some((root, settings)) = self.php else { return Ok((nginx.start()?, None)) };
        let php = Php::start(lab, IN_FLIGHT, settings)?;
        Ok((nginx.php(&php, root).start()?, Some(php)))
    }
}
