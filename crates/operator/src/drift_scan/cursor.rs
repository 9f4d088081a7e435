//! `Cursor`: the position in the pages of a list. Plain data without I/O.

/// The position in the pages of a list.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) enum Cursor {
    /// Before the first page.
    #[default]
    Start,
    /// Before the page with this marker.
    At(String),
    /// Two pages have the same marker.
    Repeated,
    /// After the last page.
    End,
}

impl Cursor {
    /// Returns true if the list may have another page.
    pub fn has_more(&self) -> bool {
        *self != Self::End
    }

    /// Moves to the page with the marker `next`, or to the end of the list.
    pub fn advance(&mut self, next: Option<String>) {
        *self = match next {
            None => Self::End,
            Some(next) if *self == Self::At(next.clone()) => Self::Repeated,
            Some(next) => Self::At(next),
        };
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cursor_stops_at_a_repeated_marker() {
        let mut cursor = Cursor::default();
        let mut to = |next: Option<&str>| {
            cursor.advance(next.map(str::to_owned));
            (cursor.has_more(), cursor == Cursor::Repeated)
        };
        assert_eq!(to(Some("a")), (true, false));
        assert_eq!(to(Some("b")), (true, false));
        assert_eq!(to(Some("b")), (true, true));
        assert_eq!(to(None), (false, false));
    }
}
