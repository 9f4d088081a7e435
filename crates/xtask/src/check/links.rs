//! Checks links in Markdown: a relative path must name a file of this repository, an anchor a heading there.
//! Input: the work tree. Output: findings. Reads files; web addresses are not checked.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Component, Path, PathBuf};

use anyhow::Result;
use pulldown_cmark::{Event, Options, Parser, Tag, TagEnd};

use super::checkout::Checkout;
use super::finding::Finding;
use super::live::Live;

/// Anchors and links of one Markdown file.
#[derive(Debug, Default)]
struct Page {
    anchors: BTreeSet<String>,
    /// Target by line.
    links: Vec<(usize, String)>,
}

type Pages = BTreeMap<PathBuf, Page>;

pub(super) fn judge(checkout: &Checkout, _live: &Live) -> Result<Finding> {
    let mut pages = Pages::new();
    for path in checkout.with_extension("md") {
        pages.insert(path.to_owned(), Page::read(&checkout.read(path)?));
    }
    let problems = broken(&pages, &checkout.files);
    let links: usize = pages.values().map(|page| page.links.len()).sum();
    Ok(Finding::of(
        &problems,
        format!("{links} links in {} files", pages.len()),
    ))
}

fn broken(pages: &Pages, files: &BTreeSet<PathBuf>) -> Vec<String> {
    let mut problems = Vec::new();
    for (path, page) in pages {
        for (line, target) in &page.links {
            let objection = objection(path, target, pages, files);
            problems.extend(objection.map(|why| format!("{}:{line}: {target}: {why}", path.display())));
        }
    }
    problems
}

fn objection(from: &Path, target: &str, pages: &Pages, files: &BTreeSet<PathBuf>) -> Option<String> {
    if target.contains("://") || target.starts_with("mailto:") {
        return None;
    }
    let (path, anchor) = target.split_once('#').unwrap_or((target, ""));
    let Some(path) = resolve(from, path) else {
        return Some("leads out of the repository; link relative to this file".to_owned());
    };
    let is_there = files.contains(&path) || files.iter().any(|file| file.starts_with(&path));
    if !is_there {
        return Some(format!("there is no {}", path.display()));
    }
    let page = pages.get(&path)?;
    let dangling = !anchor.is_empty() && !page.anchors.contains(anchor);
    dangling.then(|| format!("no heading of {} has this anchor", path.display()))
}

/// The path from the root that a relative path in a file means; `None` when it is absolute or leaves the root.
fn resolve(from: &Path, path: &str) -> Option<PathBuf> {
    if path.is_empty() {
        return Some(from.to_owned());
    }
    let mut resolved = from.parent()?.to_owned();
    for component in Path::new(path).components() {
        match component {
            Component::Normal(name) => resolved.push(name),
            Component::CurDir => {}
            Component::ParentDir if resolved.pop() => {}
            Component::ParentDir | Component::RootDir | Component::Prefix(_) => return None,
        }
    }
    Some(resolved)
}

impl Page {
    fn read(text: &str) -> Self {
        let mut page = Self::default();
        let mut heading: Option<String> = None;
        for (event, range) in Parser::new_ext(text, Options::ENABLE_TABLES).into_offset_iter() {
            match event {
                Event::Start(Tag::Link { dest_url, .. } | Tag::Image { dest_url, .. }) => {
                    let before = text.get(..range.start).unwrap_or_default();
                    page.links
                        .push((before.matches('\n').count() + 1, dest_url.into_string()));
                }
                Event::Start(Tag::Heading { .. }) => heading = Some(String::new()),
                Event::Text(words) | Event::Code(words) => {
                    heading.iter_mut().for_each(|heading| heading.push_str(&words));
                }
                Event::End(TagEnd::Heading(_)) => page.add_anchor(&heading.take().unwrap_or_default()),
                _ => {}
            }
        }
        page
    }

    /// A second heading with the same words gets a number, as on GitHub.
    fn add_anchor(&mut self, heading: &str) {
        let anchor = anchor(heading);
        let numbered = (1..).map(|number| format!("{anchor}-{number}"));
        let free = std::iter::once(anchor.clone())
            .chain(numbered)
            .find(|name| !self.anchors.contains(name));
        self.anchors.extend(free);
    }
}

/// The anchor that GitHub makes of a heading.
fn anchor(heading: &str) -> String {
    let kept = |c: &char| c.is_alphanumeric() || " -_".contains(*c);
    heading
        .to_lowercase()
        .chars()
        .filter(kept)
        .map(|c| if c == ' ' { '-' } else { c })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const GUIDE: &str = "\
# Guide

See [the end](#the-end-of-it), [again](#the-end-of-it-1), [concepts](../concepts.md#what-it-is), [a flag](#--region),
[nowhere](#nowhere), [no file](missing.md), [a directory](../guides/), [out](../../up.md), [the web](https://a.b/#c).

```text
[not a link](not.md)
```

## The end, of *it*
## The end of it
## `--region`
";

    fn pages() -> Pages {
        let page = |path: &str, text| (PathBuf::from(path), Page::read(text));
        Pages::from([
            page("docs/guides/a.md", GUIDE),
            page("docs/concepts.md", "# What it is\n"),
        ])
    }

    #[test]
    fn broken_link_is_reported_with_line() {
        let pages = pages();
        let files = pages.keys().cloned().collect();
        let found = broken(&pages, &files);
        assert_eq!(
            found,
            [
                "docs/guides/a.md:4: #nowhere: no heading of docs/guides/a.md has this anchor",
                "docs/guides/a.md:4: missing.md: there is no docs/guides/missing.md",
                "docs/guides/a.md:4: ../../up.md: there is no up.md",
            ]
        );
    }

    #[test]
    fn link_out_of_the_repository_is_rejected() {
        let from = Path::new("docs/a.md");
        assert_eq!(resolve(from, "../README.md"), Some("README.md".into()));
        assert_eq!(resolve(from, "../../shared/x.md"), None);
        assert_eq!(resolve(from, "/docs/a.md"), None);
    }
}
