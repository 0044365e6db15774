//! The blocks of `docs/backups.md`.

const GUIDE: &str = include_str!("../../../../docs/backups.md");

/// The number of blocks below each heading, all of which are run by a test.
const BLOCKS: [(&str, usize); 5] = [
    ("Back up", 3),
    ("Restore", 2),
    ("Point-in-time recovery", 1),
    ("Restore one tenant", 1),
    ("Fail over", 2),
];

/// Returns a block below a heading, with what stands for the reader's own hosts, directories and passwords replaced.
pub(crate) fn block(heading: &str, number: usize, replaced: &[(&str, &str)]) -> String {
    replaced.iter().fold(blocks(heading)[number].to_owned(), |text, (example, own)| {
        assert!(text.contains(example), "{heading:?} has no {example:?} any more: {text}");
        text.replace(example, own)
    })
}

fn blocks(heading: &str) -> Vec<&'static str> {
    let (_, section) = GUIDE.split_once(&format!("\n## {heading}\n")).expect("the heading");
    let (section, _) = section.split_once("\n## ").unwrap_or((section, ""));
    let blocks = section.split("```").skip(1).step_by(2);
    blocks.map(|block| block.split_once('\n').unwrap().1).collect()
}

/// A block that is added needs a test that runs it.
#[test]
fn the_guide_has_these_blocks() {
    for (heading, count) in BLOCKS {
        assert_eq!(blocks(heading).len(), count, "{heading}");
    }
    assert_eq!(GUIDE.matches("\n```").count(), 2 * BLOCKS.iter().map(|(_, count)| count).sum::<usize>());
}
