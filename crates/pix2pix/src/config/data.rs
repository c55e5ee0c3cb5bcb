//! Data as a run takes it.

use std::path::Path;

use super::RunConfig;
use crate::data::dataset::digest::names_of;
use crate::data::dataset::survey::{self, OnError, Survey};
use crate::data::dataset::{Dataset, HeldOut, Options};
use crate::data::earth;
use crate::data::pair::Narrow;
use crate::error::Result;

impl RunConfig {
    /// Opens a data set with those options of the run that describe its files, whatever data they are: direction,
    /// domains, pages, neighbors, names and narrow pairs. Which pairs are held out belongs to the run's own data alone; other data
    /// keeps all its pairs.
    ///
    /// # Errors
    /// When it cannot be opened, or a pair is broken and `on_error` is not [`OnError::Skip`].
    pub fn open(&self, path: &Path, on_error: OnError) -> Result<(Dataset, Survey)> {
        self.opened(self.find(path)?, on_error)
    }

    /// As [`open`](Self::open), also a data set of held-out pairs alone: its model is measured, not trained.
    ///
    /// # Errors
    /// As [`open`](Self::open).
    pub fn open_to_measure(&self, path: &Path, on_error: OnError) -> Result<(Dataset, Survey)> {
        let options = Options {
            held_out_alone: true,
            ..self.options()
        };
        self.opened(found(path, &options)?, on_error)
    }

    fn opened(&self, whole: Dataset, on_error: OnError) -> Result<(Dataset, Survey)> {
        if self.val_fraction > 0.0 && whole.has_no_splits() && whole.train.len() > 1 {
            let mut tried = Vec::new();
            // earlier versions held out single pages, or pairs that share a file with others; the digest tells which way the
            // run's data was split
            for what in [HeldOut::Files, HeldOut::Stacks, HeldOut::Pages] {
                let Ok(held_out) = whole.clone().hold_out(self.val_fraction, self.seed, what)
                else {
                    continue; // too few files
                };
                if tried.contains(&held_out.names()) {
                    continue;
                }
                tried.push(held_out.names());
                let (own, survey, _) = survey::checked(held_out, on_error)?;
                if own.has_pairs_of(&self.data_digest) {
                    return Ok((self.in_domains(own), survey));
                }
            }
        }
        let (data, survey, _) = survey::checked(whole, on_error)?;
        Ok((self.in_domains(data), survey))
    }

    /// Finds all pairs of a data set as [`open`](Self::open), without reading any picture, and with the channels of their files.
    ///
    /// # Errors
    /// When it cannot be opened.
    pub fn find(&self, path: &Path) -> Result<Dataset> {
        found(path, &self.options())
    }

    /// How the run's files are read.
    fn options(&self) -> Options {
        Options {
            direction: self.direction,
            val_fraction: 0.0,
            seed: self.seed,
            pages: self.pages,
            neighbors: self.neighbors,
            matching: self.matching.clone(),
            narrow: self.narrow(),
            nodata: self
                .direction
                .order([self.source.nodata, self.target.nodata]),
            held_out_alone: false,
        }
    }

    /// Whether this run and another one hold out different pairs of one data set by `val_fraction`: their scores do not
    /// compare. As far as it is known: early versions have no digest.
    pub fn holds_out_others_than(&self, other: &Self) -> bool {
        let [one, two] = [self, other].map(|config| names_of(&config.data_digest));
        let are_held_out = [self, other].iter().all(|config| config.val_fraction > 0.0);
        let are_known = !one.is_empty() && !two.is_empty();
        let is_one_set = self.data == other.data && self.data != super::UNNAMED;
        are_held_out && are_known && is_one_set && one != two
    }

    /// What files that are not wider than high are.
    fn narrow(&self) -> Narrow {
        match self.squares {
            true => Narrow::Pairs,
            // a new run has refused the others; a known one may be measured on them, and earlier versions took them
            false => Narrow::OnlySquaresRefused,
        }
    }

    /// Converts the pictures of a data set to the run's domains.
    pub fn in_domains(&self, data: Dataset) -> Dataset {
        let domains = [self.source.clone(), self.target.clone()];
        let sides = self.direction.order(domains);
        data.map(|pairs| pairs.in_domains(sides.clone()))
    }
}

/// The data set at a path, or the built-in one.
fn found(path: &Path, options: &Options) -> Result<Dataset> {
    match path.to_str().is_some_and(earth::is_named) {
        true => earth::open(options),
        false => Dataset::open(path, options),
    }
}
