//! Settings in the file of a run's configuration that no run has: misspelled, in the table of others, or of a later version.
//! They would be ignored, and lost when the file is written again.

use std::path::Path;

use serde_json::Value;

use crate::config::file::LEFT_OUT;
use crate::config::{RunConfig, values};
use crate::error::{Error, Result};

/// Checks that a file, whose text `config` was read from, has no other settings.
///
/// # Errors
/// Names the first other one, and the one of the same name that it may be meant for.
pub fn check(path: &Path, text: &str, config: &RunConfig) -> Result<()> {
    let file: Value = toml::from_str(text).expect("it has just been read");
    let names = |values: Vec<(String, Value)>| values.into_iter().map(|(name, _)| name);
    let left_out = LEFT_OUT.map(str::to_string);
    let known: Vec<String> = names(config.values()).chain(left_out).collect();
    let file: Vec<String> = names(values::of(file)).collect();
    let Some(stray) = file.iter().find(|name| !known.contains(name)) else {
        return Ok(());
    };
    let own = |name: &str| name.rsplit('.').next().map(str::to_string);
    let meant = known.iter().find(|name| own(name) == own(stray));
    let remedy = match meant.map(|meant| meant.rsplit_once('.')) {
        None => "correct its name, or remove it; if a later version of this program has written it, use that version"
            .to_string(),
        Some(None) => "it belongs above all tables: move it there, or remove it".to_string(),
        Some(Some((table, _))) => {
            format!("there is one in the table [{table}]: set it there, and remove this one")
        }
    };
    let reason = format!("{stray} is no setting of a run");
    Err(Error::file(path, reason, remedy))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_setting_that_no_run_has_is_named() {
        let config = RunConfig::default();
        let whole = toml::to_string(&config).unwrap();
        let checked = |text: String| {
            let config: RunConfig = toml::from_str(&text).unwrap();
            let checked = check(Path::new("config.toml"), &text, &config);
            checked.map_err(|error| error.to_string())
        };
        // what is left out when unused, and an older name
        let unused = "patience = 0\nsquares = false\nneighbours = 0\n";
        for text in [whole.clone(), format!("{unused}{whole}")] {
            assert_eq!(checked(text), Ok(()));
        }
        for (text, reason, remedy) in [
            (
                format!("sample_evry = 3\n{whole}"),
                "sample_evry is no setting of a run",
                "correct its name",
            ),
            (
                format!("lambda = 10\n{whole}"),
                "lambda is no setting of a run",
                "in the table [optimizer]",
            ),
            // at the end of the file, in the table of the discriminator
            (
                format!("{whole}keep_best = \"ssim\"\n"),
                "discriminator.keep_best is no setting of a run",
                "above all tables",
            ),
        ] {
            let told = checked(text).unwrap_err();
            assert!(told.contains(reason) && told.contains(remedy), "{told}");
        }
    }
}
