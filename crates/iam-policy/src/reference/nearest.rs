//! The name that was probably meant. Input: a name and the names that exist. Output: the nearest one. No I/O.

use crate::text::distance;

/// The nearest of the names in any case, if at most a third of its letters differ.
pub(crate) fn nearest<'a>(name: &str, names: impl Iterator<Item = &'a str>) -> Option<&'a str> {
    let wanted = name.to_lowercase();
    let length = wanted.chars().count();
    let limit = (length / 3).max(1);
    let near = names.filter_map(|candidate| {
        let candidate_text = candidate.to_lowercase();
        // Names of very different lengths are not compared letter by letter.
        let possible = candidate_text.chars().count().abs_diff(length) <= limit;
        let distance = possible.then(|| distance(&wanted, &candidate_text))?;
        (distance <= limit).then_some((distance, candidate))
    });
    near.min().map(|(_, candidate)| candidate)
}

#[cfg(test)]
mod tests {
    use super::nearest;

    #[test]
    fn nearest_name_is_found_within_a_third() {
        let names = || ["SendMessage", "ReceiveMessage", "DeleteMessage"].into_iter();
        assert_eq!(nearest("SendMessge", names()), Some("SendMessage"));
        assert_eq!(nearest("sendmesage", names()), Some("SendMessage"));
        assert_eq!(nearest("Purge", names()), None);
    }
}
