//! The few colours that tables use.

use anstyle::{AnsiColor, Style};

pub(super) const ADD: Style = AnsiColor::Green.on_default();
pub(super) const CHANGE: Style = AnsiColor::Yellow.on_default();
pub(super) const BAD: Style = AnsiColor::Red.on_default();
pub(super) const BOLD: Style = Style::new().bold();
pub(super) const DIM: Style = Style::new().dimmed();

/// `text` between the style's sequences.
pub(super) fn paint(style: Style, text: &str) -> String {
    format!("{style}{text}{style:#}")
}

/// `1 node`, `2 nodes`.
pub(super) fn count(number: usize, noun: &str) -> String {
    if number == 1 { format!("1 {noun}") } else { format!("{number} {noun}s") }
}

/// Lines of words, each at most `width` characters where the words allow it.
pub(super) fn wrap(words: &[String], separator: &str, indent: &str, width: usize) -> String {
    let mut text = String::new();
    let mut line = String::new();
    for word in words {
        let taken = indent.chars().count() + line.chars().count() + word.chars().count();
        if !line.is_empty() && taken + separator.len() > width {
            text.push_str(&format!("{indent}{}\n", line.trim_end()));
            line.clear();
        }
        if !line.is_empty() {
            line.push_str(separator);
        }
        line.push_str(word);
    }
    if !line.is_empty() {
        text.push_str(&format!("{indent}{line}\n"));
    }
    text
}
