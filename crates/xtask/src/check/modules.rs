//! Checks that the modules of each crate use each other in one direction only: no circle among the files of a folder,
//! where the parent's own file counts as one of them. Inputs: the Rust files of the work tree. Output: one problem per
//! circle, with the imports that close it. Reads files.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use anyhow::{Context, Result};
use syn::visit::{self, Visit};
use syn::{Attribute, Item, UseTree, Visibility};

use super::checkout::Checkout;
use super::finding::Finding;
use super::live::Live;

/// A module's path below the crate's root; empty for `lib.rs`.
type ModulePath = Vec<String>;

/// Modules by path.
type Modules = BTreeMap<ModulePath, Module>;

/// The imports between two entries of a folder, as text for the message.
type Arrows = BTreeMap<String, BTreeMap<String, BTreeSet<String>>>;

/// The paths that one module names.
#[derive(Default)]
struct Module {
    /// Every path in code, relative to this module.
    paths: BTreeSet<Vec<String>>,
    /// Names that `use` brings in, public or not, with the path behind each.
    imports: BTreeMap<String, Vec<String>>,
    /// Child modules that are compiled only for tests.
    test_children: BTreeSet<String>,
}

pub(super) fn judge(checkout: &Checkout, live: &Live) -> Result<Finding> {
    let mut crates: BTreeMap<String, Modules> = BTreeMap::new();
    for path in checkout.with_extension("rs") {
        let Some((name, module)) = module_of(path) else {
            continue;
        };
        live.at(&path.display().to_string());
        let file = syn::parse_file(&checkout.read(path)?).with_context(|| path.display().to_string())?;
        crates
            .entry(name)
            .or_default()
            .insert(module, Module::read(&file));
    }
    let mut problems = Vec::new();
    let mut modules = 0;
    for (name, tree) in crates {
        let tree = without_test_modules(tree);
        modules += tree.len();
        problems.extend(
            circles(&tree)
                .into_iter()
                .map(|circle| format!("{name}: {circle}")),
        );
    }
    Ok(Finding::of(&problems, format!("{modules} modules")))
}

/// The modules of the shipped code: those that are declared for tests only may use everything.
fn without_test_modules(modules: Modules) -> Modules {
    let is_for_tests = |path: &ModulePath| {
        (1..=path.len()).any(|depth| {
            let (parent, child) = (path.get(..depth - 1), path.get(depth - 1));
            let parent = parent.and_then(|parent| modules.get(parent));
            parent
                .zip(child)
                .is_some_and(|(parent, child)| parent.test_children.contains(child))
        })
    };
    let excluded: BTreeSet<ModulePath> = modules
        .keys()
        .filter(|path| is_for_tests(path))
        .cloned()
        .collect();
    modules
        .into_iter()
        .filter(|(path, _)| !excluded.contains(path))
        .collect()
}

/// Returns the crate and the module of a source file, or `None` for binaries, test modules and files of no crate.
fn module_of(path: &Path) -> Option<(String, ModulePath)> {
    let parts: Vec<&str> = path.iter().filter_map(|part| part.to_str()).collect();
    let source = parts.iter().position(|part| *part == "src")?;
    let name = parts.get(..source)?.join("/");
    let mut module: ModulePath = parts
        .get(source + 1..)?
        .iter()
        .map(|part| (*part).to_owned())
        .collect();
    let file = module.pop()?;
    let stem = file.strip_suffix(".rs")?;
    if stem == "main" || module.iter().any(|part| part == "bin") {
        return None;
    }
    if !(stem == "mod" || (stem == "lib" && module.is_empty())) {
        module.push(stem.to_owned());
    }
    (!module.iter().any(|part| part == "tests")).then_some((name, module))
}

impl Module {
    fn read(file: &syn::File) -> Self {
        let mut module = Self::default();
        for item in &file.items {
            if let Item::Mod(child) = item
                && is_for_tests(item)
            {
                module.test_children.insert(child.ident.to_string());
            }
            module.visit_item(item);
        }
        module
    }

    fn import(&mut self, prefix: &mut Vec<String>, tree: &UseTree) {
        match tree {
            UseTree::Path(path) => {
                prefix.push(path.ident.to_string());
                self.import(prefix, &path.tree);
                prefix.pop();
            }
            UseTree::Name(name) if name.ident == "self" => self.bind(prefix.last().cloned(), prefix.clone()),
            UseTree::Name(name) => self.bind(Some(name.ident.to_string()), joined(prefix, &name.ident)),
            UseTree::Rename(rename) => {
                self.bind(Some(rename.rename.to_string()), joined(prefix, &rename.ident))
            }
            UseTree::Glob(_) => drop(self.paths.insert(prefix.clone())),
            UseTree::Group(group) => group.items.iter().for_each(|item| self.import(prefix, item)),
        }
    }

    fn bind(&mut self, name: Option<String>, path: Vec<String>) {
        if let Some(name) = name {
            self.imports.insert(name, path.clone());
        }
        self.paths.insert(path);
    }
}

fn joined(prefix: &[String], last: &syn::Ident) -> Vec<String> {
    let last = Some(last.to_string());
    prefix.iter().cloned().chain(last).collect()
}

impl<'ast> Visit<'ast> for Module {
    fn visit_item(&mut self, item: &'ast Item) {
        if !is_for_tests(item) {
            visit::visit_item(self, item);
        }
    }

    fn visit_item_use(&mut self, item: &'ast syn::ItemUse) {
        self.import(&mut Vec::new(), &item.tree);
    }

    fn visit_path(&mut self, path: &'ast syn::Path) {
        if path.segments.len() > 1 {
            let segments = path.segments.iter().map(|segment| segment.ident.to_string());
            self.paths.insert(segments.collect());
        }
        visit::visit_path(self, path);
    }

    /// `pub(in path)` names a module without using it.
    fn visit_visibility(&mut self, _visibility: &'ast Visibility) {}
}

fn is_for_tests(item: &Item) -> bool {
    let attributes: &[Attribute] = match item {
        Item::Mod(item) => &item.attrs,
        Item::Fn(item) => &item.attrs,
        Item::Impl(item) => &item.attrs,
        Item::Use(item) => &item.attrs,
        Item::Const(item) => &item.attrs,
        _ => &[],
    };
    attributes.iter().any(|attribute| {
        let is_test = |meta: &syn::MetaList| meta.tokens.to_string() == "test";
        attribute.path().is_ident("cfg") && attribute.meta.require_list().is_ok_and(is_test)
    })
}

/// One message for each circle of the tree.
fn circles(modules: &Modules) -> Vec<String> {
    let mut folders: BTreeMap<ModulePath, Arrows> = BTreeMap::new();
    for (from, module) in modules {
        for path in &module.paths {
            let Some(to) = resolve(modules, from, path, 0).filter(|to| to != from) else {
                continue;
            };
            let shared = from.iter().zip(&to).take_while(|(a, b)| a == b).count();
            let entry = |module: &ModulePath| module.get(shared).cloned().unwrap_or_else(|| ".".to_owned());
            let text = format!("{} uses {}", shown(from), path.join("::"));
            let folder = folders
                .entry(from.iter().take(shared).cloned().collect())
                .or_default();
            let arrows = folder.entry(entry(from)).or_default();
            arrows.entry(entry(&to)).or_default().insert(text);
        }
    }
    let circles = folders
        .iter()
        .filter_map(|(folder, arrows)| circle(folder, arrows));
    circles.collect()
}

fn shown(module: &[String]) -> String {
    match module.is_empty() {
        true => "the crate's root".to_owned(),
        false => module.join("::"),
    }
}

/// Finds the module that defines the end of a path, through imports and re-exports. Returns `None` for other crates.
fn resolve(modules: &Modules, from: &[String], path: &[String], depth: usize) -> Option<ModulePath> {
    let (first, mut rest) = path.split_first()?;
    let mut at: ModulePath = match first.as_str() {
        "crate" => Vec::new(),
        "self" => from.to_vec(),
        "super" => from.split_last()?.1.to_vec(),
        name => {
            let mut child = from.to_vec();
            child.push(name.to_owned());
            if !modules.contains_key(&child) {
                return None;
            }
            child
        }
    };
    while let Some((next, after)) = rest.split_first() {
        let mut child = at.clone();
        child.push(next.clone());
        if next == "super" {
            at.pop();
        } else if modules.contains_key(&child) {
            at = child;
        } else {
            return Some(through_import(modules, at, next, depth));
        }
        rest = after;
    }
    Some(at)
}

/// The module behind a name of a module: another one if the name is imported there.
fn through_import(modules: &Modules, at: ModulePath, name: &str, depth: usize) -> ModulePath {
    let import = modules.get(&at).and_then(|module| module.imports.get(name));
    // A chain of re-exports is short; the bound ends a circular one.
    let behind = import
        .filter(|_| depth < 8)
        .and_then(|path| resolve(modules, &at, path, depth + 1));
    behind.unwrap_or(at)
}

/// Entries that reach each other, with the imports between them.
fn circle(folder: &[String], arrows: &Arrows) -> Option<String> {
    let reaches: BTreeMap<&str, BTreeSet<&str>> = arrows
        .keys()
        .map(|entry| (entry.as_str(), reached(arrows, entry)))
        .collect();
    let in_circle = |entry: &str| reaches.get(entry).is_some_and(|reached| reached.contains(entry));
    let entries: BTreeSet<&str> = arrows
        .keys()
        .map(String::as_str)
        .filter(|entry| in_circle(entry))
        .collect();
    if entries.is_empty() {
        return None;
    }
    let back = |from: &str, to: &str| reaches.get(to).is_some_and(|reached| reached.contains(from));
    let mut lines = Vec::new();
    for (from, targets) in arrows {
        for (_, texts) in targets.iter().filter(|(to, _)| back(from, to)) {
            lines.extend(texts.iter().map(|text| format!("  {text}")));
        }
    }
    let names: Vec<&str> = entries.into_iter().collect();
    let place = shown(folder);
    Some(format!(
        "circle in {place} among {}:\n{}",
        names.join(", "),
        lines.join("\n")
    ))
}

fn reached<'a>(arrows: &'a Arrows, from: &str) -> BTreeSet<&'a str> {
    let mut reached = BTreeSet::new();
    let mut waiting: Vec<&str> = arrows
        .get(from)
        .into_iter()
        .flat_map(|to| to.keys().map(String::as_str))
        .collect();
    while let Some(entry) = waiting.pop() {
        if reached.insert(entry) {
            waiting.extend(
                arrows
                    .get(entry)
                    .into_iter()
                    .flat_map(|to| to.keys().map(String::as_str)),
            );
        }
    }
    reached
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tree(files: &[(&str, &str)]) -> Modules {
        let read = |(path, text): &(&str, &str)| {
            let (_, module) = module_of(Path::new(path)).unwrap();
            (module, Module::read(&syn::parse_file(text).unwrap()))
        };
        files.iter().map(read).collect()
    }

    #[test]
    fn one_way_use_is_allowed() {
        let files = [
            ("c/src/lib.rs", "mod a; mod b;"),
            ("c/src/a.rs", "use crate::b::B;"),
            ("c/src/b.rs", "struct B;"),
        ];
        assert_eq!(circles(&tree(&files)), [""; 0]);
    }

    #[test]
    fn siblings_that_use_each_other_are_a_circle() {
        let files = [
            ("c/src/lib.rs", "mod a; mod b;"),
            ("c/src/a.rs", "fn a() { crate::b::b() }"),
            ("c/src/b/deep.rs", "use crate::a;"),
            ("c/src/b.rs", "mod deep;"),
        ];
        let found = circles(&tree(&files));
        assert_eq!(found.len(), 1);
        assert!(
            found[0].contains("among a, b") && found[0].contains("b::deep uses crate::a"),
            "{found:?}"
        );
    }

    #[test]
    fn child_that_uses_what_its_parent_defines_is_a_circle() {
        let parent = "mod child; pub use child::run; pub struct Shared;";
        let files = [
            ("c/src/lib.rs", "mod p;"),
            ("c/src/p.rs", parent),
            ("c/src/p/child.rs", "use super::Shared;"),
        ];
        assert_eq!(circles(&tree(&files)).len(), 1);
    }

    #[test]
    fn reexport_of_a_sibling_leads_to_the_sibling() {
        let parent = "mod child; mod shared; pub use shared::Shared; pub use child::run;";
        let files = [
            ("c/src/lib.rs", "mod p;"),
            ("c/src/p.rs", parent),
            ("c/src/p/child.rs", "use super::Shared;"),
            ("c/src/p/shared.rs", "pub struct Shared;"),
        ];
        assert_eq!(circles(&tree(&files)), [""; 0]);
    }

    #[test]
    fn module_declared_for_tests_may_use_everything() {
        let files = [
            ("c/src/lib.rs", "mod a; #[cfg(test)] mod example;"),
            ("c/src/a.rs", "#[cfg(test)] mod cases;"),
            ("c/src/a/cases.rs", "use crate::example;"),
            ("c/src/example.rs", "use crate::a;"),
        ];
        assert_eq!(circles(&without_test_modules(tree(&files))), [""; 0]);
        assert_eq!(circles(&tree(&files)).len(), 1);
    }

    #[test]
    fn tests_may_use_everything() {
        let tests = "#[cfg(test)] mod tests { use crate::b::B; }";
        let files = [
            ("c/src/lib.rs", "mod a; mod b;"),
            ("c/src/a.rs", tests),
            ("c/src/b.rs", "use crate::a;"),
        ];
        assert_eq!(circles(&tree(&files)), [""; 0]);
    }
}
