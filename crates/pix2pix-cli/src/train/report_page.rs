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
    /// Whether the page is of an earlier session, and may have its pictures.
    is_earlier: bool,
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
            is_earlier: is_ours,
        }))
    }

    /// Draws the report anew after a sampling, and at first as soon as there is a run: one that is killed before its first
    /// sampling is resumed with the report too.
    pub fn keep(&mut self, event: &Event) -> Result<(), Error> {
        match event {
            Event::Sampled {
                step,
                pairs,
                outputs,
                held_out,
                ..
            } => {
                let gallery = || Gallery::of_sampling(&self.config, *step, pairs, outputs);
                self.gallery = held_out.then(gallery);
                self.draw()
            }
            Event::Begun | Event::Saved(_) if !self.page.exists() => self.draw(),
            _ => Ok(()),
        }
    }

    /// Draws it once more at the end: now that its folder is unlocked, the run is no longer running. A session without
    /// pictures leaves that of an earlier one as it is, which may have some; the note says so if it is behind.
    pub fn end(&self) -> Result<Option<String>, Error> {
        if !self.page.exists() {
            return Ok(None);
        }
        if self.gallery.is_some() || !self.held_out || !self.is_earlier {
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
    fn a_run_that_is_killed_before_its_first_sampling_keeps_its_report() {
        let folder = tempfile::tempdir().unwrap();
        let (root, config) = (folder.path(), RunConfig::default());
        let text = toml::to_string(&config).unwrap();
        fs::write(root.join(file::CONFIG), text).unwrap();
        let resumed = || ReportPage::open(root, &config, [false, true, true]).unwrap();
        assert!(resumed().is_none());
        let page = root.join(report::NAME);
        for first in [Event::Begun, Event::Saved(Path::new("checkpoint"))] {
            let opened = ReportPage::open(root, &config, [true, false, true]);
            let mut asked = opened.unwrap().unwrap();
            asked.keep(&Event::Noted("before the run begins")).unwrap();
            assert!(!page.exists());
            asked.keep(&first).unwrap();
            let mut resumed = resumed().expect("it has a report");
            // which stays, as it may have pictures
            fs::write(&page, "pictures").unwrap();
            resumed.keep(&first).unwrap();
            assert_eq!(resumed.end().unwrap(), None);
            assert_eq!(fs::read(&page).unwrap(), b"pictures");
            // and that of a session without any is drawn again at its end
            asked.end().unwrap();
            assert!(report::is_of_one_run(&page));
            fs::remove_file(&page).unwrap();
        }
    }

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
            is_earlier: true,
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
