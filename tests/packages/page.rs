//! A page of the operator's guide as something to be carried out: its blocks, in their order.

use std::fs;

use lab::workspace;

/// What stands between two fences.
#[derive(Debug)]
pub(crate) struct Block {
    /// The last heading above it.
    pub(crate) heading: String,
    /// What stands after the first fence: `toml`; nothing where it is commands.
    pub(crate) language: String,
    pub(crate) text: String,
}

/// All blocks of a page of `docs/guide`.
pub(crate) fn blocks(page: &str) -> Vec<Block> {
    let text = fs::read_to_string(workspace().join("docs/guide").join(page)).unwrap();
    let (mut blocks, mut heading, mut open): (Vec<Block>, _, bool) =
        (Vec::new(), String::new(), false);
    for line in text.lines() {
        let bare = line.trim_start();
        match (bare.strip_prefix("```"), open) {
            (Some(language), false) => {
                let (heading, language) = (heading.clone(), language.to_owned());
                blocks.push(Block { heading, language, text: String::new() });
                open = true;
            }
            (Some(_), true) => open = false,
            (None, true) => {
                let block = blocks.last_mut().unwrap();
                block.text += &format!("{line}\n");
            }
            (None, false) => {
                if let Some(title) = line.strip_prefix("## ") {
                    heading = title.to_owned();
                }
            }
        }
    }
    assert!(!open && !blocks.is_empty(), "{page}");
    blocks
}

/// The texts of a page's blocks in one language.
pub(crate) fn in_language(page: &str, language: &str) -> Vec<String> {
    let blocks = blocks(page).into_iter().filter(|block| block.language == language);
    blocks.map(|block| block.text).collect()
}
