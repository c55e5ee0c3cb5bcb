//! What a run keeps from its first step to its last: its networks, what they are trained to translate, and what its saved
//! state and its scores are of. An edited configuration with others would train something else than its files say.

use std::collections::BTreeMap;
use std::path::Path;

use crate::config::RunConfig;
use crate::error::{Error, Result};

/// The parts of a configuration that stay.
const KEPT: [&str; 8] = [
    "direction",
    "neighbors",
    "source",
    "target",
    "generator",
    "discriminator",
    // the lines of scores.jsonl say which of them were the best by it
    "keep_best",
    "objective.pool",
];

/// Checks that a run's configuration, in the file `path`, has the networks and domains of its checkpoint.
///
/// # Errors
/// Names the first field that differs.
pub fn check(path: &Path, config: &RunConfig, saved: &RunConfig) -> Result<()> {
    let (config, saved) = (fields(config), fields(saved));
    let mut names = saved.keys().chain(config.keys());
    let Some(name) = names.find(|name| config.get(*name) != saved.get(*name)) else {
        return Ok(());
    };
    let shown = |fields: &BTreeMap<String, String>| {
        let value = fields.get(name).map(String::as_str);
        value.unwrap_or("none").to_string()
    };
    let reason = format!(
        "{name} is {}, but the run has been trained with {}",
        shown(&config),
        shown(&saved)
    );
    Err(Error::file(
        path,
        reason,
        "restore its value, or start a new run",
    ))
}

/// The fields of the parts that stay.
fn fields(config: &RunConfig) -> BTreeMap<String, String> {
    // as a checkpoint stores numbers
    let stored = serde_json::to_string(config).expect("a configuration is plain data");
    let config: RunConfig = serde_json::from_str(&stored).expect("it was just written");
    // left out of the file if it is 0
    let neighbors = ("neighbors".to_string(), config.neighbors.to_string());
    let values = config.values().into_iter();
    let values = values.map(|(path, value)| (path, value.to_string()));
    let is_kept = |name: &str| {
        let mut rests = KEPT.iter().filter_map(|part| name.strip_prefix(part));
        // that of the part itself, or of a field of it
        rests.any(|rest| rest.is_empty() || rest.starts_with('.'))
    };
    let named = [neighbors].into_iter().chain(values);
    let kept = named.filter(|(name, _)| is_kept(name));
    // these may change, but the saved state has something of its own for values above 0
    let switched = [
        ("optimizer.ema", config.optimizer.ema),
        ("objective.augment_target", config.objective.augment_target),
    ];
    let switched = switched.map(|(name, value)| {
        let value = if value > 0.0 { "more than 0" } else { "0" };
        (name.to_string(), value.to_string())
    });
    kept.chain(switched).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::quality::Score;

    #[test]
    fn what_the_saved_state_is_of_stays() {
        let saved = || {
            let mut config = RunConfig {
                keep_best: Some(Score::Psnr),
                ..RunConfig::default()
            };
            config.optimizer.ema = 0.99;
            config
        };
        let refused = |change: fn(&mut RunConfig)| {
            let mut config = saved();
            change(&mut config);
            let checked = check(Path::new("config.toml"), &config, &saved());
            checked.err().map(|error| error.to_string())
        };
        let is_of = |change, told: &str| {
            let error = refused(change).unwrap_or_default();
            assert!(error.contains(told), "{told} is not in {error}");
        };
        is_of(
            |config| config.optimizer.ema = 0.0,
            "optimizer.ema is 0, but the run has been trained with more than 0",
        );
        is_of(
            |config| config.objective.augment_target = 0.6,
            "objective.augment_target is more than 0",
        );
        is_of(|config| config.objective.pool = 3, "objective.pool is 3");
        is_of(
            |config| config.keep_best = None,
            "keep_best is none, but the run has been trained with \"psnr\"",
        );
        // what a run may have another of
        let free = |config: &mut RunConfig| {
            config.optimizer.ema = 0.9;
            config.objective.lambda = 10.0;
            config.keep = 7;
        };
        assert_eq!(refused(free), None);
    }
}
