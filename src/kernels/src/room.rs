//! Room for numbers that is used again: what is asked of the system anew is filled with zeros first,
//! page by page, which takes as long as writing what it is for.

use std::cell::RefCell;
use std::ops::{Deref, DerefMut};

/// Numbers that are kept for later, of all that a thread has given back: 64 MiB.
const MOST: usize = 16 << 20;

thread_local! {
    static FREE: RefCell<Vec<Vec<f32>>> = const { RefCell::new(Vec::new()) };
}

/// So many numbers, whatever they are at first; given back to its thread at the end.
#[derive(Debug)]
pub(crate) struct Room {
    /// As many, or more.
    all: Vec<f32>,
    count: usize,
}

impl Room {
    pub(crate) fn of(count: usize) -> Self {
        let free = FREE.with_borrow_mut(|free| {
            let fits = free.iter().enumerate().filter(|(_, room)| room.len() >= count);
            let least = fits.min_by_key(|(_, room)| room.len()).map(|(at, _)| at);
            least.map(|at| free.swap_remove(at))
        });
        Self { all: free.unwrap_or_else(|| vec![0.0; count]), count }
    }
}

impl Drop for Room {
    fn drop(&mut self) {
        let room = std::mem::take(&mut self.all);
        // At the end of a thread there is nobody who could use it again.
        let _ = FREE.try_with(|free| {
            let mut free = free.borrow_mut();
            if free.iter().map(Vec::len).sum::<usize>() + room.len() <= MOST {
                free.push(room);
            }
        });
    }
}

impl Deref for Room {
    type Target = [f32];

    fn deref(&self) -> &[f32] {
        &self.all[..self.count]
    }
}

impl DerefMut for Room {
    fn deref_mut(&mut self) -> &mut [f32] {
        &mut self.all[..self.count]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn room_is_used_again_where_it_is_large_enough_and_not_kept_beyond_the_most() {
        let at = Room::of(1000).as_ptr();
        let smaller = Room::of(900);
        assert_eq!((smaller.as_ptr(), smaller.len()), (at, 900));
        let other = Room::of(900);
        assert_ne!(other.as_ptr(), at);
        drop((smaller, other));
        let kept = || FREE.with_borrow(|free| free.iter().map(Vec::len).sum::<usize>());
        assert_eq!(kept(), 1900);
        // What served a smaller one serves a larger one again.
        assert_eq!(Room::of(1000).as_ptr(), at);
        drop(Room::of(MOST));
        assert_eq!(kept(), 1900);
    }
}
