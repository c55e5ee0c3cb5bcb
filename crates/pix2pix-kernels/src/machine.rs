//! What the kernels need of a processor: vectors of sixteen values, a block of a matrix product, and a
//! way to run code that is compiled for its instructions. One implementation for each instruction set;
//! which one runs is found out at run time.

#[cfg(target_arch = "x86_64")]
mod avx2;
#[cfg(target_arch = "x86_64")]
mod avx512;
mod portable;

#[cfg(target_arch = "x86_64")]
pub use avx2::Avx2;
#[cfg(target_arch = "x86_64")]
pub use avx512::{Avx512, Avx512Bf16};
pub use portable::Portable;

use crate::scratch::{Scratch, with_scratch};

/// Values of a vector, on every machine: wide ones hold them in one register.
pub const LANES: usize = 16;
/// Columns of a block of a matrix product: two vectors.
pub const COLUMNS: usize = 2 * LANES;

/// The arithmetic of a convolution's products.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Arithmetic {
    /// 32-bit floating point.
    #[default]
    F32,
    /// Factors rounded to bfloat16 (8 significant bits), products and sums in 32 bits.
    Bf16,
}

/// A set of instructions with an arithmetic.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Path {
    /// What every processor has.
    Portable(Arithmetic),
    /// AVX2 and FMA.
    Avx2(Arithmetic),
    /// AVX-512F, BW, DQ and VL; 32-bit arithmetic.
    Avx512,
    /// AVX-512 with its bfloat16 dot product.
    Avx512Bf16,
}

impl Path {
    /// All paths of an arithmetic, the fastest first.
    fn all(arithmetic: Arithmetic) -> [Self; 3] {
        let widest = match arithmetic {
            Arithmetic::F32 => Self::Avx512,
            Arithmetic::Bf16 => Self::Avx512Bf16,
        };
        [widest, Self::Avx2(arithmetic), Self::Portable(arithmetic)]
    }

    /// Whether this processor has its instructions.
    fn is_supported(self) -> bool {
        #[cfg(target_arch = "x86_64")]
        {
            let avx512 = || {
                is_x86_feature_detected!("avx512f")
                    && is_x86_feature_detected!("avx512bw")
                    && is_x86_feature_detected!("avx512dq")
                    && is_x86_feature_detected!("avx512vl")
                    && is_x86_feature_detected!("fma")
            };
            match self {
                Self::Portable(_) => true,
                Self::Avx2(_) => {
                    is_x86_feature_detected!("avx2") && is_x86_feature_detected!("fma")
                }
                Self::Avx512 => avx512(),
                Self::Avx512Bf16 => avx512() && is_x86_feature_detected!("avx512bf16"),
            }
        }
        #[cfg(not(target_arch = "x86_64"))]
        matches!(self, Self::Portable(_))
    }

    /// All that this processor has for an arithmetic, the fastest first.
    pub fn available(arithmetic: Arithmetic) -> impl Iterator<Item = Self> {
        Self::all(arithmetic)
            .into_iter()
            .filter(|path| path.is_supported())
    }

    /// The fastest that this processor has.
    pub fn best(arithmetic: Arithmetic) -> Self {
        let mut available = Self::available(arithmetic);
        available
            .next()
            .expect("every processor has the portable one")
    }

    /// Its arithmetic.
    pub fn arithmetic(self) -> Arithmetic {
        match self {
            Self::Portable(arithmetic) | Self::Avx2(arithmetic) => arithmetic,
            Self::Avx512 => Arithmetic::F32,
            Self::Avx512Bf16 => Arithmetic::Bf16,
        }
    }

    /// Values that one word of its matrices holds.
    pub(crate) fn values_a_word(self) -> usize {
        match self {
            Self::Avx512Bf16 => 2,
            _ => 1,
        }
    }

    /// Runs a job with this path's instructions and the thread's scratch memory.
    ///
    /// # Panics
    /// When the processor lacks them.
    #[inline]
    pub(crate) fn run<J: Job>(self, job: J) {
        assert!(self.is_supported(), "{self:?} is not of this processor");
        with_scratch(|scratch| match self {
            Self::Portable(Arithmetic::F32) => Portable::<false>::launch(job, scratch),
            Self::Portable(Arithmetic::Bf16) => Portable::<true>::launch(job, scratch),
            #[cfg(target_arch = "x86_64")]
            Self::Avx2(Arithmetic::F32) => Avx2::<false>::launch(job, scratch),
            #[cfg(target_arch = "x86_64")]
            Self::Avx2(Arithmetic::Bf16) => Avx2::<true>::launch(job, scratch),
            #[cfg(target_arch = "x86_64")]
            Self::Avx512 => Avx512::launch(job, scratch),
            #[cfg(target_arch = "x86_64")]
            Self::Avx512Bf16 => Avx512Bf16::launch(job, scratch),
            #[cfg(not(target_arch = "x86_64"))]
            _ => unreachable!("not of this processor"),
        });
    }
}

/// Work that is compiled once for each machine.
pub trait Job {
    /// Does it. Implementations are `#[inline(always)]`, as is all that they call, so that the code
    /// ends up in [`Machine::launch`] and is compiled for its instructions.
    fn run<M: Machine>(self, scratch: &mut Scratch);
}

/// Does work of plain loops with this processor's widest vectors. It must be marked
/// `#[inline(always)]`, as a [`Job`] must. Every width gives the same bits: the compiler neither fuses nor
/// reorders operations on numbers.
#[inline]
pub fn wide<T>(work: impl FnOnce() -> T) -> T {
    struct Work<'a, F, T>(F, &'a mut Option<T>);
    impl<F: FnOnce() -> T, T> Job for Work<'_, F, T> {
        #[inline(always)]
        fn run<M: Machine>(self, _: &mut Scratch) {
            *self.1 = Some((self.0)());
        }
    }
    let mut result = None;
    Path::best(Arithmetic::F32).run(Work(work, &mut result));
    result.expect("every job runs")
}

/// Sixteen values.
pub trait Lanes: Copy {
    /// All zero.
    fn zero() -> Self;
    /// Reads.
    fn load(from: &[f32; LANES]) -> Self;
    /// Writes.
    fn store(self, to: &mut [f32; LANES]);
    /// The sum.
    fn add(self, other: Self) -> Self;
    /// The difference.
    fn sub(self, other: Self) -> Self;
    /// The product with a number.
    fn scale(self, factor: f32) -> Self;
    /// Exchanges rows and columns of sixteen vectors.
    fn transpose(rows: [Self; LANES]) -> [Self; LANES];
}

/// An instruction set with an arithmetic. Matrices are stored in 32-bit words: one f32, or a pair of
/// bfloat16 values that are neighbours along the dimension that the product sums over.
pub trait Machine: Copy {
    /// Its vector.
    type Lanes: Lanes;
    /// Most rows of a block of a matrix product: as many as the registers hold.
    const ROWS: usize;
    /// Values in a word.
    const VALUES: usize;

    /// Runs a job with its instructions, which the caller has seen that the processor has.
    fn launch<J: Job>(job: J, scratch: &mut Scratch);

    /// Sixteen words of `first` (and `second`, where a word holds two values) lane by lane.
    fn words(first: Self::Lanes, second: Self::Lanes) -> [u32; LANES];

    /// The words of one vector, neighbouring lanes together where a word holds two values; only the
    /// first `LANES / VALUES` are meaningful.
    fn row_words(row: Self::Lanes) -> [u32; LANES];

    /// A block of a matrix product: for `R` rows and [`COLUMNS`] columns, the sum over `steps` words
    /// of `a[row * a_row + step * a_step] * b[step * b_step + column]` is written, or with `add`
    /// added, to `c[row * c_row + column]`.
    ///
    /// # Safety
    /// All these places must be inside the three arrays, and nothing else may use those of `c`.
    unsafe fn block<const R: usize>(
        steps: usize,
        a: Factor,
        b: Factor,
        c: *mut f32,
        c_row: usize,
        add: bool,
    );
}

/// Where a block's factor lies: its first word, and the distance of two rows and of two steps.
#[derive(Clone, Copy)]
pub struct Factor {
    /// The first word.
    pub start: *const u32,
    /// Words from row to row; not used of the right factor, whose columns are neighbours.
    pub row: usize,
    /// Words from step to step.
    pub step: usize,
}

/// Rounds to bfloat16, to the nearest, ties to even; the result's bits are the upper half.
#[inline(always)]
pub fn bf16_bits(x: f32) -> u32 {
    let bits = x.to_bits();
    // a NaN must not become an infinity by rounding
    if x.is_nan() {
        return (bits | 0x0040_0000) & 0xffff_0000;
    }
    bits.wrapping_add(0x7fff + ((bits >> 16) & 1)) & 0xffff_0000
}
