//! The web page: static files embedded in the program.

use std::sync::Arc;

use axum::Router;
use axum::body::Bytes;
use axum::http::HeaderMap;
use axum::routing::get;

use crate::app::App;
use crate::origin::Origin;
use crate::settings::Words;
use crate::tagged::Tagged;

macro_rules! files {
    ($($path:literal => $file:literal, $kind:literal;)*) => {
        /// The page's files: path, content and media type.
        const FILES: &[(&str, &str, &str)] = &[$(($path, include_str!(concat!("../page/", $file)), $kind)),*];
    };
}

files! {
    "/" => "index.html", "text/html; charset=utf-8";
    "/style.css" => "style.css", "text/css; charset=utf-8";
    "/icon.svg" => "icon.svg", "image/svg+xml";
    "/main.js" => "main.js", "text/javascript; charset=utf-8";
    "/api.js" => "api.js", "text/javascript; charset=utf-8";
    "/board.js" => "board.js", "text/javascript; charset=utf-8";
    "/camera.js" => "camera.js", "text/javascript; charset=utf-8";
    "/comparison.js" => "comparison.js", "text/javascript; charset=utf-8";
    "/share.js" => "share.js", "text/javascript; charset=utf-8";
    "/training.js" => "training.js", "text/javascript; charset=utf-8";
}

/// The page's permissions: its own scripts and styles, its own images, blobs and data URLs, and requests to its own
/// server. The sites of `embed` may show it in a frame.
pub fn content_security_policy(embed: &[Origin]) -> String {
    let frames = match embed {
        [] => "'none'".to_string(),
        sites => {
            let sites: Vec<&str> = sites.iter().map(Origin::as_str).collect();
            format!("'self' {}", sites.join(" "))
        }
    };
    format!("{OWN_ONLY}; script-src 'self'; frame-ancestors {frames}")
}

/// The directives that the page has wherever it is shown: its own styles, images and addresses.
pub(crate) const OWN_ONLY: &str = "default-src 'none'; style-src 'self'; img-src 'self' blob: data:; \
                                   connect-src 'self'; base-uri 'none'; form-action 'none'";

/// The files of the page: names, and contents with the page's own words.
pub fn files(words: &Words) -> impl Iterator<Item = (&'static str, String)> {
    FILES.iter().map(|&(path, content, _)| match path {
        "/" => ("index.html", with_words(content, words)),
        _ => (&path[1..], content.to_string()),
    })
}

/// The page's routes.
pub fn routes(words: &Words) -> Router<Arc<App>> {
    FILES
        .iter()
        .fold(Router::new(), |router, &(path, content, kind)| {
            let content = match path {
                "/" => Bytes::from(with_words(content, words)),
                _ => Bytes::from_static(content.as_bytes()),
            };
            let file = Arc::new(Tagged::new(content, kind));
            router.route(
                path,
                get(move |asked: HeaderMap| async move { file.answer(&asked) }),
            )
        })
}

/// The page with its own words.
fn with_words(page: &str, words: &Words) -> String {
    let lines: Vec<&str> = words.intro.lines().map(str::trim).collect();
    let paragraphs = lines.split(|line| line.is_empty());
    let intro: String = paragraphs
        .filter(|lines| !lines.is_empty())
        .map(|lines| format!("<p dir=\"auto\">{}</p>", linked(&lines.join(" "))))
        .collect();
    let details = if words.details { "shown" } else { "hidden" };
    page.replace("@TITLE@", &escaped(&words.title))
        .replace("@DETAILS@", details)
        // last, as it may contain anything
        .replacen("@INTRO@", &intro, 1)
}

/// Text as HTML, in which web addresses are links. Signs and brackets around an address are the text's.
fn linked(text: &str) -> String {
    let words = text.split_whitespace().map(|word| {
        let rest = word.trim_start_matches(['(', '[', '<', '"']);
        let before = &word[..word.len() - rest.len()];
        if !rest.starts_with("https://") && !rest.starts_with("http://") {
            return escaped(word);
        }
        // a bracket or a quotation that begins in the address ends in it
        let is_of_text = |address: &str| {
            let count = |sign: char| address.matches(sign).count();
            match address.chars().next_back() {
                Some(')') => count(')') > count('('),
                Some('"') => count('"') % 2 == 1,
                Some(sign) => ".,;:!?]>".contains(sign),
                None => false,
            }
        };
        let mut address = rest;
        while is_of_text(address) {
            address = &address[..address.len() - 1];
        }
        let [before, shown, after] = [before, address, &rest[address.len()..]].map(escaped);
        format!("{before}<a href=\"{shown}\" target=\"_blank\" rel=\"noopener\">{shown}</a>{after}")
    });
    words.collect::<Vec<_>>().join(" ")
}

/// Text as HTML.
fn escaped(text: &str) -> String {
    text.replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('>', "&gt;")
        .replace('"', "&quot;")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_text_and_addresses_are_links() {
        let words = Words {
            title: "Maps <& more>".to_string(),
            intro: "Draw a map.\n\nSee https://example.org/a?b=1&c=\"2\". <b>@TITLE@</b>"
                .to_string(),
            details: false,
        };
        let page = with_words(
            "<h1>@TITLE@</h1><body data-details=\"@DETAILS@\">@INTRO@",
            &words,
        );
        assert_eq!(
            page,
            "<h1>Maps &lt;&amp; more&gt;</h1><body data-details=\"hidden\"><p dir=\"auto\">Draw a map.</p>\
             <p dir=\"auto\">See \
             <a href=\"https://example.org/a?b=1&amp;c=&quot;2&quot;\" target=\"_blank\" rel=\"noopener\">\
             https://example.org/a?b=1&amp;c=&quot;2&quot;</a>. &lt;b&gt;@TITLE@&lt;/b&gt;</p>"
        );
        let plain = with_words("@TITLE@ @DETAILS@ @INTRO@", &Words::default());
        assert_eq!(plain, "pix2pix shown ");
    }

    /// Whatever ends the lines, and whatever stands in a line that looks empty.
    #[test]
    fn an_empty_line_begins_a_paragraph() {
        for intro in [
            "One\ntwo.\n\nThree.",
            "One\r\ntwo.\r\n\r\nThree.",
            "\n One\ntwo.\n \t\n\n\nThree.\n",
        ] {
            let words = Words {
                intro: intro.to_string(),
                ..Words::default()
            };
            let page = with_words("@INTRO@", &words);
            assert_eq!(
                page, "<p dir=\"auto\">One two.</p><p dir=\"auto\">Three.</p>",
                "{intro:?}"
            );
        }
    }

    #[test]
    fn brackets_around_an_address_are_not_of_it() {
        for (text, before, address, after) in [
            ("(http://a.example/b).", "(", "http://a.example/b", ")."),
            ("[https://a.example]", "[", "https://a.example", "]"),
            (
                "<https://a.example/b>,",
                "&lt;",
                "https://a.example/b",
                "&gt;,",
            ),
            (
                "\"https://a.example/b\"",
                "&quot;",
                "https://a.example/b",
                "&quot;",
            ),
            (
                "https://a.example/b_(c)!",
                "",
                "https://a.example/b_(c)",
                "!",
            ),
        ] {
            let link =
                format!("<a href=\"{address}\" target=\"_blank\" rel=\"noopener\">{address}</a>");
            assert_eq!(linked(text), format!("{before}{link}{after}"), "{text}");
        }
        assert_eq!(linked("(see a.example)"), "(see a.example)");
    }
}
