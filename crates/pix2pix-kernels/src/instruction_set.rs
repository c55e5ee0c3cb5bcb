//! Choice of the instructions at run time.

use std::ffi::OsStr;
use std::sync::LazyLock;

use crate::scratch::{Scratch, with_scratch};
#[cfg(target_arch = "x86_64")]
use crate::simd::{Avx2, Avx512, Avx512Bf16};
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
}

impl InstructionSet {
    /// The instruction sets for an arithmetic, fastest first.
    fn all(arithmetic: Arithmetic) -> [Self; 3] {
        let widest = match arithmetic {
            Arithmetic::F32 => Self::Avx512,
            Arithmetic::Bf16 => Self::Avx512Bf16,
        };
        [widest, Self::Avx2(arithmetic), Self::Portable(arithmetic)]
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
            #[cfg(not(target_arch = "x86_64"))]
            _ => false,
        }
    }

    /// The instruction sets that this processor supports for an arithmetic, fastest first.
    pub fn available(arithmetic: Arithmetic) -> impl Iterator<Item = Self> {
        Self::all(arithmetic)
            .into_iter()
            .filter(|instructions| instructions.is_supported())
    }

    /// The fastest instruction set that this processor supports, or the portable one if the environment asks
    /// for it (see [`check_environment`]).
    ///
    /// # Panics
    /// If the environment variable has another value.
    pub fn best(arithmetic: Arithmetic) -> Self {
        if portable_only() {
            return Self::Portable(arithmetic);
        }
        let mut available = Self::available(arithmetic);
        available
            .next()
            .expect("every processor supports the portable one")
    }

    /// The arithmetic.
    pub fn arithmetic(self) -> Arithmetic {
        match self {
            Self::Portable(arithmetic) | Self::Avx2(arithmetic) => arithmetic,
            Self::Avx512 => Arithmetic::F32,
            Self::Avx512Bf16 => Arithmetic::Bf16,
        }
    }

    /// Values in a word of a matrix: [`Simd::VALUES`].
    pub(crate) fn values_per_word(self) -> usize {
        match self {
            Self::Avx512Bf16 => 2,
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
            #[cfg(not(target_arch = "x86_64"))]
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

/// The environment variable of [`check_environment`].
const VARIABLE: &str = "PIX2PIX_INSTRUCTIONS";

/// Read once, so that the choice holds for the whole process.
static PORTABLE_ONLY: LazyLock<Result<bool, String>> =
    LazyLock::new(|| asks_for_portable(std::env::var_os(VARIABLE).as_deref()));

/// Checks the environment variable `PIX2PIX_INSTRUCTIONS`. If it is `portable`, all kernels use portable
/// instructions and sum in a fixed order: results depend neither on the processor nor on the number of threads.
/// This is for tests, and several times slower. Without the variable, kernels use the fastest instructions.
///
/// # Errors
/// If the variable has another value; the text names it. [`InstructionSet::best`] would panic.
pub fn check_environment() -> Result<(), String> {
    PORTABLE_ONLY.as_ref().map(|_| ()).map_err(String::clone)
}

/// Whether the environment asks for portable instructions and a fixed order of summation.
///
/// # Panics
/// If the environment variable has another value.
pub(crate) fn portable_only() -> bool {
    match &*PORTABLE_ONLY {
        Ok(portable) => *portable,
        Err(reason) => panic!("{reason}"),
    }
}

fn asks_for_portable(value: Option<&OsStr>) -> Result<bool, String> {
    match value {
        None => Ok(false),
        Some(value) if value == "portable" => Ok(true),
        Some(value) => Err(format!(
            "{VARIABLE} is {value:?}; set it to \"portable\" or unset it"
        )),
    }
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

    #[test]
    fn the_environment_asks_for_portable_or_nothing() {
        assert_eq!(asks_for_portable(None), Ok(false));
        assert_eq!(asks_for_portable(Some(OsStr::new("portable"))), Ok(true));
        let error = asks_for_portable(Some(OsStr::new("avx9"))).unwrap_err();
        assert!(
            error.contains("PIX2PIX_INSTRUCTIONS is \"avx9\""),
            "{error}"
        );
    }
}
