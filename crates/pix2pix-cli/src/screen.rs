//! The terminal on which the progress bar of a training is drawn: each drawing is one piece, which never waits for the terminal.

use std::io;
use std::sync::{Mutex, PoisonError};

use console::Term;
use indicatif::{ProgressDrawTarget, TermLike};

use crate::output;

/// Most drawings in a second.
const RATE: u8 = 20;

/// Where a bar on standard error is drawn; nowhere if that is no terminal whose cursor moves.
pub fn target() -> ProgressDrawTarget {
    let direct = ProgressDrawTarget::stderr();
    // the console of Windows has commands of its own for the cursor
    match output::is_detached() && cfg!(unix) && !direct.is_hidden() {
        true => ProgressDrawTarget::term_like_with_hz(Box::new(Screen::new()), RATE),
        false => direct,
    }
}

/// The terminal of standard error.
#[derive(Debug)]
struct Screen {
    /// Knows its size.
    terminal: Term,
    /// What is drawn until [`flush`](TermLike::flush).
    drawing: Mutex<String>,
}

impl Screen {
    fn new() -> Self {
        Self {
            terminal: Term::stderr(),
            drawing: Mutex::default(),
        }
    }

    fn put(&self, text: &str) -> io::Result<()> {
        let mut drawing = self.drawing.lock().unwrap_or_else(PoisonError::into_inner);
        drawing.push_str(text);
        Ok(())
    }

    /// Moves the cursor by so many lines or letters. To a terminal, 0 of them is one.
    fn move_cursor(&self, count: usize, direction: char) -> io::Result<()> {
        match count {
            0 => Ok(()),
            _ => self.put(&format!("\u{1b}[{count}{direction}")),
        }
    }
}

impl TermLike for Screen {
    fn width(&self) -> u16 {
        self.terminal.size().1
    }

    fn height(&self) -> u16 {
        self.terminal.size().0
    }

    fn move_cursor_up(&self, n: usize) -> io::Result<()> {
        self.move_cursor(n, 'A')
    }

    fn move_cursor_down(&self, n: usize) -> io::Result<()> {
        self.move_cursor(n, 'B')
    }

    fn move_cursor_right(&self, n: usize) -> io::Result<()> {
        self.move_cursor(n, 'C')
    }

    fn move_cursor_left(&self, n: usize) -> io::Result<()> {
        self.move_cursor(n, 'D')
    }

    fn write_line(&self, text: &str) -> io::Result<()> {
        self.put(text).and_then(|()| self.put("\n"))
    }

    fn write_str(&self, text: &str) -> io::Result<()> {
        self.put(text)
    }

    fn clear_line(&self) -> io::Result<()> {
        self.put("\r\u{1b}[2K")
    }

    fn flush(&self) -> io::Result<()> {
        let mut drawing = self.drawing.lock().unwrap_or_else(PoisonError::into_inner);
        output::draw(std::mem::take(&mut *drawing));
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_drawing_is_one_piece() {
        let screen = Screen::new();
        screen.move_cursor_up(2).unwrap();
        screen.move_cursor_down(0).unwrap();
        screen.clear_line().unwrap();
        screen.write_line("a line").unwrap();
        screen.write_str("the bar").unwrap();
        let drawing = screen.drawing.lock().unwrap();
        assert_eq!(*drawing, "\u{1b}[2A\r\u{1b}[2Ka line\nthe bar");
    }
}
