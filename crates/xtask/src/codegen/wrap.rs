//! Paragraphs of generated Markdown. Input: text. Output: lines of a limited width. No I/O.

/// The width of the page, as of all Markdown of the project.
const WIDTH: usize = 118;

/// The text in lines of the width of the page. Further lines have an indent.
pub(super) fn wrapped(text: &str, indent: &str) -> String {
    let mut lines = vec![String::new()];
    for word in text.split_whitespace() {
        match lines.last_mut() {
            Some(line) if line.is_empty() => line.push_str(word),
            Some(line) if line.len() + 1 + word.len() <= WIDTH => {
                line.push(' ');
                line.push_str(word);
            }
            _ => lines.push(format!("{indent}{word}")),
        }
    }
    lines.join("\n") + "\n"
}
