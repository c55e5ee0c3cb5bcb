//! A run to report, with or without a gallery of its held-out pairs.

use std::path::{Path, PathBuf};

use pix2pix_runtime::TranslateOptions;

use crate::data::dataset::digest::Change;
use crate::data::path_text::path_of;
use crate::error::{Error, Result};
use crate::model::translate::Translator;
use crate::report::evaluate::evaluate;
use crate::report::gallery::Gallery;
use crate::report::tally::Measures;
use crate::run::held_out;

/// A run to report.
pub struct Reported {
    /// Its folder.
    pub root: PathBuf,
    /// The gallery of its held-out pairs.
    pub gallery: Option<Gallery>,
}

impl Reported {
    /// A run without a gallery.
    pub fn new(root: impl Into<PathBuf>) -> Self {
        Self {
            root: root.into(),
            gallery: None,
        }
    }

    /// A run with all its held-out pairs, which its newest checkpoint translates on the CPU, with the dropout of the run's
    /// samples. A run that holds none out has no gallery. `runs` is the number of runs on the page, which share its size; `tell`
    /// receives the number of pairs done and that of all.
    ///
    /// # Errors
    /// When there is no checkpoint, or the data set is no longer there or has changed.
    pub fn with_gallery(
        root: &Path,
        runs: usize,
        tell: &mut dyn FnMut([usize; 2]),
    ) -> Result<Self> {
        let translator = Translator::load(root)?;
        let config = &translator.config;
        let path = path_of(&config.data);
        let (data, _) = config.open(&path, config.on_error)?;
        let change = data.changed_since(&config.data_digest);
        let data = match change {
            Some(Change::Pairs) => {
                let names = held_out(root);
                let split = names.and_then(|names| data.hold_out_named(&names));
                split.ok_or_else(|| {
                    let reason = "the data set has changed since the run began: its pairs differ";
                    Error::file(&path, reason, "restore it to see the run's pairs")
                })?
            }
            _ => data,
        };
        let Some(held_out) = &data.val else {
            return Ok(Self::new(root));
        };
        let count = held_out.len();
        let mut gallery = Gallery::new(
            "",
            [config.source.clone(), config.target.clone()],
            runs * count,
        );
        let options = TranslateOptions {
            seed: config.seed,
            // they are the run's own
            refuse_outside: false,
            ..TranslateOptions::default()
        };
        let measures = Measures::default();
        let found = evaluate(
            String::new(),
            &translator,
            ("val", held_out),
            &measures,
            &options,
            &mut |pair| {
                let pictures = [pair.source, pair.output];
                gallery.add(
                    &pair.scores.name,
                    pictures,
                    Some(pair.target),
                    Some(pair.scores),
                );
                tell([pair.done, count]);
                Ok::<_, Error>(())
            },
        )?;
        let changed = match change {
            Some(Change::Pairs) => {
                " The data set has other pairs than when the run began: these are of those that it held out then."
            }
            Some(Change::Files) => {
                " The files of the data set, masks included, are not all those of when the run began: not all pairs are those of training."
            }
            None => "",
        };
        let pairs = match count {
            1 => "The held-out pair".to_string(),
            count => format!("All {count} held-out pairs"),
        };
        gallery.about(format!(
            "{pairs} at step {}, measured at {}.{changed}",
            translator.step,
            found.evaluation.sizes()
        ));
        Ok(Self {
            root: root.to_path_buf(),
            gallery: Some(gallery),
        })
    }
}
