//! Writing on a thread of its own: what nobody reads, such as a pipe whose other end sleeps or a terminal after Ctrl-S, then
//! stops no request of a server and no step of a training.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::mpsc::{SyncSender, sync_channel};
use std::thread;
use std::time::Duration;

/// Most pieces that wait to be written; further ones are lost.
pub const WAITING: usize = 8192;
/// So many pieces wait only where nobody reads: a burst of lines above a progress bar, each with two drawings, is shorter.
const PASSING: usize = 512;
/// Time between two looks at what is still to be written.
const LOOK: Duration = Duration::from_millis(5);

/// The way to the thread that writes, which ends with the last of its writers.
pub struct Writer<T> {
    pieces: SyncSender<T>,
    count: Arc<Count>,
}

/// How many pieces there are.
#[derive(Default)]
struct Count {
    /// Those that wait, and the one that is being written.
    waiting: AtomicUsize,
    /// Those that are lost, since it was last told.
    lost: AtomicU64,
}

impl<T> Clone for Writer<T> {
    fn clone(&self) -> Self {
        Self {
            pieces: self.pieces.clone(),
            count: self.count.clone(),
        }
    }
}

/// Starts the thread. It calls `write` with each piece, and `tell` behind one with the number of those that were lost before.
///
/// # Errors
/// When the system gives no thread.
pub fn start<T: Send + 'static>(
    name: &str,
    mut write: impl FnMut(T) + Send + 'static,
    tell: impl Fn(u64) + Send + 'static,
) -> io::Result<Writer<T>> {
    let (pieces, waiting) = sync_channel::<T>(WAITING);
    let count = Arc::new(Count::default());
    let counted = count.clone();
    thread::Builder::new()
        .name(name.to_string())
        .spawn(move || {
            for piece in waiting {
                write(piece);
                let lost = counted.lost.swap(0, Ordering::Relaxed);
                if lost > 0 {
                    tell(lost);
                }
                counted.waiting.fetch_sub(1, Ordering::Release);
            }
        })?;
    Ok(Writer { pieces, count })
}

impl<T> Writer<T> {
    /// Has a piece written. Where too many wait, it is lost, and counted.
    pub fn send(&self, piece: T) {
        if !self.is_taken(piece) {
            self.count.lost.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// Has a piece written that soon gets a newer one, such as the drawing of a progress bar: where nobody reads, it is left out.
    pub fn send_passing(&self, piece: T) {
        if self.count.waiting.load(Ordering::Relaxed) < PASSING {
            self.is_taken(piece);
        }
    }

    /// Takes a piece if there is a place for it.
    fn is_taken(&self, piece: T) -> bool {
        self.count.waiting.fetch_add(1, Ordering::Relaxed);
        let is_taken = self.pieces.try_send(piece).is_ok();
        if !is_taken {
            self.count.waiting.fetch_sub(1, Ordering::Relaxed);
        }
        is_taken
    }

    /// Waits until all is written, as long as `goes_on` says so.
    pub fn wait_while(&self, mut goes_on: impl FnMut() -> bool) {
        while self.count.waiting.load(Ordering::Acquire) > 0 && goes_on() {
            thread::sleep(LOOK);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::Mutex;
    use std::sync::mpsc::Receiver;

    /// A writer to the list, each of whose pieces waits until it is allowed, or `allowed` has lost its sender.
    fn slow(allowed: Receiver<()>) -> (Writer<u64>, Arc<Mutex<Vec<String>>>) {
        let list = Arc::new(Mutex::new(Vec::new()));
        let [written, told] = [list.clone(), list.clone()];
        let write = move |piece: u64| {
            let _ = allowed.recv();
            written.lock().unwrap().push(piece.to_string());
        };
        let tell = move |lost| told.lock().unwrap().push(format!("{lost} lost"));
        (start("slow", write, tell).unwrap(), list)
    }

    #[test]
    fn pieces_that_nobody_reads_are_counted_and_the_others_are_written() {
        let (allow, allowed) = sync_channel(0);
        let (writer, written) = slow(allowed);
        for piece in 0..WAITING as u64 + 5 {
            writer.send(piece);
        }
        // one is being written, or still waits
        let lost = writer.count.lost.load(Ordering::Relaxed);
        assert!((4..=5).contains(&lost), "{lost}");
        // from now on, somebody reads
        drop(allow);
        writer.wait_while(|| true);
        let written = written.lock().unwrap();
        assert_eq!(written[..2], ["0".to_string(), format!("{lost} lost")]);
        assert_eq!(written.len(), WAITING + 5 - lost as usize + 1);
        assert_eq!(writer.count.lost.load(Ordering::Relaxed), 0);
    }

    #[test]
    fn what_passes_does_not_wait() {
        let (allow, allowed) = sync_channel(0);
        let (writer, written) = slow(allowed);
        for piece in 0..2 * PASSING as u64 {
            writer.send_passing(piece);
        }
        let mut looks = 0;
        writer.wait_while(|| {
            looks += 1;
            looks < 3
        });
        assert_eq!((looks, written.lock().unwrap().len()), (3, 0));
        drop(allow);
        writer.wait_while(|| true);
        let first: Vec<String> = (0..PASSING).map(|piece| piece.to_string()).collect();
        assert_eq!(*written.lock().unwrap(), first);
    }
}
