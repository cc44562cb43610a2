//! What must hold for any bytes that an operator's files may hold.

use seedship::{
    config::{Config, Fragment},
    error::{Error, Exit},
};

/// Files stand behind one another, each but the first after a line of `%%%`. Every fault can be told
/// in a line; what is taken says the same when it is written out and read again. Tells whether all
/// of it was taken.
pub(crate) fn check(bytes: &[u8]) -> bool {
    let text = String::from_utf8_lossy(bytes);
    let fragments: Vec<Fragment> = text
        .split("\n%%%\n")
        .enumerate()
        .map(|(n, text)| Fragment { path: format!("/etc/{n}.toml").into(), text: text.to_owned() })
        .collect();
    let checked = Config::check(&fragments);
    if let Err(faults) = &checked {
        assert!(!faults.is_empty());
        faults.iter().for_each(told);
    }
    let config = match Config::merge(fragments) {
        Ok(config) => config,
        Err(error) => {
            told(&error);
            assert!(checked.is_err());
            return false;
        }
    };
    assert_eq!(checked.is_ok(), config.faults().count() == 0);
    let written = config.to_toml().unwrap();
    let again = Fragment { path: "/etc/again.toml".into(), text: written.clone() };
    let again = Config::check(&[again]).unwrap_or_else(|e| panic!("{e:?}\n{written}"));
    assert_eq!(again.apps.len(), config.apps.len());
    for (one, other) in again.apps.iter().zip(&config.apps) {
        assert_eq!(one.digest, other.digest, "{written}");
    }
    for name in [&b"shop-1.0.tar"[..], b"", b"\xff\n", &bytes[..bytes.len().min(20)]] {
        if let Err(error) = config.app_of(name) {
            told(&error);
        }
    }
    checked.is_ok()
}

fn told(error: &Error) {
    assert_eq!(error.exit, Exit::Config, "{error}");
    let text = format!("{error} {}", error.hint.as_deref().unwrap_or_default());
    assert!(!text.contains(char::is_control), "{text:?}");
}
