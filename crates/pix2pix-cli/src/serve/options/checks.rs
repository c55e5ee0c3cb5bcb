//! Which values of the server's settings are refused, wherever they are from.

use pix2pix_server::Settings;
use pix2pix_server::settings::{LEAST_BODY, LEAST_PIXELS};

/// The least memory for requests: enough for small pictures.
const LEAST_MEMORY: u64 = 64 << 20;
/// The longest time limit, in seconds: a day.
const LONGEST_TIME: u64 = 86_400;

/// Checks settings.
///
/// # Errors
/// When a value is out of range; the sentence names its option.
pub fn check(settings: &Settings) -> Result<(), String> {
    counts(settings)?;
    times(settings)?;
    sizes(settings)?;
    hosts(settings)?;
    token(settings)?;
    title(settings)
}

fn counts(settings: &Settings) -> Result<(), String> {
    for (name, value) in [
        ("waiting", settings.waiting),
        ("uploads", settings.uploads),
        ("uploads-per-client", settings.uploads_per_client),
        ("connections", settings.connections),
        ("connections-per-client", settings.connections_per_client),
    ] {
        if !(1..=1 << 16).contains(&value) {
            return Err(format!("--{name} is {value}; it must be from 1 to 65536"));
        }
    }
    Ok(())
}

fn times(settings: &Settings) -> Result<(), String> {
    for (name, least, value) in [
        ("patience", 1, settings.patience.as_secs()),
        ("grace", 0, settings.grace.as_secs()),
    ] {
        if !(least..=LONGEST_TIME).contains(&value) {
            return Err(format!(
                "--{name} is {value}; it must be from {least} to {LONGEST_TIME} seconds"
            ));
        }
    }
    Ok(())
}

/// With less, a server would start and refuse every picture.
fn sizes(settings: &Settings) -> Result<(), String> {
    for (name, least, value) in [
        ("max-memory", LEAST_MEMORY, settings.memory),
        ("max-body", LEAST_BODY as u64, settings.body_bytes as u64),
        ("max-pixels", LEAST_PIXELS, settings.pixels),
    ] {
        if value < least {
            return Err(format!("--{name} is {value}; it must be at least {least}"));
        }
    }
    let largest = settings.largest_body();
    match settings.body_bytes > largest {
        true => Err(format!(
            "--max-body is {}; with --max-memory {}, of which a body takes three parts, it can be at most {largest}",
            settings.body_bytes, settings.memory
        )),
        false => Ok(()),
    }
}

fn hosts(settings: &Settings) -> Result<(), String> {
    match settings.hosts.iter().find(|host| !is_name(host)) {
        Some(host) if host.contains('*') => Err(format!(
            "--host is {host}, and no sign stands for every name; give each, as maps.example.org, or a --token, with which all are \
             accepted"
        )),
        Some(host) => Err(format!(
            "--host is {host}; give a name without scheme and port, as maps.example.org"
        )),
        None => Ok(()),
    }
}

fn token(settings: &Settings) -> Result<(), String> {
    let message = match settings.token.as_deref() {
        Some("") => "--token or PIX2PIX_TOKEN is empty; omit it, or give a secret",
        Some(token) if !is_sendable(token) => {
            "--token has what no request can send: give visible ASCII characters, without a space or a line end before or \
             after them"
        }
        _ => return Ok(()),
    };
    Err(message.to_string())
}

fn title(settings: &Settings) -> Result<(), String> {
    match settings.words.title.trim() {
        "" => Err("--title is empty; omit it, or give the page a name".to_string()),
        _ => Ok(()),
    }
}

/// Whether a text may be the name of a host: no address of a page is one, and no name with a port.
fn is_name(text: &str) -> bool {
    let has_port = text.matches(':').count() == 1;
    !text.is_empty() && !has_port && !text.contains(|letter: char| "/ *".contains(letter))
}

/// Whether a header can carry a token as it is: its spaces at the ends would be lost.
fn is_sendable(token: &str) -> bool {
    token.trim() == token && token.bytes().all(|byte| (b' '..=b'~').contains(&byte))
}
