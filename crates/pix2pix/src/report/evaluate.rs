//! Evaluates a model on a data set: scores of each output against its target, means with confidence intervals, and the
//! best and worst pictures.

use pix2pix_runtime::TranslateOptions;
use pix2pix_runtime::picture::Outside;

use crate::config::RunConfig;
use crate::data::dataset::Pairs;
use crate::data::pair::Pair;
use crate::data::picture::Picture;
use crate::error::{Error, Result};
use crate::model::translate::Translator;
use crate::report::evaluation::Evaluated;
use crate::report::outside;
use crate::report::scores::PictureScores;
use crate::report::tally::{Measures, Tally};

/// A pair that has just been measured.
pub struct Measured<'a> {
    /// Number of pairs done.
    pub done: usize,
    /// Its source, at the input size of the networks.
    pub source: &'a Picture,
    /// The model's output.
    pub output: &'a Picture,
    /// Its target.
    pub target: &'a Picture,
    /// Its scores.
    pub scores: &'a PictureScores,
}

/// Translates every pair at the input size of the networks, and scores it, unless it has no data. Of several samples, the scores
/// are those of the first. Of the `options`, only dropout, seed, index and `refuse_outside` count; `tell` receives each pair when
/// it is measured, and its error, which may be the caller's own, ends the evaluation.
///
/// # Errors
/// When a pair cannot be read, its channels cannot be converted to the model's, the networks do not accept its size, or
/// there are to be several samples and no dropout; when most values of the sources, or most of the targets, lie outside of
/// the model's range, unless `refuse_outside` is off; and that of `tell`.
pub fn evaluate<E: From<Error>>(
    model: String,
    translator: &Translator,
    (split, pairs): (&str, &Pairs),
    measures: &Measures,
    options: &TranslateOptions,
    tell: &mut dyn FnMut(&Measured) -> std::result::Result<(), E>,
) -> std::result::Result<Evaluated, E> {
    let config = &translator.config;
    measures.check(config)?;
    if measures.samples.is_some() {
        translator.check_samples(options)?;
    }
    let read = |index| read(pairs, index, config);
    if options.refuse_outside {
        outside::look(&model, pairs, config, read)?;
    }
    let mut tally = Tally::new(translator, measures, options, pairs.len());
    let mut clipped = [Outside::default(); 2];
    let mut empty = Vec::new();
    for index in 0..pairs.len() {
        let refused = |reason| refused(pairs, index, reason);
        let pair = read(index)?;
        outside::add(&mut clipped, outside::count(&pair, config));
        let pair = config.jitter.still(pair);
        let pair = pair.map_err(Error::Data).map_err(refused)?;
        if pair.is_empty() {
            empty.push(pair.name);
            continue;
        }
        let (output, scores) = tally.add(&pair).map_err(refused)?;
        tell(&Measured {
            done: index + 1,
            source: &pair.source,
            output: &output,
            target: &pair.target,
            scores,
        })?;
    }
    if options.refuse_outside {
        outside::check(&model, &clipped, config)?;
    }
    Ok(Evaluated {
        outside: clipped,
        empty,
        ..tally.finish(model, split)
    })
}

/// Reads a pair as its files have it, with the channels of the model's domains.
fn read(pairs: &Pairs, index: usize, config: &RunConfig) -> Result<Pair> {
    let pair = pairs.read(index)?;
    let source = config.source.in_channels(pair.source);
    let target = config.target.in_channels(pair.target);
    let unlike = |reason| refused(pairs, index, reason);
    Ok(Pair {
        source: source.map_err(unlike)?,
        target: target.map_err(unlike)?,
        ..pair
    })
}

/// The error for a pair that the model does not take.
fn refused(pairs: &Pairs, index: usize, reason: Error) -> Error {
    Error::file(&pairs.shown(index)[0], reason, outside::REMEDY)
}
