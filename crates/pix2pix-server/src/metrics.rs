//! Prometheus metrics, served at `/metrics`.

use prometheus::{
    HistogramOpts, HistogramVec, IntCounter, IntCounterVec, IntGauge, IntGaugeVec, Opts, Registry,
    TextEncoder,
};

/// Histogram buckets for the seconds per translation, from small networks to large pictures.
const BUCKETS: [f64; 11] = [
    0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0,
];

/// The server's metrics.
pub struct Metrics {
    registry: Registry,
    /// Number of responses, by route and status.
    pub requests: IntCounterVec,
    /// Seconds per translated picture, by model, without the time in the queue; of those translated together, an equal share.
    pub seconds: HistogramVec,
    /// Number of pictures whose client disconnected before the response.
    pub dropped: IntCounter,
    /// Number of pictures waiting or being translated.
    pub waiting: IntGauge,
    /// Training step of each model.
    pub step: IntGaugeVec,
}

impl Default for Metrics {
    fn default() -> Self {
        let requests = Opts::new("pix2pix_requests_total", "Responses by route and status.");
        let seconds = "Seconds per translated picture, without the time in the queue.";
        let seconds = HistogramOpts::new("pix2pix_translation_seconds", seconds);
        let dropped = "Pictures whose client disconnected before the response.";
        let waiting = "Pictures waiting or being translated.";
        let step = Opts::new("pix2pix_model_step", "Training step of each model.");
        let known = "names and labels are well-formed";
        let metrics = Self {
            registry: Registry::new(),
            requests: IntCounterVec::new(requests, &["route", "status"]).expect(known),
            seconds: HistogramVec::new(seconds.buckets(BUCKETS.to_vec()), &["model"]).expect(known),
            dropped: IntCounter::new("pix2pix_dropped_total", dropped).expect(known),
            waiting: IntGauge::new("pix2pix_waiting", waiting).expect(known),
            step: IntGaugeVec::new(step, &["model"]).expect(known),
        };
        let collectors: [Box<dyn prometheus::core::Collector>; 5] = [
            Box::new(metrics.requests.clone()),
            Box::new(metrics.seconds.clone()),
            Box::new(metrics.dropped.clone()),
            Box::new(metrics.waiting.clone()),
            Box::new(metrics.step.clone()),
        ];
        for collector in collectors {
            metrics.registry.register(collector).expect("names differ");
        }
        metrics
    }
}

impl Metrics {
    /// All metrics in Prometheus' text format.
    pub fn text(&self) -> String {
        let families = self.registry.gather();
        TextEncoder::new()
            .encode_to_string(&families)
            .unwrap_or_default()
    }
}

/// Counts a picture as dropped when this is dropped without a call to `answered`.
pub struct Unanswered<'a>(Option<&'a Metrics>);

impl<'a> Unanswered<'a> {
    /// Starts with a received picture.
    pub fn new(metrics: &'a Metrics) -> Self {
        Self(Some(metrics))
    }

    /// Marks the picture as answered.
    pub fn answered(mut self) {
        self.0 = None;
    }
}

impl Drop for Unanswered<'_> {
    fn drop(&mut self) {
        if let Some(metrics) = self.0 {
            metrics.dropped.inc();
        }
    }
}
