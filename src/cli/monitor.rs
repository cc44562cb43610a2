//! `seedship monitor`, and its hidden half that looks at one app.
//!
//! Nothing here fails as other commands do: whatever happens, there is one line, and an exit code
//! from 0 to 3.

use super::{args::Monitor, output::Output, reader::become_owner};
use crate::{
    config::{self, Config},
    error::{Context, Result},
    monitor::{self, Demands, Level, Report, Sight},
    process::Inquiry,
    release::Unix,
};
use std::{
    ffi::OsString,
    path::Path,
    time::{Duration, Instant},
};

/// Nobody waits longer, whatever was typed.
const PATIENCE: Duration = Duration::from_secs(24 * 60 * 60);

/// Answers, and returns the exit code of a plugin.
pub(super) fn run(typed: &Monitor, file: &Path, output: &Output) -> u8 {
    let now = super::now();
    if typed.inside {
        inside(typed, file, now, output);
        return Level::Ok.code();
    }
    let demands = Demands {
        expect: typed.expect.as_ref().map(ToString::to_string),
        max_age: typed.max_age,
        silence: typed.silence,
    };
    let report =
        ask(typed, file, &demands, now).unwrap_or_else(|e| Report::failed(&e, &demands, now));
    let Some(metrics) = &typed.prometheus else {
        output.answer(report.plugin(), &report);
        return report.exit;
    };
    let random = super::random();
    match random.and_then(|random| monitor::write(metrics, &report.prometheus(), random)) {
        Ok(()) => {
            output.object(&report);
            Level::Ok.code()
        }
        Err(error) => mistaken(&Report::mistaken(&error), output),
    }
}

/// What the arguments are wrong in, or could not be written: nothing is known.
pub(super) fn mistaken(report: &Report, output: &Output) -> u8 {
    output.answer(report.plugin(), report);
    report.exit
}

/// Lets a child look at each app, all at once, and judges what they told in time.
fn ask(typed: &Monitor, file: &Path, demands: &Demands, now: Unix) -> Result<Report> {
    let until = Instant::now() + typed.timeout.min(PATIENCE);
    let file = std::path::absolute(file).on("find", file)?;
    let config = config::read(&file).and_then(Config::merge)?;
    let named = typed.app.as_deref();
    if let Some(app) = named
        && !config.broken.iter().any(|broken| broken.name == app)
    {
        config.app(app)?;
    }
    let asked = config.apps.iter().filter(|app| named.is_none_or(|name| app.name == name));
    let inquiries: Vec<_> =
        asked.map(|app| (app.name.clone(), inquire(&file, &app.name))).collect();
    let answered = inquiries.into_iter().map(|(app, inquiry)| {
        let answer = inquiry.and_then(|inquiry| inquiry.answer(&format!("app `{app}`"), until));
        (app, monitor::told(answer))
    });
    let seen: Vec<(String, Sight)> = answered.collect();
    Ok(Report::of(&config, named, seen, demands, now))
}

fn inquire(file: &Path, app: &str) -> Result<Inquiry> {
    let words = ["--config".into(), file.into(), "monitor".into(), "--inside".into(), app.into()];
    Inquiry::start(&words.map(|word: OsString| word))
}

/// What this process sees of one app, as its owner if it is root.
fn inside(typed: &Monitor, file: &Path, now: Unix, output: &Output) {
    let looked = || -> Result<Sight> {
        let config = config::read(file).and_then(Config::merge)?;
        let app = config.app(typed.app.as_deref().unwrap_or_default())?;
        become_owner([app])?;
        Ok(monitor::see(&config, app, now))
    };
    let sight = looked().unwrap_or_else(|error| Sight::unseen(&error));
    output.raw(serde_json::to_string(&sight).unwrap_or_default().as_bytes());
}
