//! `seedship config check` and `seedship config show`.

use super::{args::Settings, output::Output};
use crate::{
    config::{self, Config},
    error::{Error, Exit, Result},
    report,
};
use serde_json::json;
use std::path::Path;

pub(super) fn run(command: &Settings, path: &Path, output: &Output) -> Result<u8> {
    match command {
        Settings::Check { file } => check(path, file.as_deref(), output),
        Settings::Show => {
            let config = Config::merge(config::read(path)?)?;
            let text = config.to_toml()?;
            let object: serde_json::Value = toml::from_str(&text)
                .map_err(|e| Error::new(Exit::Bug, "show", "the configuration", e))?;
            output.answer(&text, &object);
            Ok(Exit::Done.code())
        }
    }
}

/// Every fault is told, not only the first.
fn check(path: &Path, file: Option<&Path>, output: &Output) -> Result<u8> {
    let (checked, fragments) = match file {
        None => (path, config::read(path)?),
        Some(file) => (file, config::read_alone(file)?),
    };
    let faults = match Config::check(&fragments) {
        Ok(config) => {
            let apps: Vec<&str> = config.apps.iter().map(|app| app.name.as_str()).collect();
            let text = format!("{} is good: {} app(s)", checked.display(), apps.len());
            output.answer(text, &json!({"file": checked, "apps": apps, "faults": []}));
            return Ok(Exit::Done.code());
        }
        Err(faults) => faults,
    };
    if faults.len() == 1 {
        // What breaks the whole, and is alone, is a failure like any other.
        Config::merge(fragments)?;
    }
    let text: Vec<String> = faults.iter().map(report::for_people).collect();
    let objects: Vec<_> = faults.iter().map(report::in_json).collect();
    output.answer(text.join("\n"), &json!({"file": checked, "faults": objects}));
    Ok(faults.first().map_or(Exit::Config, |first| first.exit).code())
}
