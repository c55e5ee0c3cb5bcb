//! A limit of the instructions that the kernels use, for comparisons and tests. One for the whole process, chosen once.

use std::ffi::OsStr;
use std::sync::OnceLock;

#[cfg(target_arch = "x86_64")]
use crate::simd::Avx2;

/// The instructions that kernels may use.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Limit {
    /// AVX2 and FMA, as on a processor that has no AVX-512.
    Avx2,
    /// The baseline of the target, and sums in a fixed order: results depend neither on the processor nor on the number
    /// of threads. Several times slower.
    Portable,
}

/// The environment variable of [`check_environment`].
const VARIABLE: &str = "PIX2PIX_INSTRUCTIONS";

static LIMIT: OnceLock<Result<Option<Limit>, String>> = OnceLock::new();

/// Sets the limit, whatever the environment says.
///
/// # Errors
/// When this processor lacks the instructions, or the process has another limit by now: kernels have run.
pub fn set_limit(limit: Limit) -> Result<(), String> {
    let wanted = kept(limit)?;
    match LIMIT.get_or_init(|| Ok(wanted)) {
        Ok(set) if *set == wanted => Ok(()),
        _ => Err("the instructions of this process have been chosen".to_string()),
    }
}

/// Checks the environment variable `PIX2PIX_INSTRUCTIONS`, which limits the kernels: `avx2` or `portable`, as [`Limit`]
/// describes. Without it, kernels use the fastest instructions.
///
/// # Errors
/// If the variable has another value, or this processor lacks the instructions; the text names it.
/// [`InstructionSet::best`](crate::InstructionSet::best) would panic.
pub fn check_environment() -> Result<(), String> {
    chosen().as_ref().map(|_| ()).map_err(String::clone)
}

/// The limit.
///
/// # Panics
/// If the environment sets one that cannot be kept.
pub(crate) fn limit() -> Option<Limit> {
    match chosen() {
        Ok(limit) => *limit,
        Err(reason) => panic!("{reason}"),
    }
}

/// Whether results must have the same bits everywhere.
///
/// # Panics
/// As [`limit`] does.
pub(crate) fn portable_only() -> bool {
    limit() == Some(Limit::Portable)
}

fn chosen() -> &'static Result<Option<Limit>, String> {
    LIMIT.get_or_init(|| asked(std::env::var_os(VARIABLE).as_deref()))
}

fn asked(value: Option<&OsStr>) -> Result<Option<Limit>, String> {
    let limit = match value {
        None => return Ok(None),
        Some(value) if value == "avx2" => Limit::Avx2,
        Some(value) if value == "portable" => Limit::Portable,
        Some(value) => {
            return Err(format!(
                "{VARIABLE} is {value:?}; set it to \"avx2\" or \"portable\" or unset it"
            ));
        }
    };
    kept(limit).map_err(|reason| format!("{VARIABLE} is {value:?}; {reason}"))
}

/// The limit, if this processor has the instructions.
fn kept(limit: Limit) -> Result<Option<Limit>, String> {
    #[cfg(target_arch = "x86_64")]
    let has_avx2 = Avx2::<false>::detect().is_some();
    #[cfg(not(target_arch = "x86_64"))]
    let has_avx2 = false;
    if limit == Limit::Avx2 && !has_avx2 {
        return Err("this processor has no AVX2".to_string());
    }
    Ok(Some(limit))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_environment_asks_for_known_instructions_or_nothing() {
        assert_eq!(asked(None), Ok(None));
        let portable = asked(Some(OsStr::new("portable")));
        assert_eq!(portable, Ok(Some(Limit::Portable)));
        let error = asked(Some(OsStr::new("avx9"))).unwrap_err();
        assert!(
            error.contains("PIX2PIX_INSTRUCTIONS is \"avx9\""),
            "{error}"
        );
    }
}
