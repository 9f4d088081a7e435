//! Form parameters (`a=b&c=d`) of the Query protocol and of URL queries, in order, doubles kept.
//! Input: text. Output: names and values, and text again. No I/O.
//! Used wherever the gateway looks into a request.

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, percent_decode_str, utf8_percent_encode};

/// Characters that RFC 3986 does not encode. All others are encoded, as in AWS signatures.
const ENCODED: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'-')
    .remove(b'.')
    .remove(b'_')
    .remove(b'~');

/// Parameters in the order in which they were sent.
#[derive(Clone, Debug, Default)]
pub(crate) struct Form(Vec<(String, String)>);

impl Form {
    pub fn parse(text: &str) -> Self {
        let pairs = text.split('&').filter(|pair| !pair.is_empty());
        Self(
            pairs
                .map(|pair| pair.split_once('=').unwrap_or((pair, "")))
                .map(|(k, v)| (decode(k), decode(v)))
                .collect(),
        )
    }

    pub fn of(pairs: &[(&str, &str)]) -> Self {
        Self(
            pairs
                .iter()
                .map(|(k, v)| ((*k).to_owned(), (*v).to_owned()))
                .collect(),
        )
    }

    /// All parameters, in the order in which they were sent.
    pub fn pairs(&self) -> impl Iterator<Item = (&str, &str)> {
        self.0.iter().map(|(name, value)| (name.as_str(), value.as_str()))
    }

    pub fn get(&self, name: &str) -> Option<&str> {
        self.0
            .iter()
            .find(|(key, _)| key == name)
            .map(|(_, value)| value.as_str())
    }

    /// Every value of a name that comes several times, as EKS's `tagKeys` does.
    pub fn all(&self, name: &str) -> Vec<&str> {
        self.0
            .iter()
            .filter(|(key, _)| key == name)
            .map(|(_, value)| value.as_str())
            .collect()
    }

    /// The list `<name>.member.1`, `.2` and so on; with `field`, that field of each entry.
    pub fn members(&self, name: &str, field: &str) -> Vec<&str> {
        let suffix = if field.is_empty() {
            String::new()
        } else {
            format!(".{field}")
        };
        (1..)
            .map_while(|n| self.get(&format!("{name}.member.{n}{suffix}")))
            .collect()
    }

    pub fn set(&mut self, name: &str, value: &str) {
        self.0.retain(|(key, _)| key != name);
        self.0.push((name.to_owned(), value.to_owned()));
    }

    pub fn encode(&self) -> String {
        let pairs: Vec<String> = self
            .0
            .iter()
            .map(|(k, v)| format!("{}={}", encode(k), encode(v)))
            .collect();
        pairs.join("&")
    }
}

/// Percent-encoding as AWS does it: all but unreserved characters.
pub(crate) fn encode(text: &str) -> String {
    utf8_percent_encode(text, ENCODED).to_string()
}

/// Form decoding: `+` is a space here, which it is not in a path.
fn decode(text: &str) -> String {
    decode_path(&text.replace('+', " "))
}

/// Percent-decoding of a path segment or of a policy document in an answer.
pub(crate) fn decode_path(text: &str) -> String {
    percent_decode_str(text).decode_utf8_lossy().into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn members_are_read_in_order() {
        let form = Form::parse("Tags.member.1.Key=a&Tags.member.1.Value=&Tags.member.2.Key=b%2Fc+d");
        assert_eq!(form.members("Tags", "Key"), ["a", "b/c d"]);
        assert_eq!(form.get("Tags.member.1.Value"), Some(""));
    }

    #[test]
    fn encoding_and_parsing_give_the_same_form() {
        let mut form = Form::of(&[("Description", "a&b = +ü"), ("Empty", "")]);
        form.set("Action", "UpdateRole");
        assert_eq!(Form::parse(&form.encode()).0, form.0);
    }
}
