//! The name that was probably meant. Input: a name and the names that exist. Output: the nearest one. No I/O.

/// The nearest of the names in any case, if at most a third of its letters differ.
pub(crate) fn nearest<'a>(name: &str, names: impl Iterator<Item = &'a str>) -> Option<&'a str> {
    let wanted: Vec<char> = name.to_lowercase().chars().collect();
    let limit = (wanted.len() / 3).max(1);
    let near = names.filter_map(|candidate| {
        let letters: Vec<char> = candidate.to_lowercase().chars().collect();
        // Names of very different lengths are not compared letter by letter.
        let possible = letters.len().abs_diff(wanted.len()) <= limit;
        let distance = possible.then(|| distance(&wanted, &letters))?;
        (distance <= limit).then_some((distance, candidate))
    });
    near.min().map(|(_, candidate)| candidate)
}

/// The number of letters to insert, remove or replace (Levenshtein).
fn distance(from: &[char], to: &[char]) -> usize {
    let mut row: Vec<usize> = (0..=to.len()).collect();
    for (at, wanted) in from.iter().enumerate() {
        let mut diagonal = at;
        let mut left = at + 1;
        let mut next = vec![left];
        for (letter, above) in to.iter().zip(row.iter().skip(1)) {
            let replaced = diagonal + usize::from(letter != wanted);
            left = replaced.min(left + 1).min(above + 1);
            next.push(left);
            diagonal = *above;
        }
        row = next;
    }
    row.last().copied().unwrap_or_default()
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
