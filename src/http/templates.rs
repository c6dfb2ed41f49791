//! Which route a path belongs to, remembered: actix-web tells it before it routes only by matching the
//! path against one route after the other, which costs as much as all else that the gate does.

use std::cell::RefCell;
use std::collections::HashMap;
use std::rc::Rc;

use actix_web::dev::ServiceRequest;

/// Most paths that are remembered, and the bytes of the longest. Whoever asks for more, with a key or
/// without, has all of them forgotten, which costs each path one more match.
const MAX_PATHS: usize = 1024;
const MAX_PATH: usize = 256;

/// The templates of paths that were asked for lately, of one worker.
#[derive(Default)]
pub(super) struct Templates(RefCell<HashMap<String, Rc<str>>>);

impl Templates {
    /// The template of the route that a request's path belongs to, whatever its method; empty where it
    /// belongs to none.
    pub(super) fn of(request: &ServiceRequest) -> Rc<str> {
        let matched = || request.match_pattern().unwrap_or_default().into();
        match request.app_data::<Self>() {
            Some(templates) => templates.found(request.path(), matched),
            None => matched(),
        }
    }

    fn found(&self, path: &str, matched: impl FnOnce() -> Rc<str>) -> Rc<str> {
        if let Some(template) = self.0.borrow().get(path) {
            return template.clone();
        }
        let template = matched();
        // Whoever asks for what is not there pays for it alone.
        if !template.is_empty() && path.len() <= MAX_PATH {
            let mut known = self.0.borrow_mut();
            if known.len() >= MAX_PATHS {
                known.clear();
            }
            known.insert(path.to_owned(), template.clone());
        }
        template
    }
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;

    use super::*;

    #[test]
    fn a_path_is_matched_once_as_long_as_there_is_room() {
        let templates = Templates::default();
        let matches = Cell::new(0);
        let find = |path: &str, template: &str| {
            let matched = || {
                matches.set(matches.get() + 1);
                template.into()
            };
            assert_eq!(&*templates.found(path, matched), template);
            matches.get()
        };
        assert_eq!(find("/a/1", "/a/{id}"), 1);
        assert_eq!(find("/a/1", "/a/{id}"), 1);
        assert_eq!(find("/a/2", "/a/{id}"), 2);
        // Neither what is not there nor what is long is remembered.
        assert_eq!(find("/b", ""), 3);
        assert_eq!(find("/b", ""), 4);
        let long = format!("/a/{}", "1".repeat(MAX_PATH));
        assert_eq!(find(&long, "/a/{id}"), 5);
        assert_eq!(find(&long, "/a/{id}"), 6);
        for path in 0..MAX_PATHS {
            find(&format!("/c/{path}"), "/c/{id}");
        }
        assert!(templates.0.borrow().len() <= MAX_PATHS);
        let before = matches.get();
        assert_eq!(find("/a/1", "/a/{id}"), before + 1);
    }
}
