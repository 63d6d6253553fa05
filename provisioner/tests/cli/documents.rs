//! The guides show what the command prints: every block that begins with `$ tenon` is run again.
//! `TENON_BLESS=1 cargo test -p provisioner --test cli documents` writes down what it prints today.

use std::{env, fs, path::Path};

use super::{stdout, tenon};

const PROMPT: &str = "$ tenon ";
const BEGIN: &str = "```console\n";
const END: &str = "```\n";

#[test]
fn guides_show_what_the_command_prints() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap();
    let mut commands = 0;
    for document in ["README.md", "docs/examples.md"] {
        let path = root.join(document);
        let written = fs::read_to_string(&path).unwrap();
        let (today, count) = rewritten(root, &written);
        commands += count;
        if env::var_os("TENON_BLESS").is_some() {
            fs::write(&path, &today).unwrap();
        } else {
            let lines = written.lines().zip(today.lines());
            let differ = lines.enumerate().find(|(_, (old, new))| masked(old) != masked(new));
            assert_eq!(differ, None, "{document}, counted from 0; see the head of this file");
            assert_eq!(written.lines().count(), today.lines().count(), "{document}");
        }
    }
    assert!(commands >= 10, "{commands}");
}

/// A document with the outputs of today, and how many commands it shows.
fn rewritten(root: &Path, document: &str) -> (String, usize) {
    let mut commands = 0;
    let mut text = String::new();
    let mut rest = document;
    while let Some((before, block)) = rest.split_once(BEGIN) {
        let (block, after) = block.split_once(END).unwrap();
        text.push_str(before);
        text.push_str(BEGIN);
        match block.strip_prefix(PROMPT) {
            None => text.push_str(block),
            Some(shown) => {
                commands += 1;
                let line = shown.lines().next().unwrap();
                text.push_str(PROMPT);
                text.push_str(line);
                text.push('\n');
                let words = words(line);
                let words: Vec<&str> = words.iter().map(String::as_str).collect();
                text.push_str(&stdout(&tenon(root, &words, "")));
            }
        }
        text.push_str(END);
        rest = after;
    }
    text.push_str(rest);
    (text, commands)
}

/// The words of a command line, of which some are in single quotes.
fn words(line: &str) -> Vec<String> {
    let mut words = Vec::new();
    for (at, part) in line.split('\'').enumerate() {
        match at % 2 {
            0 => words.extend(part.split_whitespace().map(str::to_owned)),
            _ => words.push(part.to_owned()),
        }
    }
    words
}

/// A line without the time that it tells.
fn masked(line: &str) -> &str {
    match line.strip_prefix("Status ") {
        Some(status) => status.split(',').next().unwrap_or_default(),
        None => line,
    }
}
