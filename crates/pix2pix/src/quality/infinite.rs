//! Numbers that may be infinite, such as the PSNR of equal pictures, for serde's `with`. JSON has no such number: it is written
//! as the text "Infinity", which JavaScript, Python and Rust convert to it.

use serde::de::Error;
use serde::{Deserialize, Deserializer, Serializer};

/// Writes a number.
///
/// # Errors
/// Those of the format.
pub fn serialize<S: Serializer>(value: &f64, to: S) -> Result<S::Ok, S::Error> {
    match value.is_infinite() {
        true if value.is_sign_negative() => to.serialize_str("-Infinity"),
        true => to.serialize_str("Infinity"),
        false => to.serialize_f64(*value),
    }
}

/// A number, as it is written.
#[derive(Deserialize)]
#[serde(untagged)]
enum Written {
    Number(f64),
    Text(String),
    /// Earlier versions wrote null for infinity.
    Null(()),
}

/// Reads a number.
///
/// # Errors
/// When it is none.
pub fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<f64, D::Error> {
    match Written::deserialize(from)? {
        Written::Number(value) => Ok(value),
        Written::Text(text) => text.parse().map_err(D::Error::custom),
        Written::Null(()) => Ok(f64::INFINITY),
    }
}

#[cfg(test)]
mod tests {
    use crate::quality::Scores;

    #[test]
    fn infinity_is_written_and_read_again() {
        let read = |text: &str| serde_json::from_str::<Scores>(text).unwrap();
        let text = |psnr: &str| {
            format!(r#"{{"l1":0.0,"rmse":0.0,"psnr":{psnr},"ssim":1.0,"ms_ssim":null}}"#)
        };
        for (written, psnr) in [
            ("\"Infinity\"", f64::INFINITY),
            ("\"-Infinity\"", f64::NEG_INFINITY),
            ("20.5", 20.5),
        ] {
            let scores = read(&text(written));
            assert_eq!(scores.psnr, psnr);
            assert_eq!(serde_json::to_string(&scores).unwrap(), text(written));
        }
        assert_eq!(read(&text("null")).psnr, f64::INFINITY);
        assert!(serde_json::from_str::<Scores>(&text("\"x\"")).is_err());
    }
}
