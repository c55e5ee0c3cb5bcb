//! Writes losses, scores and samples of a run to TensorBoard event files.

use std::fs::File;
use std::io::{self, BufWriter, ErrorKind, Write};
use std::path::{Path, PathBuf};
use std::time::{SystemTime, UNIX_EPOCH};

use crc::{CRC_32_ISCSI, Crc};
use pix2pix_runtime::regular_file;
use prost::Message;

use crate::atomic_file;
use crate::error::{Error, Result};
use crate::run::{Metrics, RunScores};

/// The event file of one session of a run; resuming begins a new one.
pub struct TensorBoard {
    path: PathBuf,
    file: BufWriter<File>,
}

impl TensorBoard {
    /// Begins a new event file in a folder, of a session whose first step is `first`. Of that step and later ones, TensorBoard
    /// then forgets what files of earlier sessions have, as a run does that is resumed from a checkpoint before them.
    ///
    /// # Errors
    /// When it cannot be created.
    pub fn create(folder: &Path, first: u64) -> Result<Self> {
        atomic_file::create_folder(folder)?;
        // TensorBoard looks for "tfevents", and reads the files of a folder in the order of their names
        let name = format!(
            "events.out.tfevents.{}.{}",
            wall_time() as u64,
            std::process::id()
        );
        // another session may have the same numbers, in containers or if the clock was set back
        let names = (1..).map(|session| format!("{name}.{session}"));
        let paths = [name.clone()].into_iter().chain(names);
        let mut created = paths.map(|name| {
            let path = folder.join(name);
            (File::create_new(&path), path)
        });
        let taken = |file: &io::Result<File>| {
            let e = file.as_ref().err();
            e.is_some_and(|e| e.kind() == ErrorKind::AlreadyExists)
        };
        let (file, path) = created
            .find(|(file, _)| !taken(file))
            .expect("numbers do not end");
        let file = file.map_err(|e| Error::io(&path, "create the TensorBoard events", e))?;
        let mut board = Self {
            path,
            file: BufWriter::new(file),
        };
        board.write(Event {
            wall_time: wall_time(),
            file_version: Some("brain.Event:2".to_string()),
            ..Event::default()
        })?;
        board.write(Event {
            wall_time: wall_time(),
            step: first as i64,
            session_log: Some(SessionLog { status: START }),
            ..Event::default()
        })?;
        Ok(board)
    }

    /// Adds a step's losses, learning rate and probability of augmentations; L1 is in units of [-1, 1].
    ///
    /// # Errors
    /// When they cannot be written.
    pub fn losses(&mut self, metrics: &Metrics) -> Result<()> {
        let losses = metrics.losses.named();
        let losses = losses.map(|(name, value)| scalar(format!("loss/{name}"), value));
        let rate = metrics.lr.map(|lr| scalar("train/lr".to_string(), lr));
        let augment = metrics
            .augment
            .map(|p| scalar("train/augment".to_string(), p));
        let values = losses.into_iter().chain(rate).chain(augment);
        self.summary(metrics.step, values.collect())
    }

    /// Adds the scores on held-out pairs; L1 is of 255.
    ///
    /// # Errors
    /// When they cannot be written.
    pub fn scores(&mut self, scores: &RunScores) -> Result<()> {
        let named = scores.named().into_iter();
        let values =
            named.filter_map(|(name, value)| Some(scalar(format!("val/{name}"), value? as f32)));
        self.summary(scores.step, values.collect())
    }

    /// Adds a contact sheet, a PNG file.
    ///
    /// # Errors
    /// When it cannot be read or written.
    pub fn sheet(&mut self, step: u64, file: &Path, [width, height]: [u32; 2]) -> Result<()> {
        let png =
            regular_file::read(file).map_err(|e| Error::io(file, "read the contact sheet", e))?;
        let image = Image {
            height: height as i32,
            width: width as i32,
            colorspace: 3, // RGB
            encoded_image_string: png,
        };
        let sheet = Value {
            tag: "samples".to_string(),
            simple_value: None,
            image: Some(image),
        };
        self.summary(step, vec![sheet])
    }

    fn summary(&mut self, step: u64, value: Vec<Value>) -> Result<()> {
        self.write(Event {
            wall_time: wall_time(),
            step: step as i64,
            summary: Some(Summary { value }),
            ..Event::default()
        })
    }

    fn write(&mut self, event: Event) -> Result<()> {
        write_record(&mut self.file, &event.encode_to_vec())
            .and_then(|()| self.file.flush())
            .map_err(|e| Error::io(&self.path, "write TensorBoard events", e))
    }
}

fn scalar(tag: String, value: f32) -> Value {
    Value {
        tag,
        simple_value: Some(value),
        image: None,
    }
}

/// Seconds since 1970; 0 if the clock is before it.
fn wall_time() -> f64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH);
    since.map_or(0.0, |time| time.as_secs_f64())
}

/// Writes one record of a TFRecord file: the length, its checksum, the bytes, their checksum.
fn write_record(to: &mut impl Write, bytes: &[u8]) -> io::Result<()> {
    let length = (bytes.len() as u64).to_le_bytes();
    to.write_all(&length)?;
    to.write_all(&masked_checksum(&length).to_le_bytes())?;
    to.write_all(bytes)?;
    to.write_all(&masked_checksum(bytes).to_le_bytes())
}

/// CRC-32C, rotated and shifted as TFRecord files want it.
fn masked_checksum(bytes: &[u8]) -> u32 {
    const CRC: Crc<u32> = Crc::<u32>::new(&CRC_32_ISCSI);
    let checksum = CRC.checksum(bytes);
    checksum.rotate_right(15).wrapping_add(0xa282_ead8)
}

// The part of TensorBoard's protocol buffers that is written (event.proto, summary.proto). Fields keep their names and
// numbers.

#[derive(Clone, PartialEq, Message)]
struct Event {
    #[prost(double, tag = "1")]
    wall_time: f64,
    #[prost(int64, tag = "2")]
    step: i64,
    #[prost(string, optional, tag = "3")]
    file_version: Option<String>,
    #[prost(message, optional, tag = "5")]
    summary: Option<Summary>,
    #[prost(message, optional, tag = "7")]
    session_log: Option<SessionLog>,
}

/// [`SessionLog::status`] where a session starts.
const START: i32 = 1;

#[derive(Clone, PartialEq, Message)]
struct SessionLog {
    #[prost(int32, tag = "1")]
    status: i32,
}

#[derive(Clone, PartialEq, Message)]
struct Summary {
    #[prost(message, repeated, tag = "1")]
    value: Vec<Value>,
}

#[derive(Clone, PartialEq, Message)]
struct Value {
    #[prost(string, tag = "1")]
    tag: String,
    #[prost(float, optional, tag = "2")]
    simple_value: Option<f32>,
    #[prost(message, optional, tag = "4")]
    image: Option<Image>,
}

#[derive(Clone, PartialEq, Message)]
struct Image {
    #[prost(int32, tag = "1")]
    height: i32,
    #[prost(int32, tag = "2")]
    width: i32,
    #[prost(int32, tag = "3")]
    colorspace: i32,
    #[prost(bytes = "vec", tag = "4")]
    encoded_image_string: Vec<u8>,
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The same events, written by TensorBoard itself (`tools/make_tensorboard_fixture.py`).
    #[test]
    fn records_are_tensorboards() {
        let version = Event {
            wall_time: 1.5,
            file_version: Some("brain.Event:2".to_string()),
            ..Event::default()
        };
        let start = Event {
            wall_time: 1.75,
            step: 200,
            session_log: Some(SessionLog { status: START }),
            ..Event::default()
        };
        let image = Image {
            height: 2,
            width: 3,
            colorspace: 3,
            encoded_image_string: b"picture".to_vec(),
        };
        let sheet = Value {
            tag: "samples".to_string(),
            simple_value: None,
            image: Some(image),
        };
        let losses = Event {
            wall_time: 2.25,
            step: 300,
            summary: Some(Summary {
                value: vec![scalar("loss/g_l1".to_string(), 0.125), sheet],
            }),
            ..Event::default()
        };
        let mut written = Vec::new();
        for event in [version, start, losses] {
            write_record(&mut written, &event.encode_to_vec()).unwrap();
        }
        assert_eq!(
            written,
            include_bytes!("../../tests/fixtures/events.tfrecord")
        );
    }

    #[test]
    fn a_file_says_from_which_step_it_counts() {
        let folder = tempfile::tempdir().unwrap();
        drop(TensorBoard::create(folder.path(), 31).unwrap());
        let file = std::fs::read_dir(folder.path()).unwrap().next().unwrap();
        let bytes = std::fs::read(file.unwrap().path()).unwrap();
        let mut events = Vec::new();
        let mut rest = &bytes[..];
        while let Some((length, behind)) = rest.split_first_chunk() {
            let (record, behind) = behind[4..].split_at(u64::from_le_bytes(*length) as usize);
            events.push(Event::decode(record).unwrap());
            rest = &behind[4..];
        }
        assert_eq!(events.len(), 2);
        assert_eq!(events[1].step, 31);
        assert_eq!(events[1].session_log, Some(SessionLog { status: START }));
    }
}
