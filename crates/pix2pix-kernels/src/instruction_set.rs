//! Choice of the instructions at run time.

use crate::limit::{Limit, limit};
use crate::scratch::{Scratch, with_scratch};
#[cfg(target_arch = "x86_64")]
use crate::simd::{Avx2, Avx512, Avx512Bf16};
#[cfg(target_arch = "aarch64")]
use crate::simd::{Neon, NeonBf16};
use crate::simd::{Portable, Simd, Task};

/// The arithmetic of a convolution's products.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Arithmetic {
    /// 32-bit floating point.
    #[default]
    F32,
    /// Factors rounded to bfloat16 (8 significant bits), products and sums in 32 bits.
    Bf16,
}

/// An instruction set and the arithmetic to use it for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum InstructionSet {
    /// The baseline of the target, which every processor supports.
    Portable(Arithmetic),
    /// AVX2 and FMA.
    Avx2(Arithmetic),
    /// AVX-512 F, BW, DQ and VL, in 32-bit arithmetic.
    Avx512,
    /// The same and the bfloat16 dot product.
    Avx512Bf16,
    /// NEON, of 64-bit ARM processors.
    Neon(Arithmetic),
    /// The same and the bfloat16 dot product.
    NeonBf16,
}

impl InstructionSet {
    /// The instruction sets for an arithmetic, fastest first.
    fn all(arithmetic: Arithmetic) -> [Self; 5] {
        let [widest, dot] = match arithmetic {
            Arithmetic::F32 => [Self::Avx512, Self::Neon(arithmetic)],
            Arithmetic::Bf16 => [Self::Avx512Bf16, Self::NeonBf16],
        };
        let [avx2, neon] = [Self::Avx2(arithmetic), Self::Neon(arithmetic)];
        [widest, avx2, dot, neon, Self::Portable(arithmetic)]
    }

    /// Whether this processor supports it.
    fn is_supported(self) -> bool {
        match self {
            Self::Portable(_) => true,
            #[cfg(target_arch = "x86_64")]
            Self::Avx2(_) => Avx2::<false>::detect().is_some(),
            #[cfg(target_arch = "x86_64")]
            Self::Avx512 => Avx512::detect().is_some(),
            #[cfg(target_arch = "x86_64")]
            Self::Avx512Bf16 => Avx512Bf16::detect().is_some(),
            #[cfg(target_arch = "aarch64")]
            Self::Neon(_) => true,
            #[cfg(target_arch = "aarch64")]
            Self::NeonBf16 => NeonBf16::detect().is_some(),
            // of another family of processors
            _ => false,
        }
    }

    /// The instruction sets that this processor supports for an arithmetic, fastest first.
    pub fn available(arithmetic: Arithmetic) -> impl Iterator<Item = Self> {
        Self::all(arithmetic)
            .into_iter()
            .filter(|instructions| instructions.is_supported())
    }

    /// The fastest instruction set that this processor supports within the process's [`Limit`].
    ///
    /// # Panics
    /// If the environment sets a limit that cannot be kept: see [`check_environment`](crate::check_environment).
    pub fn best(arithmetic: Arithmetic) -> Self {
        let limit = limit();
        let mut allowed =
            Self::available(arithmetic).filter(|instructions| instructions.is_within(limit));
        allowed
            .next()
            .expect("every processor supports the portable one")
    }

    fn is_within(self, limit: Option<Limit>) -> bool {
        match limit {
            None => true,
            Some(Limit::Avx2) => matches!(self, Self::Avx2(_)),
            Some(Limit::Portable) => matches!(self, Self::Portable(_)),
        }
    }

    /// The arithmetic.
    pub fn arithmetic(self) -> Arithmetic {
        match self {
            Self::Portable(arithmetic) | Self::Avx2(arithmetic) | Self::Neon(arithmetic) => {
                arithmetic
            }
            Self::Avx512 => Arithmetic::F32,
            Self::Avx512Bf16 | Self::NeonBf16 => Arithmetic::Bf16,
        }
    }

    /// Values in a word of a matrix: [`Simd::VALUES`].
    pub(crate) fn values_per_word(self) -> usize {
        match self {
            Self::Avx512Bf16 | Self::NeonBf16 => 2,
            _ => 1,
        }
    }

    /// Runs a task with these instructions and the thread's scratch memory.
    ///
    /// # Panics
    /// If this processor does not support them.
    #[inline]
    pub(crate) fn run<T: Task>(self, task: T) {
        with_scratch(|scratch| match self {
            Self::Portable(Arithmetic::F32) => Portable::<false>.launch(task, scratch),
            Self::Portable(Arithmetic::Bf16) => Portable::<true>.launch(task, scratch),
            #[cfg(target_arch = "x86_64")]
            Self::Avx2(Arithmetic::F32) => {
                self.supported(Avx2::<false>::detect())
                    .launch(task, scratch);
            }
            #[cfg(target_arch = "x86_64")]
            Self::Avx2(Arithmetic::Bf16) => {
                self.supported(Avx2::<true>::detect()).launch(task, scratch);
            }
            #[cfg(target_arch = "x86_64")]
            Self::Avx512 => self.supported(Avx512::detect()).launch(task, scratch),
            #[cfg(target_arch = "x86_64")]
            Self::Avx512Bf16 => self.supported(Avx512Bf16::detect()).launch(task, scratch),
            #[cfg(target_arch = "aarch64")]
            Self::Neon(Arithmetic::F32) => Neon::<false>.launch(task, scratch),
            #[cfg(target_arch = "aarch64")]
            Self::Neon(Arithmetic::Bf16) => Neon::<true>.launch(task, scratch),
            #[cfg(target_arch = "aarch64")]
            Self::NeonBf16 => self.supported(NeonBf16::detect()).launch(task, scratch),
            // of another family of processors
            _ => self
                .supported::<Portable<false>>(None)
                .launch(task, scratch),
        });
    }

    fn supported<M: Simd>(self, detected: Option<M>) -> M {
        detected.unwrap_or_else(|| panic!("this processor does not support {self:?}"))
    }
}

/// Runs plain loops with this processor's widest vectors. `work` must be marked `#[inline(always)]`, as a
/// [`Task`] must. Every width gives the same bits: the compiler neither fuses nor reorders floating-point
/// operations.
#[inline]
pub fn wide<T>(work: impl FnOnce() -> T) -> T {
    struct Work<'a, F, T>(F, &'a mut Option<T>);
    impl<F: FnOnce() -> T, T> Task for Work<'_, F, T> {
        #[inline(always)]
        fn run<M: Simd>(self, _: M, _: &mut Scratch) {
            *self.1 = Some((self.0)());
        }
    }
    let mut result = None;
    InstructionSet::best(Arithmetic::F32).run(Work(work, &mut result));
    result.expect("every task runs")
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Nothing;

    impl Task for Nothing {
        fn run<M: Simd>(self, _: M, _: &mut Scratch) {}
    }

    /// Instructions that the processor lacks must be refused before they are executed.
    #[test]
    fn only_supported_instruction_sets_run() {
        for arithmetic in [Arithmetic::F32, Arithmetic::Bf16] {
            let available: Vec<_> = InstructionSet::available(arithmetic).collect();
            for instructions in InstructionSet::all(arithmetic) {
                let ran = std::panic::catch_unwind(|| instructions.run(Nothing)).is_ok();
                assert_eq!(ran, available.contains(&instructions), "{instructions:?}");
            }
        }
    }
}
