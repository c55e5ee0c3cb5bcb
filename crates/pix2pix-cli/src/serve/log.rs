//! The server's log as text: one line a request, with its time, status, milliseconds, and what was asked.

pub mod writer;

use std::fmt;

use tracing::field::{Field, Visit};
use tracing::{Event, Subscriber};
use tracing_subscriber::fmt::format::Writer;
use tracing_subscriber::fmt::{FmtContext, FormatEvent, FormatFields};
use tracing_subscriber::registry::LookupSpan;

/// Writes an event as a line without colors.
pub struct Lines;

impl<S, N> FormatEvent<S, N> for Lines
where
    S: Subscriber + for<'a> LookupSpan<'a>,
    N: for<'a> FormatFields<'a> + 'static,
{
    fn format_event(
        &self,
        _: &FmtContext<'_, S, N>,
        mut out: Writer<'_>,
        event: &Event<'_>,
    ) -> fmt::Result {
        let mut said = Said::default();
        event.record(&mut said);
        let now = jiff::ZonedDateTime::now();
        writeln!(
            out,
            "{} {}",
            now.strftime("%Y-%m-%d %H:%M:%S"),
            pix2pix::escaped(&said.line(event.metadata().level()))
        )
    }
}

/// What an event says.
#[derive(Default)]
struct Said {
    message: String,
    /// Of a request.
    status: Option<u64>,
    ms: Option<f64>,
    id: String,
    /// Further fields, of other libraries' events.
    more: String,
}

impl Said {
    fn line(&self, level: &tracing::Level) -> String {
        let Self {
            message,
            status,
            ms,
            id,
            more,
        } = self;
        match (status, ms) {
            // whoever asks about a refusal can name it
            (Some(status), Some(ms)) if *status >= 400 => {
                format!("{status} {ms:>6.0} ms  {message} [{id}]")
            }
            (Some(status), Some(ms)) => format!("{status} {ms:>6.0} ms  {message}"),
            (None, Some(ms)) => format!("--- {ms:>6.0} ms  {message}"),
            _ => format!("{level} {message}{more}"),
        }
    }
}

impl Visit for Said {
    fn record_u64(&mut self, field: &Field, value: u64) {
        match field.name() {
            "status" => self.status = Some(value),
            _ => self.record_debug(field, &value),
        }
    }

    fn record_f64(&mut self, field: &Field, value: f64) {
        match field.name() {
            "ms" => self.ms = Some(value),
            _ => self.record_debug(field, &value),
        }
    }

    fn record_str(&mut self, field: &Field, value: &str) {
        match field.name() {
            "id" => self.id = value.to_string(),
            _ => self.record_debug(field, &value),
        }
    }

    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        match field.name() {
            "message" => self.message = format!("{value:?}"),
            name => self.more += &format!(" {name}={value:?}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tracing::Level;

    #[test]
    fn a_request_is_one_line_of_plain_words() {
        let said = Said {
            message: "POST /v1/translate, facades".to_string(),
            status: Some(200),
            ms: Some(53.4),
            id: "abc".to_string(),
            ..Said::default()
        };
        let line = |said: &Said| said.line(&Level::INFO);
        assert_eq!(line(&said), "200     53 ms  POST /v1/translate, facades");
        let status = Some(422);
        let refused = Said { status, ..said };
        assert_eq!(
            line(&refused),
            "422     53 ms  POST /v1/translate, facades [abc]"
        );
        let status = None;
        let left = Said { status, ..refused };
        assert_eq!(line(&left), "---     53 ms  POST /v1/translate, facades");
        let other = Said {
            message: "reloaded the models".to_string(),
            ..Said::default()
        };
        assert_eq!(other.line(&Level::WARN), "WARN reloaded the models");
    }
}
