//! Fingerprints of checkpoint files: they tell one model from another of the same name, at each load of a training that
//! goes on, so they must not cost the time of reading the file.

use std::io::{self, Cursor, Read, Seek, SeekFrom};
use std::path::Path;

use pix2pix::data::sha256;
use pix2pix::{Error, model, regular_file};

/// The start of a file that counts whole: its header with the step and the settings, and the first weights.
const START: u64 = 1 << 18;
/// Samples of the weights, evenly spread: another training changes them everywhere.
const SAMPLES: u64 = 64;
/// Bytes of a sample.
const SAMPLE: u64 = 1 << 12;

/// The SHA-256, in hexadecimal, of a checkpoint's length, its header and samples of its weights.
///
/// # Errors
/// When it cannot be read.
pub fn of(checkpoint: &Path) -> Result<String, Error> {
    let found = match model::built_in::bytes(checkpoint) {
        Some(bytes) => of_content(&mut Cursor::new(bytes)),
        None => regular_file::open(checkpoint).and_then(|mut file| of_content(&mut file)),
    };
    found.map_err(|e| Error::io(checkpoint, "read the model", e))
}

fn of_content(content: &mut (impl Read + Seek)) -> io::Result<String> {
    let length = content.seek(SeekFrom::End(0))?;
    let mut bytes = length.to_le_bytes().to_vec();
    let mut take = |at: u64, most: u64| {
        content.seek(SeekFrom::Start(at))?;
        content.by_ref().take(most).read_to_end(&mut bytes)
    };
    take(0, START)?;
    let weights = length.saturating_sub(START);
    for sample in 1..=SAMPLES {
        // the last one is the end of the file
        let behind = START + weights * sample / SAMPLES;
        let at = behind.saturating_sub(SAMPLE).max(START);
        take(at, behind - at)?;
    }
    Ok(sha256::of(&bytes))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn another_header_length_or_weights_are_another_model() {
        let of = |bytes: &[u8]| of_content(&mut Cursor::new(bytes)).unwrap();
        let whole = vec![7; 5 << 20];
        let first = of(&whole);
        assert_eq!(of(&whole), first);
        assert_ne!(of(&whole[1..]), first);
        let last = whole.len() - 1;
        for place in [0, START as usize - 1, last] {
            let mut other = whole.clone();
            other[place] = 8;
            assert_ne!(of(&other), first, "{place}");
        }
        // a part of the weights, as where the rest is frozen
        let mut other = whole.clone();
        other[3 << 20..][..100_000].fill(8);
        assert_ne!(of(&other), first);
        assert_ne!(of(&[]), of(&[7]));
    }

    #[test]
    fn a_missing_file_is_named() {
        let error = of(Path::new("no/such/model")).unwrap_err().to_string();
        assert!(error.contains("no/such/model"), "{error}");
    }
}
