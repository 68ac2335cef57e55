//! Guides in Markdown, and what they tell their readers to type or to configure.

use std::fmt::Write as _;

/// A part of a guide: what stands between ```` ```LANGUAGE ```` and ```` ``` ````.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Block {
    /// The heading above it.
    pub heading: String,
    /// What stands in it.
    pub text: String,
}

/// Every block of a guide in `language` (`sh`, `yaml`), in its order.
///
/// # Panics
/// When a block does not end.
#[must_use]
pub fn blocks(markdown: &str, language: &str) -> Vec<Block> {
    let (mut blocks, mut heading, mut lines) = (Vec::new(), String::new(), markdown.lines());
    while let Some(line) = lines.next() {
        if let Some(found) = line.strip_prefix("```") {
            let mut text = String::new();
            loop {
                let line = lines.next().unwrap_or_else(|| panic!("a block below {heading:?} does not end"));
                if line == "```" {
                    break;
                }
                writeln!(text, "{line}").expect("a text can grow");
            }
            if found == language {
                blocks.push(Block { heading: heading.clone(), text });
            }
        } else if let Some(words) = line.strip_prefix('#') {
            heading = words.trim_start_matches('#').trim().to_owned();
        }
    }
    blocks
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_blocks_of_one_language_are_found_under_their_headings() {
        let guide =
            "# One\n```sh\nnumber=7\n```\ntext\n```toml\n# no heading\n```\n## Two\n```sh\na\nb\n```\n";
        let found: Vec<_> =
            blocks(guide, "sh").into_iter().map(|block| (block.heading, block.text)).collect();
        assert_eq!(found, [("One".into(), "number=7\n".into()), ("Two".into(), "a\nb\n".into())]);
        assert_eq!(blocks(guide, "toml")[0].text, "# no heading\n");
    }

    #[test]
    #[should_panic(expected = "does not end")]
    fn a_block_without_an_end_is_no_block() {
        let _blocks = blocks("# One\n```sh\necho\n", "sh");
    }
}
