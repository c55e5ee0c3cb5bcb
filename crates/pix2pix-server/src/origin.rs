//! Origins: the sites that may use the API or show the page.

use std::fmt;
use std::str::FromStr;

use axum::http::Uri;
use serde::Deserialize;

/// A site, e.g. `https://www.example.org`, or `*` for every site.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub struct Origin(String);

impl Origin {
    /// Whether it stands for every site.
    pub fn is_any(&self) -> bool {
        self.0 == "*"
    }

    /// The origin as browsers write it.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl FromStr for Origin {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let text = text.trim();
        if text == "*" {
            return Ok(Self(text.to_string()));
        }
        let wrong = || {
            format!(
                "{text:?} is not an origin: give scheme and host, as https://www.example.org, or *"
            )
        };
        let uri: Uri = text.parse().map_err(|_| wrong())?;
        let (scheme, authority) = uri.scheme_str().zip(uri.authority()).ok_or_else(wrong)?;
        // other characters could end the entry in a header that lists it
        let is_host = |c: char| c.is_ascii_alphanumeric() || ".-:[]".contains(c);
        let is_plain = uri.path_and_query().is_none_or(|rest| rest == "/")
            && authority.as_str().chars().all(is_host);
        if !["http", "https"].contains(&scheme) || !is_plain {
            return Err(wrong());
        }
        Ok(Self(format!("{scheme}://{authority}").to_ascii_lowercase()))
    }
}

impl TryFrom<String> for Origin {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        text.parse()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_origin_is_a_scheme_and_a_host() {
        for (typed, meant) in [
            ("https://www.example.org", "https://www.example.org"),
            ("HTTPS://Example.ORG/", "https://example.org"),
            ("http://localhost:3000", "http://localhost:3000"),
            ("http://[::1]:3000", "http://[::1]:3000"),
            ("*", "*"),
        ] {
            assert_eq!(typed.parse::<Origin>().unwrap().as_str(), meant);
        }
        for typed in [
            "",
            "example.org",
            "https://",
            "https://example.org/page",
            "https://example.org?x",
            "ftp://example.org",
            "https://me@example.org",
            "https://a.example;script-src",
            "https://a.example https://b.example",
            "https://*.example.org",
        ] {
            assert!(typed.parse::<Origin>().is_err(), "{typed}");
        }
    }
}
