//! The pictures of each client in a minute.

use std::net::IpAddr;
use std::num::NonZeroU32;

use governor::clock::{Clock, DefaultClock};
use governor::{DefaultKeyedRateLimiter, Quota, RateLimiter};

/// Number of remembered clients after which those are forgotten that have been idle long enough to have all their pictures.
const REMEMBERED: usize = 10_000;

/// Counts the pictures of each client. At first a client has a minute's worth, and it gets them back evenly.
pub struct Rate {
    limiter: DefaultKeyedRateLimiter<IpAddr>,
    clock: DefaultClock,
}

impl Rate {
    /// A limit of so many pictures a minute.
    pub fn new(pictures: NonZeroU32) -> Self {
        Self {
            limiter: RateLimiter::keyed(Quota::per_minute(pictures)),
            clock: DefaultClock::default(),
        }
    }

    /// Counts a picture of a client.
    ///
    /// # Errors
    /// The seconds until it may send the next one, from 1.
    pub fn count(&self, client: IpAddr) -> Result<(), u64> {
        if self.limiter.len() > REMEMBERED {
            self.limiter.retain_recent();
        }
        self.limiter.check_key(&client).map_err(|early| {
            let wait = early.wait_time_from(self.clock.now());
            wait.as_secs_f64().ceil().max(1.0) as u64
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_client_has_a_minutes_worth() {
        let rate = Rate::new(NonZeroU32::new(3).unwrap());
        let [one, other] = [1, 2].map(|last| IpAddr::from([10, 0, 0, last]));
        for _ in 0..3 {
            assert_eq!(rate.count(one), Ok(()));
        }
        // of three a minute, the next one comes after twenty seconds
        let wait = rate.count(one).unwrap_err();
        assert!((19..=20).contains(&wait), "{wait}");
        assert_eq!(rate.count(other), Ok(()));
    }
}
