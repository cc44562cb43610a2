//! How many lookups of a file below `current` find nothing, on each file system.

use crate::{
    machine,
    told::{say, share},
    way::{self, Way},
};
use lab::{Lab, Result, lookups::Lookups};
use seedship::table::{self, Table};
use std::{path::Path, time::Duration};

/// One for each core would starve the switcher; more would only wait.
const THREADS: usize = 2;

/// Measures and prints a table for the file system of temporary files, and one for tmpfs.
pub(crate) fn measure(each: Duration) -> Result<()> {
    say(format_args!(
        "\nLookups of current/index.html by {THREADS} threads, open(2) and stat(2); no server"
    ));
    for folder in [std::env::temp_dir().as_path(), Path::new("/dev/shm")] {
        if folder.is_dir() {
            say(format_args!("\non {}\n", machine::file_system(folder)?));
            say(table(folder, each)?);
        }
    }
    Ok(())
}

fn table(folder: &Path, each: Duration) -> Result<Table> {
    let columns = ["LOOKUPS", "NOT FOUND", "SHARE", "SWITCHES", "A SECOND"];
    let mut table = columns.into_iter().fold(Table::new().left("WAY"), Table::right);
    for way in Way::ALL {
        let lab = Lab::new_in(folder)?;
        let root = lab.folder("shop")?;
        way::prepare(&root, Duration::ZERO)?;
        let lookups = Lookups::start(&root.join("current/index.html"), THREADS)?;
        let switcher = way.start(&root)?;
        std::thread::sleep(each);
        let switches = switcher.stop()?;
        let found = lookups.stop();
        // Whatever else may go wrong is as bad.
        let failed = found.missing + found.other;
        table.row([
            way.into(),
            table::count(found.lookups).into(),
            table::count(failed).into(),
            share(failed, found.lookups).into(),
            table::count(switches.count).into(),
            table::count(switches.per_second() as u64).into(),
        ]);
    }
    Ok(table)
}
