//! Lines of a table that lack a picture of their pair.

use std::path::PathBuf;

use crate::error::{Error, one_line, shown};

/// A line of a table that lacks a picture of its pair.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Incomplete {
    /// The table, for messages.
    pub table: PathBuf,
    /// Number of the line, from 1.
    pub line: u64,
    /// What it lacks, e.g. "a2 is empty".
    pub reason: String,
    /// Its files, relative to the data set's root.
    pub files: Vec<PathBuf>,
}

impl Incomplete {
    /// Says where it is and what it lacks: "pairs.csv: line 4: a2 is empty".
    pub fn said(&self) -> String {
        format!("{}: {}", shown(&self.table), one_line(&self.place()))
    }

    /// The error that it is, unless such lines are left out.
    pub fn error(&self) -> Error {
        let remedy = "complete or remove the line, or choose `on_error` skip";
        Error::file(&self.table, self.place(), remedy)
    }

    fn place(&self) -> String {
        format!("line {}: {}", self.line, self.reason)
    }
}
