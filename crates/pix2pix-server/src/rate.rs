//! The pictures of each client in a minute.

use std::collections::HashMap;
use std::net::IpAddr;
use std::num::NonZeroU32;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use crate::problem::Problem;

/// Number of remembered clients after which those are forgotten that have been idle long enough to have all their pictures.
const REMEMBERED: usize = 10_000;
/// The time of a limit.
const MINUTE: Duration = Duration::from_secs(60);

/// Counts the pictures of each client. At first a client has a minute's worth, and it gets them back evenly.
pub struct Rate {
    /// The time in which a client gets one back.
    each: Duration,
    /// The time in which it gets all back.
    all: Duration,
    /// When each client has all of them again.
    whole_at: Mutex<HashMap<IpAddr, Instant>>,
}

impl Rate {
    /// A limit of so many pictures a minute.
    pub fn new(pictures: NonZeroU32) -> Self {
        let each = MINUTE / pictures.get();
        Self {
            each,
            all: each * pictures.get(),
            whole_at: Mutex::default(),
        }
    }

    /// Counts a picture of a client.
    ///
    /// # Errors
    /// The seconds until it may send the next one, from 1.
    pub fn count(&self, client: IpAddr) -> Result<Counted<'_>, u64> {
        let now = Instant::now();
        let mut clients = self.whole_at.lock().unwrap_or_else(PoisonError::into_inner);
        if clients.len() > REMEMBERED {
            clients.retain(|_, whole_at| *whole_at > now);
        }
        let whole_at = clients.get(&client).map_or(now, |at| *at.max(&now)) + self.each;
        let wait = (whole_at - now).saturating_sub(self.all);
        if !wait.is_zero() {
            return Err(wait.as_secs_f64().ceil().max(1.0) as u64);
        }
        clients.insert(client, whole_at);
        Ok(Counted(Some((self, client))))
    }

    /// Gives a client one picture back.
    fn give_back(&self, client: IpAddr) {
        let mut clients = self.whole_at.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(whole_at) = clients.get_mut(&client) {
            *whole_at -= self.each;
        }
    }
}

/// A picture that was counted, or one of a server that counts none.
pub struct Counted<'a>(Option<(&'a Rate, IpAddr)>);

impl Counted<'_> {
    /// A picture of a server that counts none.
    pub const NOT: Self = Self(None);

    /// What became of the picture. It is not counted after all if the server had no room for it.
    pub fn unless_overloaded<T>(&self, result: Result<T, Problem>) -> Result<T, Problem> {
        if let (Some((rate, client)), Err(problem)) = (self.0, &result)
            && problem.is_overload()
        {
            rate.give_back(client);
        }
        result
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
            assert!(rate.count(one).is_ok());
        }
        // of three a minute, the next one comes after twenty seconds
        let wait = rate.count(one).err().unwrap();
        assert!((19..=20).contains(&wait), "{wait}");
        assert!(rate.count(other).is_ok());
    }

    #[test]
    fn a_picture_without_room_is_not_counted() {
        let rate = Rate::new(NonZeroU32::new(1).unwrap());
        let client = IpAddr::from([10, 0, 0, 1]);
        for _ in 0..3 {
            let counted = rate.count(client).unwrap_or_else(|wait| panic!("{wait}"));
            let refused = counted.unless_overloaded::<()>(Err(Problem::no_memory()));
            assert!(refused.is_err());
        }
        let counted = rate.count(client).unwrap_or_else(|wait| panic!("{wait}"));
        // one that fails by its own fault is
        let failed = counted.unless_overloaded::<()>(Err(Problem::internal()));
        assert!(failed.is_err() && rate.count(client).is_err());
    }

    #[test]
    fn clients_that_have_all_their_pictures_are_forgotten() {
        let rate = Rate::new(NonZeroU32::new(u32::MAX).unwrap());
        for client in 0..=REMEMBERED as u32 {
            assert!(rate.count(IpAddr::from(client.to_be_bytes())).is_ok());
        }
        std::thread::sleep(Duration::from_millis(1));
        assert!(rate.count(IpAddr::from([127, 0, 0, 1])).is_ok());
        assert_eq!(rate.whole_at.lock().unwrap().len(), 1);
    }
}
