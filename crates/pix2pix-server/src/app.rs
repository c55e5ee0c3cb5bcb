//! What all requests share.

use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use tokio::sync::Notify;

use crate::metrics::Metrics;
use crate::models::Models;
use crate::queue::Queue;
use crate::rate::Rate;
use crate::settings::Settings;
use crate::training::LiveTraining;
use crate::uploads::Uploads;

/// State shared by all requests.
pub struct App {
    /// The server's settings.
    pub settings: Settings,
    /// The served models.
    pub models: Arc<Models>,
    /// The queue of pictures to translate.
    pub queue: Queue,
    /// The request bodies that arrive.
    pub uploads: Arc<Uploads>,
    /// The limit on each client's pictures, if there is one.
    pub rate: Option<Rate>,
    /// The training that the page shows, if there is one.
    pub training: Option<Arc<LiveTraining>>,
    /// The Prometheus metrics.
    pub metrics: Arc<Metrics>,
    /// Whether the server is shutting down.
    pub stopping: AtomicBool,
    /// Is told when the shutdown begins.
    pub stop: Notify,
}
