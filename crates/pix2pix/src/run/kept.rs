//! What a run keeps from its first step to its last: its networks, and what they are trained to translate. An edited
//! configuration with others would train something else than its files say.

use std::collections::BTreeMap;
use std::path::Path;

use super::agreement::flatten;
use crate::config::RunConfig;
use crate::error::{Error, Result};

/// The parts of a configuration that stay.
const KEPT: [&str; 6] = [
    "direction",
    "neighbours",
    "source",
    "target",
    "generator",
    "discriminator",
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
        value.unwrap_or("missing").to_string()
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
    let tree = serde_json::to_value(&config).expect("a configuration is plain data");
    // left out of the file if it is 0
    let mut named = vec![["neighbours".to_string(), config.neighbours.to_string()]];
    flatten("", &tree, &mut named);
    let kept = named.into_iter().filter(|[name, _]| {
        let part = name.split('.').next();
        part.is_some_and(|part| KEPT.contains(&part))
    });
    kept.map(|[name, value]| (name, value)).collect()
}
