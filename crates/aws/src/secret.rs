//! A secret text: a token or a key. It can be handed to AWS and nowhere else: it has neither Display nor Serialize, its Debug
//! shows nothing of it, and only this crate reads it. No I/O.

use std::fmt;

/// A secret text.
pub struct Secret(String);

impl Secret {
    /// Takes a text that no message, log or result may contain.
    #[must_use]
    pub const fn new(text: String) -> Self {
        Self(text)
    }

    pub(crate) fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(..)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn debug_shows_nothing_of_the_text() {
        assert_eq!(format!("{:?}", Secret::new("token".to_owned())), "Secret(..)");
    }
}
