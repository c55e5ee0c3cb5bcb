//! Options of the server, from the command line, the environment or a file.

mod checks;
mod of_file;

use std::convert::Infallible;
use std::net::SocketAddr;
use std::num::NonZeroU32;
use std::path::{Path, PathBuf};
use std::time::Duration;

use pix2pix::model::built_in;
use pix2pix::{Error, foreign, regular_file};
use pix2pix_server::Settings;
use pix2pix_server::client::Proxy;
use pix2pix_server::origin::Origin;
use pix2pix_server::settings::Words;
use serde::Deserialize;

use crate::failure::Failure;

/// Parses a number of pictures in a minute.
fn rate(text: &str) -> Result<NonZeroU32, String> {
    let remedy = "give a whole number from 1, or omit the option for no limit";
    text.parse().map_err(|_| remedy.to_string())
}

/// The server's settings that the user gave; the others have defaults. Field names are the keys of the file.
#[derive(Clone, Debug, Default, clap::Args, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Options {
    /// Address and port to listen on, or a port of this machine alone [default: 127.0.0.1:8080]
    #[arg(
        long,
        visible_alias = "port",
        env = "PIX2PIX_LISTEN",
        value_name = "ADDRESS",
        value_parser = super::address
    )]
    #[serde(deserialize_with = "of_file::address")]
    listen: Option<SocketAddr>,
    /// Host name to accept besides localhost, e.g. that of a reverse proxy; matters only with a local --listen
    /// address and no --token [default: localhost only]
    #[arg(
        long,
        env = "PIX2PIX_HOST",
        value_name = "NAME",
        value_delimiter = ',',
        value_parser = trimmed
    )]
    #[serde(deserialize_with = "of_file::list")]
    host: Vec<String>,
    /// Access token, which requests must send as Authorization: Bearer TOKEN; the page asks for it
    /// [default: none]
    #[arg(long, env = "PIX2PIX_TOKEN", hide_env_values = true)]
    token: Option<String>,
    /// Site whose scripts may use the API, e.g. https://www.example.org, or * for every site [default: none]
    #[arg(
        long,
        env = "PIX2PIX_CORS",
        value_name = "ORIGIN",
        value_delimiter = ','
    )]
    #[serde(deserialize_with = "of_file::list")]
    cors: Vec<Origin>,
    /// Site that may show the page in a frame, e.g. https://www.example.org, or * for every site [default: none]
    #[arg(
        long,
        env = "PIX2PIX_EMBED",
        value_name = "ORIGIN",
        value_delimiter = ','
    )]
    #[serde(deserialize_with = "of_file::list")]
    embed: Vec<Origin>,
    /// Title of the page [default: pix2pix]
    #[arg(long, env = "PIX2PIX_TITLE", value_name = "TEXT")]
    title: Option<String>,
    /// Text under the page's title; an empty line begins a paragraph, and web addresses become links [default: none]
    #[arg(long, env = "PIX2PIX_INTRO", value_name = "TEXT")]
    intro: Option<String>,
    /// Leave out what the page says of networks, steps and times; the API still tells them [default: off]
    #[arg(
        long,
        env = "PIX2PIX_HIDE_DETAILS",
        value_name = "BOOL",
        num_args = 0..=1,
        require_equals = true,
        default_missing_value = "true",
        value_parser = clap::builder::BoolishValueParser::new()
    )]
    hide_details: Option<bool>,
    /// Largest number of pictures of one visitor in a minute, at once or spread over it; more are refused with status 429.
    /// Drawing on the page takes up to ten a second, and waits when they are used up [default: no limit]
    #[arg(long, env = "PIX2PIX_RATE", value_name = "N", value_parser = rate)]
    rate: Option<NonZeroU32>,
    /// Address or network of a proxy in front of this server, e.g. 127.0.0.1: it is believed when its X-Forwarded-For names
    /// the visitor, whose limits then apply [default: none]
    #[arg(
        long,
        env = "PIX2PIX_PROXY",
        value_name = "ADDRESS",
        value_delimiter = ','
    )]
    #[serde(deserialize_with = "of_file::list")]
    proxy: Vec<Proxy>,
    /// Largest number of pictures waiting or being translated; more are refused with status 503 [default: 16]
    #[arg(long, env = "PIX2PIX_WAITING", value_name = "N")]
    waiting: Option<usize>,
    /// Largest number of request bodies received at once; more are refused with status 503 [default: 32]
    #[arg(long, env = "PIX2PIX_UPLOADS", value_name = "N")]
    uploads: Option<usize>,
    /// Largest number of request bodies received at once from one address; behind a proxy, see --proxy [default: 16]
    #[arg(long, env = "PIX2PIX_UPLOADS_PER_CLIENT", value_name = "N")]
    uploads_per_client: Option<usize>,
    /// Largest number of open connections, at most three quarters of the files that the system lets the program open;
    /// if there are more, the one that has been silent longest is closed [default: 512]
    #[arg(long, env = "PIX2PIX_CONNECTIONS", value_name = "N")]
    connections: Option<usize>,
    /// Largest number of open connections from one address [default: 256]
    #[arg(long, env = "PIX2PIX_CONNECTIONS_PER_CLIENT", value_name = "N")]
    connections_per_client: Option<usize>,
    /// Memory for the bodies, pictures and results of all requests, in bytes; more are refused with status 503
    /// [default: 1073741824]
    #[arg(long, env = "PIX2PIX_MAX_MEMORY", value_name = "BYTES")]
    max_memory: Option<u64>,
    /// Largest request body, in bytes [default: 16777216, at least 4096]
    #[arg(long, env = "PIX2PIX_MAX_BODY", value_name = "BYTES")]
    max_body: Option<usize>,
    /// Largest picture, in pixels (width x height) [default: 4194304, at least 256]
    #[arg(long, env = "PIX2PIX_MAX_PIXELS", value_name = "N")]
    max_pixels: Option<u64>,
    /// Time limit for receiving a request's headers, again for its body, and for a client that does not read its answer
    /// [default: 20, at most a day]
    #[arg(long, env = "PIX2PIX_PATIENCE", value_name = "SECONDS")]
    patience: Option<u64>,
    /// Time limit for accepted requests when the server stops [default: 30, at most a day]
    #[arg(long, env = "PIX2PIX_GRACE", value_name = "SECONDS")]
    grace: Option<u64>,
    /// The models; a key of the file only, as the command line has an argument for them
    #[arg(skip)]
    #[serde(deserialize_with = "of_file::paths")]
    models: Vec<PathBuf>,
}

impl Options {
    /// The models and the settings; what is not given here comes from the file, then from the defaults.
    ///
    /// # Errors
    /// If the file is unreadable, a value is out of range, or a service has no model.
    pub fn settings(
        self,
        models: Vec<PathBuf>,
        file: Option<&Path>,
    ) -> Result<(Vec<PathBuf>, Settings), Failure> {
        let is_configured = file.is_some();
        let mut file = file.map(read).transpose()?.unwrap_or_default();
        let models = given(models, std::mem::take(&mut file.models));
        let settings = self.over(file);
        let is_service = is_configured || !settings.listen.ip().is_loopback();
        let models = served(models, is_service)?;
        checks::check(&settings).map_err(Failure::Usage)?;
        Ok((models, settings))
    }

    /// The settings: what is given here, then what is given in a file, then the defaults.
    fn over(self, file: Self) -> Settings {
        let plain = Settings::default();
        let seconds = |value: Option<u64>, plain| value.map_or(plain, Duration::from_secs);
        Settings {
            listen: self.listen.or(file.listen).unwrap_or(plain.listen),
            hosts: given(self.host, file.host),
            token: self.token.or(file.token),
            cors: given(self.cors, file.cors),
            embed: given(self.embed, file.embed),
            proxies: given(self.proxy, file.proxy),
            rate: self.rate.or(file.rate),
            words: Words {
                title: self.title.or(file.title).unwrap_or(plain.words.title),
                intro: self.intro.or(file.intro).unwrap_or(plain.words.intro),
                details: !self
                    .hide_details
                    .or(file.hide_details)
                    .unwrap_or(!plain.words.details),
            },
            waiting: self.waiting.or(file.waiting).unwrap_or(plain.waiting),
            uploads: self.uploads.or(file.uploads).unwrap_or(plain.uploads),
            uploads_per_client: self
                .uploads_per_client
                .or(file.uploads_per_client)
                .unwrap_or(plain.uploads_per_client),
            connections: self
                .connections
                .or(file.connections)
                .unwrap_or(plain.connections),
            connections_per_client: self
                .connections_per_client
                .or(file.connections_per_client)
                .unwrap_or(plain.connections_per_client),
            memory: self.max_memory.or(file.max_memory).unwrap_or(plain.memory),
            body_bytes: self.max_body.or(file.max_body).unwrap_or(plain.body_bytes),
            pixels: self.max_pixels.or(file.max_pixels).unwrap_or(plain.pixels),
            patience: seconds(self.patience.or(file.patience), plain.patience),
            grace: seconds(self.grace.or(file.grace), plain.grace),
        }
    }
}

/// The models to serve: those that were named, or the built-in one. A service whose models were forgotten must not show
/// others in their place.
fn served(named: Vec<PathBuf>, is_service: bool) -> Result<Vec<PathBuf>, Failure> {
    match named.is_empty() {
        false => Ok(named),
        true if is_service => {
            let message = "no model to serve; name a run folder, a checkpoint file, or earth, the built-in model";
            Err(Failure::Usage(message.to_string()))
        }
        true => Ok(vec![PathBuf::from(built_in::NAME)]),
    }
}

/// The values typed, or else those of the file.
fn given<T>(typed: Vec<T>, of_file: Vec<T>) -> Vec<T> {
    if typed.is_empty() { of_file } else { typed }
}

fn read(path: &Path) -> Result<Options, Failure> {
    let text = regular_file::read_to_string(path);
    let text = text.map_err(|e| Error::io(path, "read the configuration", e))?;
    toml::from_str(&text).map_err(|e| {
        let reason = format!(
            "not a configuration file of pix2pix serve ({})",
            foreign(e.message())
        );
        Error::file(path, reason, "see pix2pix serve --help").into()
    })
}

/// A value of a list, without the spaces after its commas.
fn trimmed(text: &str) -> Result<String, Infallible> {
    Ok(text.trim().to_string())
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::Parser;

    #[derive(Parser)]
    struct Typed {
        #[command(flatten)]
        options: Options,
    }

    fn settings(typed: &[&str], file: &str) -> Result<(Vec<PathBuf>, Settings), String> {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("serve.toml");
        std::fs::write(&path, file).unwrap();
        let typed = Typed::try_parse_from([&["serve"][..], typed].concat());
        let typed = typed.map_err(|e| e.to_string())?;
        typed
            .options
            .settings(Vec::new(), Some(&path))
            .map_err(|failure| failure.message())
    }

    #[test]
    fn the_file_takes_what_the_command_line_takes() {
        let file = "models = 'a,b'\nlisten = '9305'\nhost = 'a.example, b.example'\nproxy = '127.0.0.1'\n\
                    cors = 'https://a.example'\n";
        let (models, settings) = settings(&[], file).unwrap();
        assert_eq!(models, [PathBuf::from("a,b")]);
        assert_eq!(settings.listen, "127.0.0.1:9305".parse().unwrap());
        assert_eq!(settings.hosts, ["a.example", "b.example"]);
        assert_eq!((settings.proxies.len(), settings.cors.len()), (1, 1));
        // as in the file, with spaces after commas
        let typed = [
            ["--host", "a.example, b.example"],
            ["--cors", "https://a.example, https://b.example"],
            ["--proxy", "127.0.0.1, 10.0.0.0/8"],
        ];
        let (_, spaced) = self::settings(typed.as_flattened(), "models = ['a']\n").unwrap();
        assert_eq!(spaced.hosts, ["a.example", "b.example"]);
        assert_eq!((spaced.proxies.len(), spaced.cors.len()), (2, 2));
        let refused = self::settings(&["--host", "*"], "models = ['a']\n").unwrap_err();
        assert!(
            refused.contains("no sign stands for every name"),
            "{refused}"
        );
        for listen in ["9305", "'localhost:9305'", "'127.0.0.1:9305'"] {
            let file = format!("models = ['a']\nlisten = {listen}\n");
            let (_, found) = self::settings(&[], &file).unwrap();
            assert_eq!(found.listen, settings.listen, "{listen}");
        }
        for (wrong, told) in [
            ("listen = 'a:b'", "give 8080 or 127.0.0.1:8080"),
            ("cors = 'a'", "is not an origin"),
            ("proxy = ['127.0.0.1', 'nginx']", "no address or network"),
            ("models = 3", "not a configuration file"),
        ] {
            let error = self::settings(&[], wrong).unwrap_err();
            assert!(error.contains(told), "{wrong}: {error}");
        }
    }

    /// With less, a server would start and refuse every picture.
    #[test]
    fn limits_leave_room_for_a_picture() {
        for (name, least) in [("max_body", 4096), ("max_pixels", 256)] {
            let option = format!("--{}", name.replace('_', "-"));
            for below in [0, least - 1] {
                let told = format!("{option} is {below}; it must be at least {least}");
                let typed = settings(&[&option, &below.to_string()], "models = 'a'");
                let of_file = settings(&[], &format!("models = 'a'\n{name} = {below}"));
                assert_eq!([typed.unwrap_err(), of_file.unwrap_err()], [&*told, &told]);
            }
            assert!(settings(&[&option, &least.to_string()], "models = 'a'").is_ok());
        }
    }

    #[test]
    fn details_that_the_file_hides_may_be_shown() {
        let shown = |typed: &[&str], file: &str| {
            let file = format!("models = 'a'\n{file}");
            settings(typed, &file).unwrap().1.words.details
        };
        let hidden = "hide_details = true";
        assert!(shown(&[], "") && !shown(&[], hidden));
        assert!(!shown(&["--hide-details"], "") && shown(&["--hide-details=false"], hidden));
        assert!(!shown(&["--hide-details=true"], "hide_details = false"));
    }

    #[test]
    fn what_can_never_be_sent_is_refused() {
        for token in [" secret", "secret ", "secret\n", "gehe\u{ed}m", "a\tb"] {
            let error = settings(&["--token", token], "models = 'a'").unwrap_err();
            assert!(
                error.contains("--token has what no request can send"),
                "{error}"
            );
        }
        assert!(settings(&["--token", "a b/c=~"], "models = 'a'").is_ok());
        let error = settings(&["--max-body", "400000000"], "models = 'a'").unwrap_err();
        assert!(error.contains("at most 357913941"), "{error}");
        assert!(settings(&["--max-body", "357913941"], "models = 'a'").is_ok());
    }
}
