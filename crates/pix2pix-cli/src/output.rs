//! Notes to the person who started the command. A note is dropped if nobody can read it: the work that it tells of goes on.
//! A result must arrive, or the command fails: see `failure::print`.

use std::io::{Write, stderr, stdout};

use pix2pix::escaped;

/// A text of lines, in which all other control characters are escaped: a terminal would obey those of a name.
pub fn plain(text: &str) -> String {
    let lines: Vec<String> = text.split('\n').map(escaped).collect();
    lines.join("\n")
}

/// As [`plain`], for JSON, which itself escapes the control characters of ASCII but the last.
pub fn plain_json(text: &str) -> String {
    let mut plain = String::new();
    for letter in text.chars() {
        match letter {
            '\u{7f}'..='\u{9f}' => plain += &format!("\\u{:04x}", u32::from(letter)),
            letter => plain.push(letter),
        }
    }
    plain
}

/// Writes a note to standard output: the results themselves are files.
pub fn say(text: &str) {
    let mut out = stdout().lock();
    let _ = out
        .write_all(plain(text).as_bytes())
        .and_then(|()| out.flush());
}

/// Writes a line to standard error.
pub fn tell(line: &str) {
    // in one piece, so that lines of several processes do not mix
    let _ = stderr()
        .lock()
        .write_all(format!("{}\n", plain(line)).as_bytes());
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
        let name = "a\u{1b}\u{7f}\u{9b}é\n";
        let json = plain_json(&serde_json::to_string(name).unwrap());
        assert!(!json.contains(char::is_control), "{json}");
        assert_eq!(serde_json::from_str::<String>(&json).unwrap(), name);
    }
}
