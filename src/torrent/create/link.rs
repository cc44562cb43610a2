//! Where a link leads, as a torrent has it: components from the payload's root (BEP 47), where the
//! file system counts from the link itself.

/// A link's target from the root, for a link in `directory`; else why a torrent cannot have it.
pub(super) fn target(directory: &[Vec<u8>], text: &[u8]) -> Result<Vec<Vec<u8>>, &'static str> {
    if text.starts_with(b"/") {
        return Err("it leads to an absolute path, which is another one on every machine");
    }
    let mut at = directory.to_vec();
    for part in text.split(|byte| *byte == b'/') {
        match part {
            b"" | b"." => {}
            b".." => drop(at.pop().ok_or("it leads out of the payload")?),
            name => at.push(name.to_vec()),
        }
    }
    match at.is_empty() {
        true => Err("it leads to the payload's own root, which a torrent cannot say"),
        false => Ok(at),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_target_is_counted_from_the_root() {
        let of = |directory: &str, text: &str| {
            let parts = directory.split('/').filter(|part| !part.is_empty());
            let directory: Vec<Vec<u8>> = parts.map(|part| part.as_bytes().to_vec()).collect();
            target(&directory, text.as_bytes()).map(|to| String::from_utf8(to.join(&b'/')).unwrap())
        };
        assert_eq!(of("", "a").as_deref(), Ok("a"));
        assert_eq!(of("d/e", "../f//./g").as_deref(), Ok("d/f/g"));
        assert_eq!(of("d", "../a").as_deref(), Ok("a"));
        for (directory, text) in [("", "/etc"), ("", "../a"), ("d", "../../a"), ("d", "..")] {
            assert!(of(directory, text).is_err(), "{directory} {text}");
        }
    }
}
