//! Load test of a server: `load_test URL PICTURE CLIENTS COUNT SECONDS [RATE]` sends at most COUNT requests within
//! SECONDS. With a RATE, that many requests start per second, regardless of the responses; without one, each client
//! sends its next request after its last response. `tools/load_test` runs this program.

use std::io::Read;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use ureq::Agent;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let words: Vec<String> = std::env::args().skip(1).collect();
    let [url, picture, clients, count, seconds, rate @ ..] = words.as_slice() else {
        return Err("usage: load_test URL PICTURE CLIENTS COUNT SECONDS [RATE]".into());
    };
    let file = std::fs::read(picture)?;
    let (clients, count): (u64, u64) = (clients.parse()?, count.parse()?);
    let most = Duration::from_secs_f64(seconds.parse()?);
    let rate: Option<f64> = rate.first().map(|rate| rate.parse()).transpose()?;
    let agent: Agent = Agent::config_builder()
        .http_status_as_error(false)
        .max_idle_connections(clients as usize)
        .max_idle_connections_per_host(clients as usize)
        .build()
        .into();
    let right = answer(&agent, url, &file)?.1;

    let next = AtomicU64::new(0);
    let times = Mutex::new(Vec::new());
    let (refused, wrong) = (AtomicU64::new(0), AtomicU64::new(0));
    let begun = Instant::now();
    std::thread::scope(|scope| {
        for _ in 0..clients {
            scope.spawn(|| {
                loop {
                    let number = next.fetch_add(1, Ordering::Relaxed);
                    if number >= count || begun.elapsed() > most {
                        return;
                    }
                    let due =
                        rate.map(|rate| begun + Duration::from_secs_f64(number as f64 / rate));
                    if let Some(wait) =
                        due.and_then(|due| due.checked_duration_since(Instant::now()))
                    {
                        std::thread::sleep(wait);
                    }
                    // measure from the due time: a late client has waited too
                    let sent = due.unwrap_or_else(Instant::now);
                    match answer(&agent, url, &file) {
                        Ok((200, bytes)) if bytes == right => {
                            times.lock().unwrap().push(sent.elapsed().as_secs_f64());
                        }
                        Ok((503, _)) => {
                            refused.fetch_add(1, Ordering::Relaxed);
                        }
                        other => {
                            let what = other.map(|(status, _)| status.to_string());
                            eprintln!("wrong: {}", what.unwrap_or_else(|e| e.to_string()));
                            wrong.fetch_add(1, Ordering::Relaxed);
                        }
                    }
                }
            });
        }
    });
    let seconds = begun.elapsed().as_secs_f64();
    let mut times = times.into_inner()?;
    times.sort_by(f64::total_cmp);
    let quantile = |share: f64| {
        times.get(((times.len() as f64 * share) as usize).min(times.len().saturating_sub(1)))
    };
    let millis = |share: f64| quantile(share).map_or(f64::NAN, |time| time * 1e3);
    println!(
        "{{\"right\": {}, \"refused\": {}, \"wrong\": {}, \"per_second\": {:.2}, \"p50_ms\": {:.1}, \"p99_ms\": {:.1}}}",
        times.len(),
        refused.into_inner(),
        wrong.into_inner(),
        times.len() as f64 / seconds,
        millis(0.5),
        millis(0.99),
    );
    Ok(())
}

fn answer(
    agent: &Agent,
    url: &str,
    file: &[u8],
) -> Result<(u16, Vec<u8>), Box<dyn std::error::Error>> {
    let (parts, body) = agent.post(url).send(file)?.into_parts();
    let mut bytes = Vec::new();
    body.into_reader().read_to_end(&mut bytes)?;
    Ok((parts.status.as_u16(), bytes))
}
