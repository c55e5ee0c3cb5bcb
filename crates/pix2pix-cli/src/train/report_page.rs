//! The report of a run while it trains: `report.html` in its folder.

use std::path::{Path, PathBuf};
use std::slice;

use pix2pix::report::{self, Gallery, Reported, write as write_report};
use pix2pix::run::{Event, file};
use pix2pix::{Error, RunConfig};

use crate::paths::{Plain, word};
use crate::program::program;

/// The report of a run that goes on.
pub struct ReportPage {
    root: PathBuf,
    page: PathBuf,
    config: RunConfig,
    /// Whether pairs are held out, whose pictures the report shows.
    held_out: bool,
    /// Those of this session's last sampling.
    gallery: Option<Gallery>,
}

impl ReportPage {
    /// The report of the run in `root`, if it is asked for. A resumed run keeps the report that it has.
    pub fn open(
        root: &Path,
        config: &RunConfig,
        [asked, is_resumed, held_out]: [bool; 3],
    ) -> Result<Option<Self>, Error> {
        let page = root.join(report::NAME);
        let is_ours = report::is_of_one_run(&page);
        if asked && page.exists() && !is_ours {
            let reason = "the file exists, and is not the report of this run";
            return Err(Error::file(&page, reason, "move it away, or omit --report"));
        }
        Ok((asked || is_resumed && is_ours).then(|| Self {
            root: root.to_path_buf(),
            page,
            config: config.clone(),
            held_out,
            gallery: None,
        }))
    }

    /// Draws the report anew after a sampling.
    pub fn keep(&mut self, event: &Event) -> Result<(), Error> {
        let Event::Sampled {
            step,
            pairs,
            outputs,
            held_out,
            ..
        } = event
        else {
            return Ok(());
        };
        self.gallery = held_out.then(|| Gallery::of_sampling(&self.config, *step, pairs, outputs));
        self.draw()
    }

    /// Draws it once more at the end: now that its folder is unlocked, the run is no longer running. A session without
    /// pictures leaves it as it is, with the pictures of an earlier one; the note says so if it is behind.
    pub fn end(&self) -> Result<Option<String>, Error> {
        if !self.page.exists() {
            return Ok(None);
        }
        if self.gallery.is_some() || !self.held_out {
            return self.draw().map(|()| None);
        }
        Ok(self.is_behind().then(|| {
            format!(
                "note: {} does not show the run's last steps; `{} report {}` draws it again",
                self.page.plain(),
                program(),
                word(&self.root)
            )
        }))
    }

    fn draw(&self) -> Result<(), Error> {
        let run = Reported {
            root: self.root.clone(),
            gallery: self.gallery.clone(),
        };
        // what it cannot read of the run's files was told when the run began
        write_report(slice::from_ref(&run), &self.page).map(drop)
    }

    /// Whether the run has written a line after its report.
    fn is_behind(&self) -> bool {
        let time = |file: &Path| file.metadata().and_then(|found| found.modified()).ok();
        let logs = file::LOGS.map(|name| time(&self.root.join(name)));
        logs.into_iter().any(|log| log > time(&self.page))
    }
}

#[cfg(test)]
mod tests {
    use std::fs::{self, File};
    use std::time::{Duration, SystemTime};

    use super::*;

    #[test]
    fn a_line_of_any_log_leaves_the_report_behind() {
        let folder = tempfile::tempdir().unwrap();
        let root = folder.path();
        let report = ReportPage {
            root: root.to_path_buf(),
            page: root.join(report::NAME),
            config: RunConfig::default(),
            held_out: true,
            gallery: None,
        };
        let written = |name: &str, time: SystemTime| {
            let file = File::create(root.join(name)).unwrap();
            file.set_modified(time).unwrap();
        };
        let (drawn, minute) = (SystemTime::now(), Duration::from_secs(60));
        written(report::NAME, drawn);
        assert!(!report.is_behind());
        for log in file::LOGS {
            written(log, drawn - minute);
            assert!(!report.is_behind(), "{log}");
            written(log, drawn + minute);
            assert!(report.is_behind(), "{log}");
            fs::remove_file(root.join(log)).unwrap();
        }
    }
}
