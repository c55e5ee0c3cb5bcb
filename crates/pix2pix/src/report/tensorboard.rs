//! Writes losses, scores and samples of a run to TensorBoard event files.

use std::fs::{self, File};
use std::io::{self, BufReader, BufWriter, ErrorKind, Read, Write};
use std::iter;
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
    /// The last step of which the event files of a folder tell, as TensorBoard reads them; 0 without any. What cannot be read of
    /// them is passed over.
    pub fn last_step(folder: &Path) -> u64 {
        let entries = fs::read_dir(folder).into_iter().flatten().flatten();
        let mut files: Vec<PathBuf> = entries.map(|entry| entry.path()).collect();
        files.sort();
        let last = files
            .iter()
            .flat_map(|file| events(file))
            .fold(0, |last, event| match event.session_log {
                Some(_) => last.min(event.step - 1),
                None => last.max(event.step),
            });
        u64::try_from(last).unwrap_or(0)
    }

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
        let begun = board.begin(first);
        if begun.is_err() {
            // who tries again would leave one each time
            let _ = fs::remove_file(&board.path);
        }
        begun.map(|()| board)
    }

    fn begin(&mut self, first: u64) -> Result<()> {
        self.write(Event {
            wall_time: wall_time(),
            file_version: Some("brain.Event:2".to_string()),
            ..Event::default()
        })?;
        self.write(Event {
            wall_time: wall_time(),
            step: first as i64,
            session_log: Some(SessionLog { status: START }),
            ..Event::default()
        })
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

/// The events of a file, up to the first that is not whole.
fn events(file: &Path) -> impl Iterator<Item = Event> + use<> {
    let mut opened = regular_file::open(file).map(BufReader::new);
    iter::from_fn(move || {
        let from = opened.as_mut().ok()?;
        // its length with a checksum, and one behind it
        let (mut length, mut checksum) = ([0; 12], [0; 4]);
        from.read_exact(&mut length).ok()?;
        let length = u64::from_le_bytes(*length.first_chunk()?);
        let mut record = Vec::new();
        from.by_ref().take(length).read_to_end(&mut record).ok()?;
        from.read_exact(&mut checksum).ok()?;
        Event::decode(record.as_slice()).ok()
    })
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

    /// As TensorBoard, which forgets what a later session has begun again.
    #[test]
    fn the_last_step_is_known_of_files_that_are_not_whole() {
        let folder = tempfile::tempdir().unwrap();
        let last = || TensorBoard::last_step(folder.path());
        assert_eq!(last(), 0);
        assert_eq!(TensorBoard::last_step(&folder.path().join("none")), 0);
        let session = |first, steps: &[u64]| {
            let mut board = TensorBoard::create(folder.path(), first).unwrap();
            for step in steps {
                let scores = RunScores {
                    step: *step,
                    ..RunScores::default()
                };
                board.scores(&scores).unwrap();
            }
            board.path
        };
        session(1, &[10, 20, 30]);
        assert_eq!(last(), 30);
        let file = session(21, &[24]);
        assert_eq!(last(), 24);
        let whole = fs::read(&file).unwrap();
        fs::write(&file, &whole[..whole.len() - 1]).unwrap();
        assert_eq!(last(), 20);
    }

    #[test]
    fn a_file_says_from_which_step_it_counts() {
        let folder = tempfile::tempdir().unwrap();
        drop(TensorBoard::create(folder.path(), 31).unwrap());
        let file = std::fs::read_dir(folder.path()).unwrap().next().unwrap();
        let events: Vec<Event> = events(&file.unwrap().path()).collect();
        assert_eq!(events.len(), 2);
        assert_eq!(events[1].step, 31);
        assert_eq!(events[1].session_log, Some(SessionLog { status: START }));
    }
}
