//! Pages: a template with the shared style and scripts, and its data.

use std::fs::File;
use std::io::{self, Read, Seek};
use std::path::Path;

use pix2pix_runtime::regular_file;
use serde::Serialize;

const STYLE: &str = include_str!("page.css");
const SCRIPT: &str = include_str!("page.js");
/// Number of bytes at the start of a page in which its title stands.
const HEAD: u64 = 512;

/// A self-contained page: the template with its data as JSON.
pub fn of(template: &str, data: &impl Serialize) -> String {
    let data = serde_json::to_string(data).expect("the data of a page is plain");
    let page = template.replacen("@STYLE@", STYLE, 1);
    let page = page.replacen("@SCRIPT@", SCRIPT, 1);
    // "</script" in the data would end the script element, and after "<!--<script" its own end would not
    page.replacen("@DATA@", &data.replace('<', "\\u003c"), 1)
}

/// Opens a file if it is a page whose template has this title.
///
/// # Errors
/// When it cannot be read, is no regular file, or is no such page.
pub fn open(file: &Path, title: &str) -> io::Result<File> {
    let mut page = regular_file::open(file)?;
    let mut head = Vec::new();
    page.by_ref().take(HEAD).read_to_end(&mut head)?;
    let head = String::from_utf8_lossy(&head);
    // a text that is about such a page may have the title in it
    let is_page = head.to_lowercase().starts_with("<!doctype html>");
    let title = format!("<title>{title}</title>");
    match is_page && head.lines().any(|line| line == title) {
        true => page.rewind().map(|()| page),
        false => Err(io::Error::other("it is another page")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_in_the_data_is_markup() {
        let name = "<!--<script>.png </script><b>";
        let page = of("<script>@DATA@</script>", &name);
        assert_eq!(page.matches('<').count(), 2, "{page}");
        let data = page.trim_start_matches("<script>");
        let data = data.trim_end_matches("</script>");
        assert_eq!(serde_json::from_str::<String>(data).unwrap(), name);
    }

    #[test]
    fn a_page_is_known_by_its_title() {
        let scratch = tempfile::tempdir().unwrap();
        let file = scratch.path().join("page.html");
        let page = "<!DOCTYPE html>\r\n<html>\n<title>a page</title>\r\n";
        for (content, is_page) in [
            (page.to_string(), true),
            (page.replace("DOCTYPE", "doctype"), true),
            (page.replace("a page", "a page of mine"), false),
            (format!("how to write one:\n{page}"), false),
            (
                "<!doctype html><p><title>a page</title> is the title".to_string(),
                false,
            ),
        ] {
            std::fs::write(&file, &content).unwrap();
            assert_eq!(open(&file, "a page").is_ok(), is_page, "{content}");
        }
    }
}
