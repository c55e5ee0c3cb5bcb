//! Values of the file that may be written as on the command line: a port for an address, and one text for a list.

use std::net::SocketAddr;
use std::path::PathBuf;

use serde::de::{DeserializeOwned, Error};
use serde::{Deserialize, Deserializer};
use toml::Value;

/// An address to listen on.
pub fn address<'de, D: Deserializer<'de>>(file: D) -> Result<Option<SocketAddr>, D::Error> {
    let text = match Value::deserialize(file)? {
        Value::String(text) => text,
        value => value.to_string(),
    };
    let parsed = super::super::address(&text);
    parsed
        .map(Some)
        .map_err(|reason| D::Error::custom(format!("`listen` is {text:?}: {reason}")))
}

/// A list, or its only entry, or all of them with commas.
pub fn list<'de, D: Deserializer<'de>, T: DeserializeOwned>(file: D) -> Result<Vec<T>, D::Error> {
    let list = match Value::deserialize(file)? {
        Value::String(text) => {
            let entries = text.split(',').map(|entry| entry.trim().to_string());
            Value::Array(entries.map(Value::String).collect())
        }
        value => value,
    };
    list.try_into().map_err(D::Error::custom)
}

/// A list of paths, or a single one, in which a comma is a part of the name.
pub fn paths<'de, D: Deserializer<'de>>(file: D) -> Result<Vec<PathBuf>, D::Error> {
    match Value::deserialize(file)? {
        Value::String(path) => Ok(vec![path.into()]),
        value => value.try_into().map_err(D::Error::custom),
    }
}
