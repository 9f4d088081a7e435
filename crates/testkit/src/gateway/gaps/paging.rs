//! Lists cut into pages, with a token for the next one. No I/O.
//! Input: the whole list as the emulator gave it. Output: one page, and the token that gets the next.

use parking_lot::Mutex;
use std::collections::VecDeque;

/// The lists that a caller may still be reading, oldest first.
#[derive(Debug, Default)]
pub(crate) struct Pages(Mutex<Shelf>);

#[derive(Debug, Default)]
struct Shelf {
    made: usize,
    lists: VecDeque<(usize, Vec<Item>)>,
}

/// One entry: the name of the list it belongs to (an answer can hold several) and its text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Item {
    pub list: &'static str,
    pub text: String,
}

/// A part of a list.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Page {
    pub items: Vec<Item>,
    /// Token of the next page, or `None` on the last.
    pub token: Option<String>,
}

/// More lists than this under way at once, and the oldest is forgotten.
const KEPT: usize = 8;

impl Pages {
    /// The first page of a list, which is kept as it is now for the pages to come.
    pub fn first(&self, items: Vec<Item>, size: usize) -> Page {
        let mut shelf = self.0.lock();
        shelf.made += 1;
        let id = shelf.made;
        let page = cut(id, &items, 0, size);
        if page.token.is_some() {
            shelf.lists.push_back((id, items));
        }
        if shelf.lists.len() > KEPT {
            shelf.lists.pop_front();
        }
        page
    }

    /// The page that a token stands for; nothing for a token that no page gave.
    pub fn next(&self, token: &str, size: usize) -> Option<Page> {
        let (id, from) = token.split_once('.')?;
        let (id, from) = (id.parse::<usize>().ok()?, from.parse().ok()?);
        let shelf = self.0.lock();
        let (_, items) = shelf.lists.iter().find(|(known, _)| *known == id)?;
        Some(cut(id, items, from, size))
    }
}

fn cut(id: usize, items: &[Item], from: usize, size: usize) -> Page {
    let to = from.saturating_add(size);
    let token = (to < items.len()).then(|| format!("{id}.{to}"));
    Page {
        items: items.iter().skip(from).take(size).cloned().collect(),
        token,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn items(n: usize) -> Vec<Item> {
        (0..n)
            .map(|n| Item {
                list: "Roles",
                text: n.to_string(),
            })
            .collect()
    }

    #[test]
    fn pages_concatenate_to_the_list() {
        let pages = Pages::default();
        let mut page = pages.first(items(5), 2);
        let mut read = page.items.clone();
        while let Some(token) = page.token {
            page = pages.next(&token, 2).unwrap();
            read.extend(page.items.clone());
        }
        assert_eq!(read, items(5));
    }

    #[test]
    fn list_within_one_page_has_no_token() {
        let pages = Pages::default();
        assert_eq!(pages.first(items(2), 2).token, None);
        assert_eq!(pages.next("1.2", 2), None);
        assert_eq!(pages.next("nonsense", 2), None);
    }
}
