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

/// Number of pairs that are looked at before hours of work.
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

/// Counts the values of some pairs, which are spread evenly over all. `read` gives the pair of an index.
///
/// # Errors
/// Those of `read`.
pub fn look(
    pairs: &Pairs,
    config: &RunConfig,
    read: impl Fn(usize) -> Result<Pair>,
) -> Result<[Outside; 2]> {
    let looks = LOOKS.min(pairs.len());
    let mut sum = [Outside::default(); 2];
    for place in 0..looks {
        let pair = read(place * pairs.len() / looks)?;
        add(&mut sum, count(&pair, config));
    }
    Ok(sum)
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
    use pix2pix_runtime::picture::{Depth, Ranges, Samples};

    #[test]
    fn each_side_is_counted_and_refused_by_itself() {
        let config = RunConfig {
            target: Domain {
                channels: 1,
                depth: Depth::U16,
                range: Ranges::all([0.0, 1000.0]),
                ..Domain::RGB8
            },
            ..RunConfig::default()
        };
        let pair = |values: [u16; 4]| Pair {
            name: String::new(),
            source: Picture::new([4, 1], 3, Samples::U8(vec![255; 12])),
            target: Picture::new([4, 1], 1, Samples::U16(values.to_vec())),
            labels: [false; 2],
            mask: None,
        };
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
