//! Checks values against the schemas of the OpenAPI document (JSON Schema 2020-12), as far as the document uses it.

use serde_json::Value;

/// Checks a value against a schema of the document. More than the schema asks for is refused too: fields that it does not name.
///
/// # Panics
/// If the value is not of the schema, or the schema has a keyword that this does not know.
pub fn check(document: &Value, schema: &Value, value: &Value, place: &str) {
    for (keyword, rule) in schema.as_object().expect("a schema") {
        match keyword.as_str() {
            "$ref" => {
                let target = rule.as_str().unwrap().trim_start_matches('#');
                let target = document.pointer(target).expect("a schema of this name");
                check(document, target, value, place);
            }
            "type" => {
                let names = rule
                    .as_array()
                    .map_or(std::slice::from_ref(rule), Vec::as_slice);
                let is_one = names.iter().any(|name| is(value, name.as_str().unwrap()));
                assert!(is_one, "{place}: {value} is not of type {rule}");
            }
            "enum" => {
                let words = rule.as_array().unwrap();
                assert!(words.contains(value), "{place}: {value} is none of {rule}");
            }
            "minimum" => assert!(value.as_f64() >= rule.as_f64(), "{place}: {value} < {rule}"),
            "required" => {
                let names = rule.as_array().unwrap().iter();
                for name in names.map(|name| name.as_str().unwrap()) {
                    assert!(value.get(name).is_some(), "{place} has no {name}");
                }
            }
            "properties" => {
                for (name, field) in value.as_object().expect("an object") {
                    let rule = rule.get(name);
                    let rule = rule.unwrap_or_else(|| panic!("{place}.{name} is not described"));
                    check(document, rule, field, &format!("{place}.{name}"));
                }
            }
            // those of a tuple stand in `prefixItems`
            "items" if rule == &Value::from(false) => {}
            "items" => {
                for (index, item) in value.as_array().expect("a list").iter().enumerate() {
                    check(document, rule, item, &format!("{place}[{index}]"));
                }
            }
            "prefixItems" => {
                let (rules, items) = (rule.as_array().unwrap(), value.as_array().unwrap());
                assert_eq!(rules.len(), items.len(), "{place}");
                for (rule, item) in rules.iter().zip(items) {
                    check(document, rule, item, place);
                }
            }
            "description" | "format" => {}
            other => panic!("{place}: the schema's {other} is not known here"),
        }
    }
}

/// Whether a value has a type of JSON Schema.
fn is(value: &Value, name: &str) -> bool {
    match name {
        "object" => value.is_object(),
        "array" => value.is_array(),
        "string" => value.is_string(),
        "integer" => value.is_u64() || value.is_i64(),
        "number" => value.is_number(),
        "boolean" => value.is_boolean(),
        "null" => value.is_null(),
        other => panic!("no type is called {other}"),
    }
}
