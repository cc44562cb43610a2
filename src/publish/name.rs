//! What a release is called: `<app>-<version>`, and the ending that says what kind of payload it is.
//! Every host reads the version in it.

use crate::{
    error::{Error, Exit, Result, escaped},
    release::Version,
    unpack::Kind,
};
use std::{fmt, path::Path};

/// The name of a payload and of its torrent: one component of a path.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Name {
    app: String,
    version: Version,
    whole: String,
}

impl Name {
    /// Of an archive that is packed from a directory.
    ///
    /// # Errors
    /// 64 if the app cannot stand in a file's name.
    pub fn of_archive(app: &str, version: &Version) -> Result<Self> {
        Self::new(app, version, ".tar.zst")
    }

    /// Of a torrent of many files.
    ///
    /// # Errors
    /// As [`of_archive`](Self::of_archive).
    pub fn of_directory(app: &str, version: &Version) -> Result<Self> {
        Self::new(app, version, "")
    }

    /// Of a file that is published as it is: its own name if that is the release's, else the release's
    /// with the file's ending.
    ///
    /// # Errors
    /// As [`of_archive`](Self::of_archive); 65 if its ending cannot stand in a release.
    pub fn of_file(app: &str, version: &Version, file: &Path) -> Result<Self> {
        let own = file.file_name().unwrap_or_default();
        let Some(own) = own.to_str().filter(|own| !own.contains(char::is_control)) else {
            return Err(super::unpackable(
                file,
                "its name is not UTF-8, or has control characters",
            )
            .hint("rename it: it would be the release's only file, or end its name"));
        };
        let stem = format!("{app}-{version}");
        let ending = match own.strip_prefix(&stem) {
            Some(rest) if rest.is_empty() || rest.starts_with('.') => rest,
            _ => ending(own),
        };
        Self::new(app, version, ending)
    }

    fn new(app: &str, version: &Version, ending: &str) -> Result<Self> {
        let fits = |b: u8| b.is_ascii_graphic() && b != b'/';
        if app.is_empty() || !app.bytes().all(fits) || app.starts_with(['.', '-']) {
            return Err(Error::new(
                Exit::Usage,
                "publish",
                format!("app `{}`", escaped(app.as_bytes())),
                "an app is one word of printable ASCII without a slash, and begins with neither . nor -",
            ));
        }
        let whole = format!("{app}-{version}{ending}");
        Ok(Self { app: app.to_owned(), version: version.clone(), whole })
    }

    /// The app.
    pub fn app(&self) -> &str {
        &self.app
    }

    /// Its version.
    pub fn version(&self) -> &Version {
        &self.version
    }

    /// The name.
    pub fn as_str(&self) -> &str {
        &self.whole
    }
}

impl fmt::Display for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.whole)
    }
}

/// From the dot on that says what a file is: `.tar.gz` of `build-7.tar.gz`.
fn ending(name: &str) -> &str {
    if let Some(ending) = Kind::ending(name.as_bytes()) {
        return &name[name.len() - ending.len()..];
    }
    name.rfind('.').filter(|dot| *dot > 0).map_or("", |dot| &name[dot..])
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of_file(file: &str) -> Result<String> {
        let version = Version::parse("1.4.2").unwrap();
        Name::of_file("shop", &version, Path::new(file)).map(|name| name.to_string())
    }

    #[test]
    fn a_file_keeps_its_name_or_its_ending() {
        for (file, name) in [
            ("dist/shop-1.4.2.tar.gz", "shop-1.4.2.tar.gz"),
            ("shop-1.4.2", "shop-1.4.2"),
            ("shop-1.4.2.min.js", "shop-1.4.2.min.js"),
            ("shop-1.4.20.zip", "shop-1.4.2.zip"),
            ("build.7.tar.zst", "shop-1.4.2.tar.zst"),
            ("app.jar", "shop-1.4.2.jar"),
            ("Makefile", "shop-1.4.2"),
            (".profile", "shop-1.4.2"),
        ] {
            assert_eq!(of_file(file).unwrap(), name, "{file}");
        }
        assert_eq!(of_file("a\nb.tar").unwrap_err().exit, Exit::Payload);
    }

    #[test]
    fn an_app_is_one_word() {
        let version = Version::parse("1").unwrap();
        for app in ["", "a b", "a/b", "..", ".a", "-a", "é", "a\n"] {
            assert_eq!(Name::of_archive(app, &version).unwrap_err().exit, Exit::Usage, "{app}");
        }
        assert_eq!(Name::of_directory("shop", &version).unwrap().as_str(), "shop-1");
    }
}
