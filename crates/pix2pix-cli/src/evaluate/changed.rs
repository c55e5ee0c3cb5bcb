//! Which pairs `pix2pix evaluate` measures where a data set has other pairs than the run's.

use std::path::Path;

use pix2pix::data::path_text::path_of;
use pix2pix::data::{Dataset, earth};
use pix2pix::identity::are_one;
use pix2pix::{RunConfig, run};

use crate::paths::lies_in;
use crate::words::count;

/// A data set without splits, whose pairs are not those of the run of `model`, with the pairs held out that the run holds out, if
/// they are known and it has them; and what to say of it. Of the run's own data, which has grown or lost some, some are enough.
pub fn held_out_again(
    data: Dataset,
    path: &Path,
    (model, config): (&Path, &RunConfig),
) -> (Dataset, Option<String>) {
    let own = path_of(&config.data);
    let is_own = !earth::is_named(&config.data) && (are_one(path, &own) || lies_in(path, &own));
    let names = run::held_out(model);
    let found = names.as_ref().and_then(|names| {
        let split = data.hold_out_named(names)?;
        let there = split.val.as_ref().map_or(0, |val| val.len());
        (is_own || there >= names.len()).then_some((split, there, names.len()))
    });
    if let Some((split, there, all)) = found {
        let some = match there >= all {
            true => String::new(),
            false => format!("{there} of "),
        };
        let told = format!(
            "the data set has other pairs than when the run began; the scores are those of {some}the {} that it held out then, found \
             by their names",
            count(all as u64, "pair")
        );
        return (split, Some(told));
    }
    let may_be_trained_on = is_own || config.val_fraction > 0.0 && names.is_none();
    let told = may_be_trained_on.then(|| {
        "the data set has other pairs than the run's, and which of them it trained on is not known: all are measured"
            .to_string()
    });
    (data, told)
}
