//! Where the lines of the log go: to standard error, by a thread of their own. A log that nobody reads, such as a pipe whose
//! other end sleeps, then stops no request.

use std::io::{self, Write};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::time::Duration;

use tracing_subscriber::fmt::MakeWriter;

/// Most lines that wait to be written; further ones are lost.
const WAITING: usize = 8192;
/// At the end, the longest time in which the lines that wait are written.
const LAST: Duration = Duration::from_secs(1);

/// The way to the thread that writes.
#[derive(Clone)]
pub struct Writer {
    lines: SyncSender<Vec<u8>>,
    lost: Arc<AtomicU64>,
}

/// The thread that writes; dropping this waits until it has written the lines before, though not for long.
pub struct Writing {
    writer: Writer,
    ended: Receiver<()>,
}

/// Starts the thread, which writes to `out`.
///
/// # Errors
/// When the system gives no thread.
pub fn start(mut out: impl Write + Send + 'static) -> io::Result<(Writer, Writing)> {
    let (lines, waiting) = sync_channel::<Vec<u8>>(WAITING);
    let (end, ended) = sync_channel(1);
    let lost = Arc::new(AtomicU64::new(0));
    let missing = lost.clone();
    let write = move || {
        // no line is empty: that is the end
        for line in waiting.iter().take_while(|line| !line.is_empty()) {
            // a log that cannot be written, on a full disk for example, is none
            let _ = out.write_all(&line);
            let count = missing.swap(0, Ordering::Relaxed);
            if count > 0 {
                tracing::warn!("{count} lines of the log are lost: nobody has read it in time");
            }
        }
        let _ = end.send(());
    };
    std::thread::Builder::new()
        .name("log".to_string())
        .spawn(write)?;
    let writer = Writer { lines, lost };
    Ok((writer.clone(), Writing { writer, ended }))
}

impl Write for Writer {
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        if !line.is_empty() && self.lines.try_send(line.to_vec()).is_err() {
            self.lost.fetch_add(1, Ordering::Relaxed);
        }
        Ok(line.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl<'a> MakeWriter<'a> for Writer {
    type Writer = Self;

    fn make_writer(&'a self) -> Self {
        self.clone()
    }
}

impl Drop for Writing {
    fn drop(&mut self) {
        // without a place for the end, nobody reads
        if self.writer.lines.try_send(Vec::new()).is_ok() {
            let _ = self.ended.recv_timeout(LAST);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::Mutex;

    /// Keeps what is written, each line when it is allowed to.
    struct Slow {
        allowed: Receiver<()>,
        written: Arc<Mutex<Vec<u8>>>,
    }

    impl Write for Slow {
        fn write(&mut self, line: &[u8]) -> io::Result<usize> {
            let _ = self.allowed.recv();
            self.written.lock().unwrap().extend_from_slice(line);
            Ok(line.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn lines_that_nobody_reads_are_counted_and_the_others_are_written() {
        let written = Arc::new(Mutex::new(Vec::new()));
        let (allow, allowed) = sync_channel(0);
        let slow = Slow {
            allowed,
            written: written.clone(),
        };
        let (mut writer, writing) = start(slow).unwrap();
        // one is being written, or still waits
        for _ in 0..WAITING + 5 {
            writer.write_all(b"line\n").unwrap();
        }
        let lost = writer.lost.load(Ordering::Relaxed);
        assert!((4..=5).contains(&lost), "{lost}");
        // from now on, somebody reads
        drop(allow);
        while written.lock().unwrap().len() < (WAITING + 5 - lost as usize) * 5 {
            std::thread::yield_now();
        }
        writer.write_all(b"the last\n").unwrap();
        drop(writing);
        assert!(written.lock().unwrap().ends_with(b"the last\n"));
        assert_eq!(writer.lost.load(Ordering::Relaxed), 0);
    }
}
