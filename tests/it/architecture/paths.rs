//! Finds every path that a source file names: in `use` trees, expressions, types, patterns,
//! attributes, and in the tokens of macros, which the compiler has not expanded yet.

use std::collections::HashSet;

use proc_macro2::{Delimiter, Group, Span, TokenStream, TokenTree};
use syn::visit::{self, Visit};

/// A path, as far as the file alone tells what it means.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Named {
    pub(super) line: usize,
    pub(super) target: Target,
    /// Named by a `use` that others can see.
    pub(super) exported: bool,
}

#[derive(Debug, PartialEq, Eq)]
pub(super) enum Target {
    /// Segments below the root of our crate; empty for the root itself.
    Own(Vec<String>),
    /// A crate of others, or a name that the file does not tell from one.
    Foreign(String),
}

/// All paths of `source`, the text of the module `module` (`["http", "problem"]`).
pub(super) fn named(source: &str, module: &[String]) -> syn::Result<Vec<Named>> {
    let file = syn::parse_file(source)?;
    let mut collector =
        Collector { module: module.to_vec(), scope: Scope::of(&file.items), found: Vec::new() };
    collector.visit_file(&file);
    Ok(collector.found)
}

/// Names that a module gives itself: as the first segment of a path they are no foreign crate.
struct Scope {
    modules: HashSet<String>,
    imports: HashSet<String>,
}

impl Scope {
    fn of(items: &[syn::Item]) -> Self {
        let mut scope = Self { modules: HashSet::new(), imports: HashSet::new() };
        for item in items {
            match item {
                syn::Item::Mod(item) => {
                    scope.modules.insert(item.ident.to_string());
                }
                syn::Item::Use(item) => scope.bind(&item.tree, ""),
                _ => {}
            }
        }
        scope
    }

    fn bind(&mut self, tree: &syn::UseTree, parent: &str) {
        match tree {
            syn::UseTree::Path(path) => self.bind(&path.tree, &path.ident.to_string()),
            syn::UseTree::Name(name) if name.ident == "self" => {
                self.imports.insert(parent.to_owned());
            }
            syn::UseTree::Name(name) => {
                self.imports.insert(name.ident.to_string());
            }
            syn::UseTree::Rename(rename) => {
                self.imports.insert(rename.rename.to_string());
            }
            syn::UseTree::Group(group) => {
                group.items.iter().for_each(|tree| self.bind(tree, parent));
            }
            syn::UseTree::Glob(_) => {}
        }
    }
}

struct Collector {
    module: Vec<String>,
    scope: Scope,
    found: Vec<Named>,
}

impl Collector {
    fn add(&mut self, span: Span, target: Target, exported: bool) {
        self.found.push(Named { line: span.start().line, target, exported });
    }

    /// The path below our root, if its first segment says that it is one of ours.
    fn own(&self, segments: &[String]) -> Option<Vec<String>> {
        let mut base = match segments.first()?.as_str() {
            "crate" | "actuary" => Vec::new(),
            "self" | "super" => self.module.clone(),
            _ => return None,
        };
        let supers = segments.iter().skip_while(|s| *s == "self").take_while(|s| *s == "super");
        let supers = supers.count();
        base.truncate(base.len().saturating_sub(supers));
        let rest =
            segments.iter().skip_while(|s| ["crate", "actuary", "self"].contains(&s.as_str()));
        base.extend(rest.skip(supers).cloned());
        Some(base)
    }

    fn add_use(&mut self, span: Span, segments: &[String], absolute: bool, exported: bool) {
        let Some(first) = segments.first() else {
            return;
        };
        if absolute {
            self.add(span, Target::Foreign(first.clone()), exported);
        } else if let Some(own) = self.own(segments) {
            self.add(span, Target::Own(own), exported);
        } else if self.scope.modules.contains(first) {
            let below = self.module.iter().chain(segments).cloned().collect();
            self.add(span, Target::Own(below), exported);
        } else {
            self.add(span, Target::Foreign(first.clone()), exported);
        }
    }

    /// Outside `use`, one segment alone is a local name, never a crate.
    fn add_path(&mut self, span: Span, segments: &[String], absolute: bool) {
        let imported = segments.first().is_some_and(|first| self.scope.imports.contains(first));
        if absolute || (segments.len() > 1 && !imported) {
            self.add_use(span, segments, absolute, false);
        }
    }

    fn walk_use(&mut self, tree: &syn::UseTree, prefix: &[String], absolute: bool, exported: bool) {
        let with = |ident: &syn::Ident| {
            let last = (prefix.is_empty() || ident != "self").then(|| ident.to_string());
            prefix.iter().cloned().chain(last).collect::<Vec<_>>()
        };
        match tree {
            syn::UseTree::Path(path) => {
                self.walk_use(&path.tree, &with(&path.ident), absolute, exported);
            }
            syn::UseTree::Name(name) => {
                self.add_use(name.ident.span(), &with(&name.ident), absolute, exported);
            }
            syn::UseTree::Rename(rename) => {
                self.add_use(rename.ident.span(), &with(&rename.ident), absolute, exported);
            }
            syn::UseTree::Glob(glob) => {
                let span = glob.star_token.spans[0];
                self.add_use(span, prefix, absolute, exported);
            }
            syn::UseTree::Group(group) => {
                for tree in &group.items {
                    self.walk_use(tree, prefix, absolute, exported);
                }
            }
        }
    }

    /// Paths among loose tokens; `prefix` is what stands before the brace of a `use` group.
    /// Strings count inside attributes, where they may be paths (`serde(with = "...")`).
    fn scan(&mut self, tokens: &TokenStream, prefix: &[String], strings: bool) {
        let tokens: Vec<TokenTree> = tokens.clone().into_iter().collect();
        let mut at = 0;
        while let Some(token) = tokens.get(at) {
            match token {
                // The new name of `use crate::{store as s}` is no path.
                TokenTree::Ident(ident) if ident == "as" && !prefix.is_empty() => at += 1,
                TokenTree::Ident(ident) => {
                    let (path, next) = path_at(&tokens, at, prefix);
                    let absolute = prefix.is_empty()
                        && at >= 2
                        && is_separator(&tokens, at - 2)
                        && !(at >= 3 && ends_path(&tokens[at - 3]));
                    at = next;
                    if let Some(group) = brace_after_separator(&tokens, at) {
                        self.scan(&group.stream(), &path, strings);
                        at += 3;
                    } else {
                        self.add_path(ident.span(), &path, absolute);
                    }
                    continue;
                }
                TokenTree::Group(group) => self.scan(&group.stream(), &[], strings),
                TokenTree::Literal(literal) if strings => {
                    let parsed = syn::parse_str::<syn::LitStr>(&literal.to_string());
                    if let Some(path) = parsed.ok().and_then(|text| text.parse::<syn::Path>().ok())
                    {
                        self.add_path(
                            literal.span(),
                            &segments(&path),
                            path.leading_colon.is_some(),
                        );
                    }
                }
                TokenTree::Literal(_) | TokenTree::Punct(_) => {}
            }
            at += 1;
        }
    }
}

impl<'ast> Visit<'ast> for Collector {
    fn visit_item_mod(&mut self, item: &'ast syn::ItemMod) {
        let items = item.content.as_ref().map_or(&[][..], |content| &content.1);
        let outer = std::mem::replace(&mut self.scope, Scope::of(items));
        self.module.push(item.ident.to_string());
        visit::visit_item_mod(self, item);
        self.module.pop();
        self.scope = outer;
    }

    fn visit_item_use(&mut self, item: &'ast syn::ItemUse) {
        let exported = !matches!(item.vis, syn::Visibility::Inherited);
        self.walk_use(&item.tree, &[], item.leading_colon.is_some(), exported);
    }

    fn visit_item_extern_crate(&mut self, item: &'ast syn::ItemExternCrate) {
        let target = if item.ident == "self" {
            Target::Own(Vec::new())
        } else {
            Target::Foreign(item.ident.to_string())
        };
        self.add(item.ident.span(), target, !matches!(item.vis, syn::Visibility::Inherited));
    }

    fn visit_path(&mut self, path: &'ast syn::Path) {
        if let Some(first) = path.segments.first() {
            self.add_path(first.ident.span(), &segments(path), path.leading_colon.is_some());
        }
        visit::visit_path(self, path);
    }

    fn visit_vis_restricted(&mut self, _: &'ast syn::VisRestricted) {
        // `pub(in path)` names an ancestor, never a dependency.
    }

    fn visit_meta_list(&mut self, list: &'ast syn::MetaList) {
        self.visit_path(&list.path);
        self.scan(&list.tokens, &[], true);
    }

    fn visit_token_stream(&mut self, tokens: &'ast TokenStream) {
        self.scan(tokens, &[], false);
    }
}

fn segments(path: &syn::Path) -> Vec<String> {
    path.segments.iter().map(|segment| segment.ident.to_string()).collect()
}

fn is_separator(tokens: &[TokenTree], at: usize) -> bool {
    let colon =
        |index| matches!(tokens.get(index), Some(TokenTree::Punct(p)) if p.as_char() == ':');
    colon(at) && colon(at + 1)
}

/// Whether a `::` after this token goes on with a path rather than starting one.
fn ends_path(token: &TokenTree) -> bool {
    match token {
        TokenTree::Ident(_) => true,
        TokenTree::Punct(punct) => punct.as_char() == '>',
        _ => false,
    }
}

/// The path that starts with the identifier at `at`, and the index behind it.
fn path_at(tokens: &[TokenTree], mut at: usize, prefix: &[String]) -> (Vec<String>, usize) {
    let mut path = prefix.to_vec();
    while let Some(TokenTree::Ident(ident)) = tokens.get(at) {
        path.push(ident.to_string());
        at += 1;
        match tokens.get(at + 2) {
            Some(TokenTree::Ident(_)) if is_separator(tokens, at) => at += 2,
            _ => break,
        }
    }
    (path, at)
}

fn brace_after_separator(tokens: &[TokenTree], at: usize) -> Option<&Group> {
    match tokens.get(at + 2) {
        Some(TokenTree::Group(group))
            if is_separator(tokens, at) && group.delimiter() == Delimiter::Brace =>
        {
            Some(group)
        }
        _ => None,
    }
}
