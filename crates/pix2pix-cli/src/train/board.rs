//! TensorBoard's files of a run while it trains: `tensorboard/` in its folder.

use std::path::{Path, PathBuf};

use pix2pix::Error;
use pix2pix::image::image_dimensions;
use pix2pix::report::TensorBoard;
use pix2pix::run::{Event, History, file};

/// The folder of the files in a run's.
const FOLDER: &str = "tensorboard";

/// TensorBoard's files of a run that goes on.
pub struct Board {
    root: PathBuf,
    /// From this step on, what earlier sessions have written is not all of this course: that of their stop, for example.
    first: u64,
    begun: Option<TensorBoard>,
    /// Whether the last event could not be written. Only a sampling tries again: each attempt makes a file.
    has_failed: bool,
}

/// What an event tells of a step.
#[derive(Clone, Copy, PartialEq)]
enum Part {
    Losses,
    Scores,
    Sheet,
}

impl Board {
    /// The files of the run in `root`, if they are asked for. A run that is resumed from the step that is `done` keeps those that
    /// it has.
    pub fn open(root: &Path, asked: bool, done: Option<u64>) -> Option<Self> {
        let is_kept = done.is_some() && root.join(FOLDER).is_dir();
        (asked || is_kept).then(|| Self {
            root: root.to_path_buf(),
            first: done.unwrap_or(0).max(1),
            begun: None,
            has_failed: false,
        })
    }

    /// Writes an event. After one that cannot be written, the next sampling tries again, with all that is missing.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn keep(&mut self, event: &Event) -> Result<(), Error> {
        if self.has_failed && !matches!(event, Event::Sampled { .. }) {
            return Ok(());
        }
        let written = self.write(event);
        self.has_failed = written.is_err();
        if self.has_failed {
            (self.begun, self.first) = (None, u64::MAX);
        }
        written
    }

    /// Writes what is missing at the end of a session.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn end(&mut self) -> Result<(), Error> {
        match self.has_failed {
            true => self.begun(u64::MAX, Part::Losses).map(drop),
            false => Ok(()),
        }
    }

    fn write(&mut self, event: &Event) -> Result<(), Error> {
        match event {
            // a run that is killed before its first line is resumed with them too
            Event::Begun => self.begun(0, Part::Losses).map(drop),
            Event::Logged(metrics) => self.begun(metrics.step, Part::Losses)?.losses(metrics),
            Event::Scored(scores) => self.begun(scores.step, Part::Scores)?.scores(scores),
            Event::Sampled {
                path, sheet, step, ..
            } => {
                let size = [sheet.width(), sheet.height()];
                self.begun(*step, Part::Sheet)?.sheet(*step, path, size)
            }
            _ => Ok(()),
        }
    }

    /// The file of this session, for a part of a step. It begins with what the run's own files have before that, and earlier
    /// sessions have not written, or of another course.
    fn begun(&mut self, step: u64, part: Part) -> Result<&mut TensorBoard, Error> {
        let begun = match self.begun.take() {
            Some(begun) => begun,
            None => self.caught_up(step, part)?,
        };
        Ok(self.begun.insert(begun))
    }

    fn caught_up(&self, step: u64, part: Part) -> Result<TensorBoard, Error> {
        let folder = self.root.join(FOLDER);
        let first = self.first.min(TensorBoard::last_step(&folder) + 1);
        let mut board = TensorBoard::create(&folder, first)?;
        if step < first {
            return Ok(board);
        }
        // of the step itself, what comes before this part is told already: first losses, then scores, and last the sheet
        let is_missing =
            |known: u64, before: bool| known >= first && (known < step || known == step && before);
        let history = History::read(&self.root)?;
        for line in &history.metrics {
            if is_missing(line.step, part != Part::Losses) {
                board.losses(line)?;
            }
        }
        for line in &history.scores {
            if is_missing(line.step, part == Part::Sheet) {
                board.scores(line)?;
            }
        }
        for (of, path) in file::sheets(&self.root)? {
            // a damaged one is left out, as in the report
            if is_missing(of, false)
                && let Ok((width, height)) = image_dimensions(&path)
            {
                board.sheet(of, &path, [width, height])?;
            }
        }
        Ok(board)
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use pix2pix::RunConfig;
    use pix2pix::run::RunScores;

    use super::*;

    /// A run's folder with so many scores.
    fn run(root: &Path, steps: u64) {
        let text = toml::to_string(&RunConfig::default()).unwrap();
        fs::write(root.join(file::CONFIG), text).unwrap();
        let line = |step| serde_json::to_string(&scores(step)).unwrap() + "\n";
        let lines: String = (1..=steps).map(line).collect();
        fs::write(root.join(file::SCORES), lines).unwrap();
    }

    fn scores(step: u64) -> RunScores {
        RunScores {
            step,
            ..RunScores::default()
        }
    }

    /// Names of the files, the oldest first.
    fn files(root: &Path) -> Vec<PathBuf> {
        let entries = fs::read_dir(root.join(FOLDER)).unwrap();
        let mut files: Vec<PathBuf> = entries.map(|entry| entry.unwrap().path()).collect();
        files.sort();
        files
    }

    #[test]
    fn a_resumed_run_keeps_its_files_and_writes_what_they_lack() {
        let scratch = tempfile::tempdir().unwrap();
        let root = scratch.path();
        run(root, 0);
        assert!(Board::open(root, false, Some(0)).is_none());
        Board::open(root, true, None)
            .unwrap()
            .keep(&Event::Begun)
            .unwrap();
        assert!(Board::open(root, false, None).is_none());
        // a program without them has trained four steps
        run(root, 4);
        let mut resumed = Board::open(root, false, Some(4)).expect("it has files");
        assert_eq!(files(root).len(), 1);
        resumed.keep(&Event::Scored(scores(5))).unwrap();
        let [_, second] = &files(root)[..] else {
            panic!("two sessions");
        };
        // each line of scores is a record; beside them are the two of the beginning
        let written = fs::metadata(second).unwrap().len();
        let other = tempfile::tempdir().unwrap();
        let mut expected = TensorBoard::create(other.path(), 1).unwrap();
        (1..=5).for_each(|step| expected.scores(&scores(step)).unwrap());
        let expected = fs::read_dir(other.path()).unwrap().next().unwrap().unwrap();
        assert_eq!(written, expected.metadata().unwrap().len());
        assert_eq!(TensorBoard::last_step(&root.join(FOLDER)), 5);
    }

    #[test]
    fn what_cannot_be_written_is_tried_again_at_the_next_sampling_and_at_the_end() {
        let scratch = tempfile::tempdir().unwrap();
        let root = scratch.path();
        run(root, 2);
        let in_the_way = root.join(FOLDER);
        fs::write(&in_the_way, "a file").unwrap();
        let mut board = Board::open(root, true, None).unwrap();
        assert!(board.keep(&Event::Scored(scores(1))).is_err());
        // it is told once
        board.keep(&Event::Scored(scores(2))).unwrap();
        assert!(board.end().is_err());
        fs::remove_file(&in_the_way).unwrap();
        board.keep(&Event::Scored(scores(2))).unwrap();
        assert!(!in_the_way.exists());
        board.end().unwrap();
        assert_eq!(TensorBoard::last_step(&in_the_way), 2);
    }
}
