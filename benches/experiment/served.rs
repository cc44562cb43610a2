//! What HTTP answers while `current` is switched: each way, for each thing that is served.

use crate::{
    told::{grouped, say, summary},
    way::{self, Way},
};
use lab::{
    Lab, Result, halves,
    nginx::{Builder, Nginx, Root},
    php::Php,
    switcher::Switches,
    wrk::{self, Answers},
};
use seedship::{store::CURRENT, table::Table};
use std::{path::Path, time::Duration};

/// What a page of PHP does between its halves.
pub(crate) const WORK: Duration = Duration::from_millis(2);
/// wrk's connections, and PHP's workers: as many requests are in flight.
const IN_FLIGHT: usize = 8;

/// Those of all ways that are worth a row: GNU's `ln -sfn` is a rename too, only slower.
const WAYS: [Way; 5] =
    [Way::UnlinkSymlink, Way::BusyBox, Way::Activate, Way::Exchange, Way::Rename];

/// Something that is served.
struct Served {
    title: &'static str,
    page: &'static str,
    root: Option<Root>,
}

const SERVED: [Served; 5] = [
    Served { title: "a static file", page: halves::STATIC, root: None },
    Served {
        title: "PHP with $document_root, includes by __DIR__",
        page: halves::BY_DIRECTORY,
        root: Some(Root::AsConfigured),
    },
    Served {
        title: "PHP with $document_root, includes by DOCUMENT_ROOT",
        page: halves::BY_ROOT,
        root: Some(Root::AsConfigured),
    },
    Served {
        title: "PHP with $realpath_root, includes by __DIR__",
        page: halves::BY_DIRECTORY,
        root: Some(Root::Resolved),
    },
    Served {
        title: "PHP with $realpath_root, includes by DOCUMENT_ROOT",
        page: halves::BY_ROOT,
        root: Some(Root::Resolved),
    },
];

/// Measures everything; prints a summary of each, then the tables.
pub(crate) fn measure(each: Duration) -> Result<()> {
    say(format_args!(
        "\nHTTP by wrk with {IN_FLIGHT} connections; a page of PHP works {} ms between its halves",
        WORK.as_millis()
    ));
    let mut tables = Vec::new();
    for served in &SERVED {
        let mut table = Table::new().left("WAY").right("REQUESTS").right("200").right("404");
        table =
            table.right("500").right("OTHER").right("MIXED").right("SWITCHES").right("A SECOND");
        for way in WAYS {
            let (answers, switches) = row(served, way, each)?;
            say(format_args!("\n{way}: {}\n\n{}", served.title, summary(&answers, &switches)));
            let Answers { requests, ok, not_found, failed, other, mixed, .. } = answers;
            let counts = [requests, ok, not_found, failed, other, mixed, switches.count];
            let counts = counts.map(grouped).into_iter().map(Into::into);
            let rate = grouped(switches.per_second() as u64);
            table.row([way.into()].into_iter().chain(counts).chain([rate.into()]));
        }
        tables.push((served.title, table));
    }
    say("\nSide by side. 200 is an answer of one release, MIXED one with 200 and halves of two.");
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
        let Some(root) = self.root else { return Ok((nginx.start()?, None)) };
        let php = Php::start(lab, IN_FLIGHT, &[])?;
        Ok((nginx.php(&php, root).start()?, Some(php)))
    }
}
