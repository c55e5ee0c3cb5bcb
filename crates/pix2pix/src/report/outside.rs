//! Values of pairs outside of a model's ranges. They are clipped before they are translated or compared: scores of pairs
//! most of whose values are clipped say nothing of the model.

use std::path::Path;

use pix2pix_runtime::picture::{Domain, Outside, Picture};

use crate::config::RunConfig;
use crate::data::dataset::Pairs;
use crate::data::pair::Pair;
use crate::error::{Error, Result};

/// What to do with pairs that a model does not take.
pub const REMEDY: &str = "evaluate a model on pictures like those that it was trained on";

/// Most pairs that are looked at before hours of work.
const LOOKS: usize = 8;

/// Counts the values of the source and of the target of a pair, which have the channels of the model's domains, that lie
/// outside of their ranges; of label maps, the pixels with a color that no class has. Pixels without data lie in the middle.
pub fn count(pair: &Pair, config: &RunConfig) -> [Outside; 2] {
    let of_side = |domain: &Domain, picture: &Picture| match &pair.mask {
        Some(mask) => domain.outside(&domain.filled(picture, mask)),
        None => domain.outside(picture),
    };
    [
        of_side(&config.source, &pair.source),
        of_side(&config.target, &pair.target),
    ]
}

/// Adds the counts of another pair.
pub fn add(sum: &mut [Outside; 2], more: [Outside; 2]) {
    sum.iter_mut()
        .zip(more)
        .for_each(|(sum, more)| sum.add(more));
}

/// Looks at some pairs before hours of work. `read` gives the pair of an index.
///
/// # Errors
/// Those of `read`, and when most values of one side lie outside of the range of `model` in each of these pairs. Some slices of
/// a volume may be empty, so a side that fits in one of them is left to the count over all pairs.
pub fn look(
    model: &str,
    pairs: &Pairs,
    config: &RunConfig,
    read: impl Fn(usize) -> Result<Pair>,
) -> Result<()> {
    let mut sum = [Outside::default(); 2];
    let mut is_wrong = [true; 2];
    for index in pairs.probes(LOOKS) {
        let counts = count(&read(index)?, config);
        for (is_wrong, count) in is_wrong.iter_mut().zip(&counts) {
            *is_wrong &= count.is_most();
        }
        if is_wrong == [false; 2] {
            return Ok(());
        }
        add(&mut sum, counts);
    }
    let wrong = [0, 1].map(|side| match is_wrong[side] {
        true => sum[side],
        false => Outside::default(),
    });
    check(model, &wrong, config)
}

/// Checks that most values of the sources, and most of the targets, lie inside of the ranges of `model`.
///
/// # Errors
/// When most of one side lie outside.
pub fn check(model: &str, counts: &[Outside; 2], config: &RunConfig) -> Result<()> {
    let sides: [(&str, &Domain); 2] = [("sources", &config.source), ("targets", &config.target)];
    for (count, (side, domain)) in counts.iter().zip(sides) {
        if count.is_most() {
            let reason = format!(
                "{} of the {} that the model was trained on: {domain}",
                count.share(),
                match domain.labels {
                    None => format!("values of the {side} lie outside of the range"),
                    Some(_) => format!("pixels of the {side} have other colors than those"),
                }
            );
            return Err(Error::file(Path::new(model), reason, REMEDY));
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::data::earth::earth;
    use pix2pix_runtime::picture::{Depth, Ranges, Samples};
    use std::cell::Cell;

    /// A model of targets from 0 to 1000.
    fn config() -> RunConfig {
        RunConfig {
            target: Domain {
                channels: 1,
                depth: Depth::U16,
                range: Ranges::all([0.0, 1000.0]),
                ..Domain::RGB8
            },
            ..RunConfig::default()
        }
    }

    fn pair(values: [u16; 4]) -> Pair {
        Pair {
            name: String::new(),
            source: Picture::new([4, 1], 3, Samples::U8(vec![255; 12])),
            target: Picture::new([4, 1], 1, Samples::U16(values.to_vec())),
            labels: [false; 2],
            mask: None,
        }
    }

    /// Slices of air say nothing of the others.
    #[test]
    fn a_side_is_refused_early_only_if_no_pair_fits() {
        let pairs = earth().train;
        let looked = |fitting: usize| {
            let reads = Cell::new(0);
            let found = look("run", &pairs, &config(), |_| {
                reads.set(reads.get() + 1);
                Ok(pair(match reads.get() == fitting {
                    true => [500; 4],
                    false => [2000, 2000, 2000, 500],
                }))
            });
            (found, reads.get())
        };
        for fitting in [1, 4, LOOKS] {
            let (found, reads) = looked(fitting);
            assert!(found.is_ok());
            assert_eq!(reads, fitting);
        }
        let (found, reads) = looked(0);
        assert_eq!(reads, LOOKS);
        let said = found.unwrap_err().to_string();
        assert!(
            said.starts_with("run: 75% of the values of the targets"),
            "{said}"
        );
    }

    #[test]
    fn each_side_is_counted_and_refused_by_itself() {
        let config = config();
        let mut counts = count(&pair([0, 1000, 1001, 500]), &config);
        assert_eq!(counts.map(|count| count.clipped), [0, 1]);
        check("run", &counts, &config).unwrap();
        add(&mut counts, count(&pair([2000; 4]), &config));
        let error = check("run", &counts, &config).unwrap_err().to_string();
        let wanted = "run: 62% of the values of the targets lie outside of the range that the model was trained on: \
                      1 channel, 16-bit from 0 to 1000; ";
        assert!(error.starts_with(wanted), "{error}");
        let masked = Pair {
            mask: Some(Picture::new([4, 1], 1, Samples::U8(vec![0, 0, 0, 255]))),
            ..pair([2000; 4])
        };
        assert_eq!(count(&masked, &config)[1].clipped, 1);
    }
}
