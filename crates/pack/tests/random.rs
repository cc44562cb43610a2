//! Any tree comes back as it was.

use crate::{Item, Items, archive, others::untar, read, write};
use proptest::{collection, prelude::*};
use std::collections::BTreeMap;

/// A name that a release can have: of every length, in several scripts, with what shells dislike.
fn name() -> impl Strategy<Value = String> {
    let short = "[a-c]{1,2}";
    let odd = "[-a-z .$'`\"*?\\[\\]éßž中\u{1F600}]{1,30}";
    let long = "[a-e]{1,3}".prop_map(|text| text.repeat(70));
    prop_oneof![4 => short, 2 => odd, 1 => long]
        .prop_filter("a name", |name| name != "." && name != "..")
}

fn item() -> impl Strategy<Value = Item> {
    let content = prop_oneof![
        8 => collection::vec(any::<u8>(), 0..2000),
        1 => (1_048_000_usize..1_049_100, any::<u64>()).prop_map(|(n, seed)| crate::noise(n, seed)),
        1 => (1_u8.., 0_usize..3_000_000).prop_map(|(byte, n)| vec![byte; n]),
    ];
    prop_oneof![
        8 => (content, any::<bool>())
            .prop_map(|(content, executable)| Item::File { content, executable }),
        1 => Just(Item::Folder),
        1 => name().prop_map(Item::Link),
    ]
}

/// Trees as a release can have them: no name is a directory and something else, or another's twin.
pub(crate) fn tree() -> impl Strategy<Value = Items> {
    let path = collection::vec(name(), 1..5);
    collection::vec((path, item()), 1..40).prop_map(|entries| {
        let (mut tree, mut folders) = (BTreeMap::new(), BTreeMap::new());
        let mut taken = BTreeMap::new();
        'entries: for (path, item) in entries {
            let whole = path.join("/");
            for end in 1..=path.len() {
                let (here, is_folder) = (path[..end].join("/"), end < path.len());
                let first =
                    taken.entry(pack::name::folded(&here)).or_insert((here.clone(), is_folder));
                if *first != (here.clone(), is_folder) || !is_folder && tree.contains_key(&here) {
                    continue 'entries;
                }
                if is_folder {
                    folders.insert(here, ());
                }
            }
            tree.insert(whole, item);
        }
        tree
    })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_tree_comes_back_and_is_packed_to_the_same_bytes(tree in tree()) {
        let (root, out) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        write(root.path(), &tree);
        // What was skipped above may have left its directories; read what is really there.
        let tree = read(root.path());
        prop_assume!(!tree.is_empty());
        let archive = archive(root.path());
        untar(&archive, out.path());
        prop_assert!(read(out.path()) == tree);
        prop_assert!(crate::archive(out.path()) == archive);
    }
}
