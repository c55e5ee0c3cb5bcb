//! Notes to the person who started the command. A note is dropped if nobody can read it: the work that it tells of goes on.
//! A result must arrive, or the command fails: see `failure::print`.
//!
//! While a training runs, a thread writes the notes ([`detach`]): a reader that sleeps stops neither its steps nor the signals
//! that are to stop it. The other commands wait for their reader, as programs do, and signals end them.

use std::io::{self, Write, stderr, stdout};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use pix2pix::{escaped, is_obeyed};

use crate::background::{self, Writer};
use crate::words::count;

/// At the end of a command that was to stop, the longest time in which the notes that wait are written.
const LAST: Duration = Duration::from_secs(1);

/// The thread that writes notes, while there is one.
static DETACHED: Mutex<Option<Detached>> = Mutex::new(None);

/// The way to the thread that writes notes.
#[derive(Clone)]
struct Detached {
    notes: Writer<Note>,
    /// Set when the command is to stop.
    stop: Arc<AtomicBool>,
}

/// A text for one of the standard streams.
enum Note {
    Out(String),
    Error(String),
}

impl Note {
    /// Writes it in one piece, so that lines of several processes do not mix.
    fn write(&self) {
        let _ = match self {
            Self::Out(text) => put(stdout().lock(), text),
            Self::Error(text) => put(stderr().lock(), text),
        };
    }

    /// Writes it here, or has it written.
    fn pass(self) {
        match detached() {
            Some(detached) => detached.notes.send(self),
            None => self.write(),
        }
    }
}

fn put(mut stream: impl Write, text: &str) -> io::Result<()> {
    stream.write_all(text.as_bytes())?;
    stream.flush()
}

fn detached() -> Option<Detached> {
    let detached = DETACHED.lock().unwrap_or_else(PoisonError::into_inner);
    detached.clone()
}

/// Has a thread write all notes from now on, until [`end`]: nothing that tells one waits for its reader. `stop` is set when the
/// command is to stop.
///
/// # Errors
/// When the system gives no thread.
pub fn detach(stop: Arc<AtomicBool>) -> io::Result<()> {
    let tell = |lost| {
        let text = format!(
            "note: {} lost, which nobody has read in time\n",
            count(lost, "line")
        );
        Note::Error(text).write();
    };
    let notes = background::start("notes", |note: Note| note.write(), tell)?;
    let mut detached = DETACHED.lock().unwrap_or_else(PoisonError::into_inner);
    *detached = Some(Detached { notes, stop });
    Ok(())
}

/// Whether a thread writes the notes.
pub fn is_detached() -> bool {
    detached().is_some()
}

/// Waits until the notes are written, as a person may read page by page; of a command that is to stop, not for long.
pub fn end() {
    let Some(Detached { notes, stop }) = detached() else {
        return;
    };
    let mut asked = None;
    notes.wait_while(|| {
        if stop.load(Ordering::Relaxed) {
            asked.get_or_insert_with(Instant::now);
        }
        asked.is_none_or(|asked| asked.elapsed() < LAST)
    });
    *DETACHED.lock().unwrap_or_else(PoisonError::into_inner) = None;
}

/// A text of lines, in which all other characters that a terminal would obey are escaped: a name may hold them.
pub fn plain(text: &str) -> String {
    let lines: Vec<String> = text.split('\n').map(escaped).collect();
    lines.join("\n")
}

/// As [`plain`], for JSON, whose own ends of lines stay; it escapes itself those of names.
pub fn plain_json(text: &str) -> String {
    let mut plain = String::new();
    for letter in text.chars() {
        match letter {
            '\n' => plain.push(letter),
            letter if is_obeyed(letter) => plain += &format!("\\u{:04x}", u32::from(letter)),
            letter => plain.push(letter),
        }
    }
    plain
}

/// Writes a note to standard output: the results themselves are files.
pub fn say(text: &str) {
    Note::Out(plain(text)).pass();
}

/// Writes a line to standard error.
pub fn tell(line: &str) {
    Note::Error(plain(line) + "\n").pass();
}

/// Writes the drawing of a progress bar to standard error. It is left out where a thread writes the notes and nobody reads them.
pub fn draw(drawing: String) {
    let drawing = Note::Error(drawing);
    match detached() {
        Some(detached) => detached.notes.send_passing(drawing),
        None => drawing.write(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_ends_of_lines_are_left() {
        assert_eq!(
            plain("a\u{1b}[31m\u{7}\nb\r\n"),
            "a\\u{1b}[31m\\u{7}\nb\\r\n"
        );
        // the control characters behind ASCII too: this one begins a command as ESC [ does
        assert_eq!(plain("é\u{9b}31m"), "é\\u{9b}31m");
    }

    #[test]
    fn json_stays_json() {
        assert_eq!(plain_json("{\n  \"a\": 1\n}"), "{\n  \"a\": 1\n}");
        let name = "a\u{1b}\u{7f}\u{9b}é\u{202e}\u{2028}\n";
        let json = plain_json(&serde_json::to_string(name).unwrap());
        assert!(!json.contains(is_obeyed), "{json}");
        assert_eq!(serde_json::from_str::<String>(&json).unwrap(), name);
    }
}
