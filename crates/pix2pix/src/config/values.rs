//! The values of a configuration by their paths in its file.

use serde_json::Value;

use super::RunConfig;

impl RunConfig {
    /// Every value with its path, e.g. `optimizer.lr`; a list is one value. What is not set is left out.
    pub(crate) fn values(&self) -> Vec<(String, Value)> {
        of(serde_json::to_value(self).expect("a configuration is plain data"))
    }
}

/// Every value of a tree of tables with its path.
pub(crate) fn of(tree: Value) -> Vec<(String, Value)> {
    let mut values = Vec::new();
    add("", tree, &mut values);
    values
}

fn add(path: &str, value: Value, values: &mut Vec<(String, Value)>) {
    match value {
        Value::Null => {}
        Value::Object(table) => {
            for (name, value) in table {
                let separator = if path.is_empty() { "" } else { "." };
                add(&format!("{path}{separator}{name}"), value, values);
            }
        }
        value => values.push((path.to_string(), value)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_have_paths() {
        let mut config = RunConfig {
            steps: 7,
            ..RunConfig::default()
        };
        // JSON has no infinite numbers: they are null, as is what is not set
        config.optimizer.lr = f64::INFINITY;
        let values = config.values();
        let found = |path: &str| {
            let mut all = values.iter();
            all.find(|(name, _)| name == path).map(|(_, value)| value)
        };
        assert_eq!(found("steps"), Some(&Value::from(7)));
        assert_eq!(found("optimizer.accumulate"), Some(&Value::from(1)));
        assert_eq!(found("optimizer"), None);
        assert!(found("source.range").is_some_and(Value::is_array));
        assert_eq!(found("optimizer.lr"), None);
    }
}
