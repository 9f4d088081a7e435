//! Text for a terminal: lines of styled parts. Every part is made inert. Text in, text out; no I/O. Colour only repeats what
//! the words say.

use std::fmt::Write as _;

use anstyle::{AnsiColor, Style};

use crate::inert::inert;

/// A line of text being built, or the whole text.
#[derive(Debug)]
pub(crate) struct Screen {
    text: String,
    colored: bool,
}

/// The meaning of a part of the text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Tone {
    Plain,
    Strong,
    Faint,
    Good,
    Careful,
    Bad,
}

impl Tone {
    fn style(self) -> Style {
        let color = |color: AnsiColor| Style::new().fg_color(Some(color.into()));
        match self {
            Self::Plain => Style::new(),
            Self::Strong => Style::new().bold(),
            Self::Faint => Style::new().dimmed(),
            Self::Good => color(AnsiColor::Green),
            Self::Careful => color(AnsiColor::Yellow),
            Self::Bad => color(AnsiColor::Red),
        }
    }
}

impl Screen {
    /// An empty text.
    pub fn new(colored: bool) -> Self {
        let text = String::new();
        Self { text, colored }
    }

    /// Adds a part.
    pub fn put(&mut self, tone: Tone, text: &str) -> &mut Self {
        let text = inert(text);
        if self.colored && tone != Tone::Plain {
            let style = tone.style();
            // A String accepts every write.
            let _ = write!(self.text, "{style}{text}{style:#}");
        } else {
            self.text.push_str(&text);
        }
        self
    }

    /// Adds a part, filled with spaces to a width in characters.
    pub fn cell(&mut self, tone: Tone, text: &str, width: usize) -> &mut Self {
        let used = inert(text).chars().count();
        self.put(tone, text);
        self.text.push_str(&" ".repeat(width.saturating_sub(used)));
        self
    }

    /// Ends the line.
    pub fn end(&mut self) -> &mut Self {
        let kept = self.text.trim_end_matches(' ').len();
        self.text.truncate(kept);
        self.text.push('\n');
        self
    }

    /// The whole text.
    pub fn into_text(self) -> String {
        self.text
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line(colored: bool) -> String {
        let mut screen = Screen::new(colored);
        screen
            .cell(Tone::Bad, "a\u{1b}[31m", 14)
            .put(Tone::Plain, "b  ")
            .end();
        screen.into_text()
    }

    #[test]
    fn foreign_escapes_are_inert_and_cells_are_filled() {
        assert_eq!(line(false), "a\\u{1b}[31m   b\n");
    }

    #[test]
    fn colour_only_adds_escapes_around_the_same_words() {
        assert_eq!(line(true), "\u{1b}[31ma\\u{1b}[31m\u{1b}[0m   b\n");
    }
}
