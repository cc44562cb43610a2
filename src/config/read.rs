//! Reads the files of a configuration, and does nothing else: the only place in this room that
//! touches the disk, before any lock is taken or any root is opened.

use super::Fragment;
use crate::{
    bounded::{self, Unread},
    error::{Context, Error, Exit, Result, quoted},
};
use std::{
    fs, io,
    path::{Path, PathBuf},
};

/// The largest file that is read: some ten thousand apps.
const LARGEST: u64 = 4 << 20;

/// The main file and `config.d/*.toml` beside it, in byte order of their names.
///
/// Hidden files are left out, as `*` leaves them out; so half-written ones of an editor are not
/// read. A file that is not UTF-8 gets a NUL where the text ends, which TOML allows nowhere: it
/// is told as a file that cannot be parsed.
///
/// # Errors
/// 78 if there is no main file, or a file is no regular one or larger than 4 MiB; 77 or 74 if a file
/// or the directory cannot be read.
pub fn read(main: &Path) -> Result<Vec<Fragment>> {
    let mut fragments = vec![fragment(main).map_err(|why| unread(main, why))?];
    for path in beside(main)? {
        fragments.push(fragment(&path).map_err(|why| refused(&path, why))?);
    }
    Ok(fragments)
}

/// One file alone, be it the main one or another.
///
/// # Errors
/// As [`read`].
pub fn read_alone(file: &Path) -> Result<Vec<Fragment>> {
    fragment(file).map(|fragment| vec![fragment]).map_err(|why| refused(file, why))
}

fn fragment(path: &Path) -> std::result::Result<Fragment, Unread> {
    let text = String::from_utf8(bounded::read(path, LARGEST)?).unwrap_or_else(|error| {
        let good = error.utf8_error().valid_up_to();
        String::from_utf8_lossy(&error.as_bytes()[..good]).into_owned() + "\0"
    });
    Ok(Fragment { path: path.to_owned(), text })
}

/// The files of `config.d`; none if there is no such directory.
fn beside(main: &Path) -> Result<Vec<PathBuf>> {
    let directory = main.with_file_name("config.d");
    let entries = match fs::read_dir(&directory) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        entries => entries.on("list", &directory)?,
    };
    let mut names = Vec::new();
    for entry in entries {
        let name = entry.on("list", &directory)?.file_name();
        let bytes = name.as_encoded_bytes();
        if bytes.ends_with(b".toml") && !bytes.starts_with(b".") {
            names.push(name);
        }
    }
    names.sort_by(|a, b| a.as_encoded_bytes().cmp(b.as_encoded_bytes()));
    Ok(names.into_iter().map(|name| directory.join(name)).collect())
}

fn unread(main: &Path, why: Unread) -> Error {
    match why {
        Unread::Io(e) if e.kind() == io::ErrorKind::NotFound => {
            let cause = "there is no such file";
            Error::new(Exit::Config, "read", quoted(main), cause)
                .hint("write one, or name another with `--config FILE` or $SEEDSHIP_CONFIG")
                .unrecorded()
        }
        why => refused(main, why),
    }
}

fn refused(path: &Path, why: Unread) -> Error {
    match why {
        Unread::Io(e) => Error::io("read", path, &e),
        Unread::Not(_) if path.is_dir() => {
            Error::new(Exit::Config, "read", quoted(path), "it is a directory")
                .hint(format!("name the file in it, as {}", quoted(path.join("config.toml"))))
                .unrecorded()
        }
        Unread::Not(what) => {
            let cause = format!("it is {what}, not a regular file");
            Error::new(Exit::Config, "read", quoted(path), cause)
                .hint("a configuration is a text file: write it into one")
                .unrecorded()
        }
        Unread::Larger(limit) => {
            let cause = format!("it is larger than {limit} bytes");
            Error::new(Exit::Config, "read", quoted(path), cause)
                .hint("a configuration has a few lines for each app: is this one?")
                .unrecorded()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Config;

    #[test]
    fn fragments_come_in_byte_order_after_the_main_file() {
        let at = tempfile::tempdir().unwrap();
        let main = at.path().join("config.toml");
        fs::write(&main, "# main").unwrap();
        assert_eq!(read(&main).unwrap().len(), 1, "config.d need not be there");
        fs::create_dir(at.path().join("config.d")).unwrap();
        for name in ["b.toml", "B.toml", "a.toml", ".c.toml", "d.toml~", "10.toml", "9.toml"] {
            fs::write(at.path().join("config.d").join(name), name).unwrap();
        }
        let texts: Vec<_> = read(&main).unwrap().into_iter().map(|f| f.text).collect();
        assert_eq!(texts, ["# main", "10.toml", "9.toml", "B.toml", "a.toml", "b.toml"]);
    }

    #[test]
    fn no_file_is_a_wrong_configuration_and_says_where_else() {
        let at = tempfile::tempdir().unwrap();
        let error = read(&at.path().join("config.toml")).unwrap_err();
        assert_eq!(error.exit, Exit::Config);
        assert!(error.hint.unwrap().contains("--config FILE"));
        let error = read(at.path()).unwrap_err();
        assert_eq!((error.exit, error.cause.as_str()), (Exit::Config, "it is a directory"));
        assert!(error.hint.unwrap().ends_with("/config.toml`"));
    }

    /// Also in `config.d`, and by itself: whoever waits for a pipe or reads a device to its end
    /// deploys nothing any more.
    #[test]
    fn only_a_regular_file_of_some_size_is_read() {
        let at = tempfile::tempdir().unwrap();
        let main = at.path().join("config.toml");
        let odd = at.path().join("config.d/odd.toml");
        fs::create_dir(at.path().join("config.d")).unwrap();
        let said = |error: Error| {
            assert!(error.exit == Exit::Config && error.hint.is_some(), "{error}");
            error.cause
        };
        type Make = fn(&Path);
        let make: [(Make, &str); 3] = [
            (
                |path| nix::unistd::mkfifo(path, nix::sys::stat::Mode::S_IRWXU).unwrap(),
                "it is a pipe, not a regular file",
            ),
            (
                |path| std::os::unix::fs::symlink("/dev/zero", path).unwrap(),
                "it is a device, not a regular file",
            ),
            (
                |path| fs::File::create(path).unwrap().set_len(1 << 40).unwrap(),
                "it is larger than 4194304 bytes",
            ),
        ];
        for (make, cause) in make {
            make(&main);
            assert_eq!(said(read(&main).unwrap_err()), cause);
            assert_eq!(said(read_alone(&main).unwrap_err()), cause);
            fs::remove_file(&main).unwrap();
            fs::write(&main, "").unwrap();
            make(&odd);
            assert_eq!(said(read(&main).unwrap_err()), cause);
            fs::remove_file(&odd).unwrap();
            fs::remove_file(&main).unwrap();
        }
        assert_eq!(said(read_alone(at.path()).unwrap_err()), "it is a directory");
    }

    #[test]
    fn a_file_that_is_no_text_is_told_where_it_ends_to_be() {
        let at = tempfile::tempdir().unwrap();
        let main = at.path().join("config.toml");
        fs::write(&main, b"# fine\n# caf\xe9\n[log]\nlevel = \"off\"\n").unwrap();
        let error = Config::merge(read(&main).unwrap()).unwrap_err();
        assert!(error.to_string().contains("line 2, column 6"), "{error}");
    }
}
