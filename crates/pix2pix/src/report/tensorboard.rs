//! Writes losses, scores and samples of a run to TensorBoard event files.

use std::fs::File;
use std::io::BufWriter;
use std::path::{Path, PathBuf};

use tfrecord::protobuf::summary::Image;
use tfrecord::{EventWriter, EventWriterConfig};

use crate::atomic_file;
use crate::error::{Error, Result};
use crate::run::{Metrics, RunScores};

/// The event file of one session of a run; resuming begins a new one.
pub struct TensorBoard {
    folder: PathBuf,
    writer: EventWriter<BufWriter<File>>,
}

impl TensorBoard {
    /// Begins a new event file in a folder.
    ///
    /// # Errors
    /// When it cannot be created.
    pub fn create(folder: &Path) -> Result<Self> {
        atomic_file::create_folder(folder)?;
        let prefix = folder.join("pix2pix").display().to_string();
        let writer = EventWriter::from_prefix(prefix, "", EventWriterConfig { auto_flush: false });
        Ok(Self {
            folder: folder.to_path_buf(),
            writer: writer.map_err(|e| failed(folder, &e))?,
        })
    }

    /// Adds a step's losses; L1 is in units of [-1, 1].
    ///
    /// # Errors
    /// When they cannot be written.
    pub fn losses(&mut self, metrics: &Metrics) -> Result<()> {
        let losses = metrics.losses.named();
        let losses = losses.map(|(name, value)| (format!("loss/{name}"), Some(f64::from(value))));
        self.scalars(metrics.step, losses)
    }

    /// Adds the scores on held-out pairs; L1 is of 255.
    ///
    /// # Errors
    /// When they cannot be written.
    pub fn scores(&mut self, scores: &RunScores) -> Result<()> {
        let named = scores.named();
        self.scalars(
            scores.step,
            named.map(|(name, value)| (format!("val/{name}"), value)),
        )
    }

    /// Adds a contact sheet, a PNG file.
    ///
    /// # Errors
    /// When it cannot be read or written.
    pub fn sheet(&mut self, step: u64, file: &Path, [width, height]: [u32; 2]) -> Result<()> {
        let png = std::fs::read(file).map_err(|e| Error::io(file, "read the contact sheet", e))?;
        let image = Image {
            height: height as i32,
            width: width as i32,
            colorspace: 3, // RGB
            encoded_image_string: png,
        };
        let written = self.writer.write_image("samples", step as i64, image);
        written
            .and_then(|()| self.writer.flush())
            .map_err(|e| failed(&self.folder, &e))
    }

    fn scalars<const N: usize>(
        &mut self,
        step: u64,
        values: [(String, Option<f64>); N],
    ) -> Result<()> {
        for (name, value) in values {
            if let Some(value) = value {
                let written = self.writer.write_scalar(name, step as i64, value as f32);
                written.map_err(|e| failed(&self.folder, &e))?;
            }
        }
        self.writer.flush().map_err(|e| failed(&self.folder, &e))
    }
}

fn failed(folder: &Path, error: &tfrecord::Error) -> Error {
    Error::file(
        folder,
        format!("cannot write TensorBoard events ({error})"),
        "check the disk",
    )
}
