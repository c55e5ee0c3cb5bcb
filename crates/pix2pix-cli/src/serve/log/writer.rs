//! Where the lines of the log go: to standard error, by a thread of their own. A log that nobody reads then stops no request.

use std::io::{self, Write};
use std::time::{Duration, Instant};

use tracing_subscriber::fmt::MakeWriter;

use crate::background;
use crate::words::count;

/// At the end, the longest time in which the lines that wait are written.
const LAST: Duration = Duration::from_secs(1);

/// The way to the thread that writes.
#[derive(Clone)]
pub struct Writer(background::Writer<Vec<u8>>);

/// The thread that writes; dropping this waits until it has written the lines before, though not for long.
pub struct Writing(Writer);

/// Starts the thread, which writes to `out`.
///
/// # Errors
/// When the system gives no thread.
pub fn start(mut out: impl Write + Send + 'static) -> io::Result<(Writer, Writing)> {
    let write = move |line: Vec<u8>| {
        // a log that cannot be written, on a full disk for example, is none
        let _ = out.write_all(&line);
    };
    let tell = |lost| {
        let lines = count(lost, "line");
        tracing::warn!("{lines} of the log lost, which nobody has read in time");
    };
    let writer = Writer(background::start("log", write, tell)?);
    Ok((writer.clone(), Writing(writer)))
}

impl Write for Writer {
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        self.0.send(line.to_vec());
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
        let begun = Instant::now();
        self.0.0.wait_while(|| begun.elapsed() < LAST);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::mpsc::{Receiver, Sender, channel};

    /// Passes on what is written, after a while.
    struct Slow(Sender<Vec<u8>>);

    impl Write for Slow {
        fn write(&mut self, line: &[u8]) -> io::Result<usize> {
            std::thread::sleep(Duration::from_millis(20));
            self.0.send(line.to_vec()).map_err(io::Error::other)?;
            Ok(line.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn the_last_lines_are_written() {
        let (written, lines): (_, Receiver<Vec<u8>>) = channel();
        let (mut writer, writing) = start(Slow(written)).unwrap();
        writer.write_all(b"line\n").unwrap();
        writer.write_all(b"the last\n").unwrap();
        drop(writing);
        let written: Vec<Vec<u8>> = lines.try_iter().collect();
        assert_eq!(written, [b"line\n".to_vec(), b"the last\n".to_vec()]);
    }
}
