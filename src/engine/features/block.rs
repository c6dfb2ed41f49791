//! Where the inputs of a column stand in a matrix.

/// The inputs of one column within a matrix.
pub(super) struct Block<'a> {
    pub(super) data: &'a mut [f32],
    pub(super) width: usize,
    pub(super) offset: usize,
}

impl Block<'_> {
    /// Where an input of a row stands.
    #[inline]
    pub(super) fn place(&self, row: usize, input: usize) -> usize {
        row * self.width + self.offset + input
    }

    #[inline]
    pub(super) fn set(&mut self, row: usize, input: usize, value: f32) {
        self.data[self.place(row, input)] = value;
    }

    /// One input of each row from `row` on.
    pub(super) fn column(&mut self, row: usize, input: usize) -> impl Iterator<Item = &mut f32> {
        let start = self.place(row, input);
        self.data.get_mut(start..).unwrap_or_default().iter_mut().step_by(self.width.max(1))
    }

    /// So many inputs of a row.
    pub(super) fn row(&mut self, row: usize, inputs: usize) -> &mut [f32] {
        let start = self.place(row, 0);
        &mut self.data[start..start + inputs]
    }
}
