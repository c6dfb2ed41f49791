//! The one place that chooses the instruction set.

use pulp::{Arch, Simd, WithSimd};

/// Runs an operation with the widest vectors of this machine: AVX-512, AVX2 with FMA, or none.
///
/// Callers must not be generic, or the operation is compiled, and not inlined, where they are used.
#[inline(always)]
pub(crate) fn dispatch<Op: WithSimd>(op: Op) -> Op::Output {
    #[cfg(test)]
    if let Some(level) = tests::pinned() {
        return level.dispatch(op);
    }
    Arch::new().dispatch(op)
}

/// The numbers from `at` on, zeros behind the last.
#[inline(always)]
pub(crate) fn load<S: Simd>(simd: S, from: &[f32], at: usize) -> S::f32s {
    match S::as_simd_f32s(&from[at..]) {
        ([whole, ..], _) => *whole,
        ([], rest) => simd.partial_load_f32s(rest),
    }
}

/// Numbers with 0 in the place of what is nearly nothing. Below the least normal number each operation
/// takes a hundred times as long on many processors, and what fades (a gradient through many steps, a
/// moment without gradients) would stay there.
#[inline(always)]
pub(crate) fn without_traces<S: Simd>(simd: S, x: S::f32s) -> S::f32s {
    const TRACE: f32 = 1e-30;
    let is_trace = simd.less_than_f32s(simd.abs_f32s(x), simd.splat_f32s(TRACE));
    simd.select_f32s(is_trace, simd.splat_f32s(0.0), x)
}

/// Writes the numbers from `at` on, as many as there are places for.
#[inline(always)]
pub(crate) fn store<S: Simd>(simd: S, to: &mut [f32], at: usize, value: S::f32s) {
    match S::as_mut_simd_f32s(&mut to[at..]) {
        ([whole, ..], _) => *whole = value,
        ([], rest) => simd.partial_store_f32s(rest, value),
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use std::cell::Cell;
    use std::io::Write;
    use std::sync::LazyLock;

    use pulp::{Arch, Simd, WithSimd};

    thread_local! {
        static PINNED: Cell<Option<Arch>> = const { Cell::new(None) };
    }

    pub(super) fn pinned() -> Option<Arch> {
        PINNED.get()
    }

    /// While it lives, its thread's kernels use one instruction set.
    pub(crate) struct Level {
        _private: (),
    }

    impl Level {
        fn pin(level: Arch) -> Self {
            PINNED.set(Some(level));
            Self { _private: () }
        }
    }

    impl Drop for Level {
        fn drop(&mut self) {
            PINNED.set(None);
        }
    }

    /// The instruction sets that this machine has, and a word about each that it lacks.
    static FOUND: LazyLock<Vec<Arch>> = LazyLock::new(|| {
        #[cfg(target_arch = "x86_64")]
        let wide = [
            ("AVX2", pulp::x86::V3::try_new().map(Arch::V3)),
            ("AVX-512", pulp::x86::V4::try_new().map(Arch::V4)),
        ];
        #[cfg(not(target_arch = "x86_64"))]
        let wide = [("vectors", Some(Arch::new()))];
        for (name, level) in &wide {
            if level.is_none() {
                // Written past what the test runner catches, so that it is seen when all pass.
                let words = format!("NOT TESTED: this machine has no {name}\n");
                std::io::stderr().write_all(words.as_bytes()).unwrap();
            }
        }
        std::iter::once(Arch::Scalar)
            .chain(wide.into_iter().filter_map(|(_, level)| level))
            .collect()
    });

    /// Pins the calling thread to each instruction set of this machine in turn:
    /// `for _level in each() { .. }`.
    pub(crate) fn each() -> impl Iterator<Item = Level> {
        FOUND.iter().map(|level| Level::pin(*level))
    }

    struct Lanes;

    impl WithSimd for Lanes {
        type Output = usize;

        fn with_simd<S: Simd>(self, _simd: S) -> usize {
            S::F32_LANES
        }
    }

    #[test]
    fn a_level_holds_for_its_thread_while_it_lives() {
        let lanes: Vec<usize> = each().map(|_level| super::dispatch(Lanes)).collect();
        let here = Arch::new().dispatch(Lanes);
        assert_eq!((lanes[0], lanes.last()), (1, Some(&here)));
        assert!(lanes.is_sorted_by(|a, b| a < b), "{lanes:?}");
        let _level = each().next();
        let elsewhere = std::thread::spawn(|| super::dispatch(Lanes)).join().unwrap();
        assert_eq!((super::dispatch(Lanes), elsewhere), (1, here));
    }
}
