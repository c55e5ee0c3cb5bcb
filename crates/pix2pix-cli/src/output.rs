//! Notes to the person who started the command. A note is dropped if nobody can read it: the work that it tells of goes on.
//! A result must arrive, or the command fails: see `failure::print`.

use std::io::{Write, stderr, stdout};

use pix2pix::{escaped, is_obeyed};

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
        assert_eq!(plain_json("{\n  \"a\": 1\n}"), "{\n  \"a\": 1\n}");
        let name = "a\u{1b}\u{7f}\u{9b}é\u{202e}\u{2028}\n";
        let json = plain_json(&serde_json::to_string(name).unwrap());
        assert!(!json.contains(is_obeyed), "{json}");
        assert_eq!(serde_json::from_str::<String>(&json).unwrap(), name);
    }
}
