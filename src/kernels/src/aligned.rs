//! Numbers that begin with a line of the cache: a vector that crosses into the next line is read as two.

use std::ops::{Deref, DerefMut};

/// Bytes of a line, and numbers.
const LINE: usize = 64;
const LANES: usize = LINE / size_of::<f32>();

/// So many numbers, whose place in memory never changes.
#[derive(Debug)]
pub(crate) struct Aligned {
    all: Vec<f32>,
    start: usize,
    count: usize,
}

impl Aligned {
    pub(crate) fn zeros(count: usize) -> Self {
        let all = vec![0.0; count + LANES - 1];
        let start = all.as_ptr().align_offset(LINE).min(LANES - 1);
        Self { all, start, count }
    }
}

impl Clone for Aligned {
    fn clone(&self) -> Self {
        let mut copy = Self::zeros(self.count);
        copy.copy_from_slice(self);
        copy
    }
}

impl Deref for Aligned {
    type Target = [f32];

    fn deref(&self) -> &[f32] {
        &self.all[self.start..self.start + self.count]
    }
}

impl DerefMut for Aligned {
    fn deref_mut(&mut self) -> &mut [f32] {
        &mut self.all[self.start..self.start + self.count]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_begin_with_a_line_and_copies_of_them_too() {
        // Some of them begin elsewhere in what the allocator gave.
        let several: Vec<Aligned> = (0..20).map(|count| Aligned::zeros(count * 7)).collect();
        for (count, mut one) in several.into_iter().enumerate() {
            assert_eq!(one.len(), count * 7);
            one.fill(count as f32);
            let moved = Box::new(one);
            let copy = moved.clone();
            assert_eq!(copy[..], vec![count as f32; count * 7]);
            assert!([&*moved, &copy].iter().all(|one| one.as_ptr().addr() % LINE == 0));
        }
    }
}
