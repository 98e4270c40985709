//! Counts and times of requests, for Prometheus.

use std::sync::OnceLock;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use axum::http::{Method, StatusCode, header};
use axum::response::IntoResponse;
use metrics_exporter_prometheus::{Matcher, PrometheusBuilder, PrometheusHandle};

const SECONDS: &[f64] = &[0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0];
/// Samples are moved from their buffers into their histograms this often.
const UPKEEP_EVERY: Duration = Duration::from_secs(5);

/// The recorder is the process's own: it is installed once, however many routers there are.
static RECORDER: OnceLock<Option<PrometheusHandle>> = OnceLock::new();

fn recorder() -> Option<&'static PrometheusHandle> {
    RECORDER
        .get_or_init(|| {
            let matcher = Matcher::Suffix("_seconds".to_owned());
            let builder = PrometheusBuilder::new().set_buckets_for_metric(matcher, SECONDS);
            let recorder = builder.map_err(|e| tracing::warn!(%e, "no metrics")).ok()?.build_recorder();
            let handle = recorder.handle();
            metrics::set_global_recorder(recorder).map_err(|e| tracing::warn!(%e, "no metrics")).ok()?;
            metrics::describe_counter!("http_requests_total", "Requests by method, route and status");
            metrics::describe_histogram!("http_request_duration_seconds", "Time from request to answer");
            Some(handle)
        })
        .as_ref()
}

/// Installs the recorder, if no router did so before.
pub fn install() {
    recorder();
}

/// A method as a label: callers cannot make up new ones.
pub fn method_label(method: &Method) -> &'static str {
    match *method {
        Method::GET => "GET",
        Method::POST => "POST",
        Method::PATCH => "PATCH",
        Method::PUT => "PUT",
        Method::DELETE => "DELETE",
        Method::HEAD => "HEAD",
        Method::OPTIONS => "OPTIONS",
        _ => "other",
    }
}

/// Counts one answered request.
pub fn count(method: &'static str, route: &str, status: StatusCode, elapsed: Duration) {
    let labels = [
        ("method", metrics::SharedString::const_str(method)),
        ("route", metrics::SharedString::from_owned(route.to_owned())),
        ("status", metrics::SharedString::from_owned(status.as_str().to_owned())),
    ];
    metrics::counter!("http_requests_total", &labels).increment(1);
    metrics::histogram!("http_request_duration_seconds", &labels).record(elapsed.as_secs_f64());
    upkeep();
}

/// Nobody has to ask for /metrics for the buffers to stay small, and no task has to run beside us.
fn upkeep() {
    static STARTED: OnceLock<Instant> = OnceLock::new();
    static LAST: AtomicU64 = AtomicU64::new(0);
    let now = STARTED.get_or_init(Instant::now).elapsed().as_secs();
    let last = LAST.load(Ordering::Relaxed);
    if now >= last + UPKEEP_EVERY.as_secs()
        && LAST.compare_exchange(last, now, Ordering::Relaxed, Ordering::Relaxed).is_ok()
        && let Some(handle) = recorder()
    {
        handle.run_upkeep();
    }
}

/// Metrics for Prometheus.
///
/// Requests (`http_requests_total`, `http_request_duration_seconds`) by method, route and status, in the
/// text format of Prometheus. It names no person; still, let only your scraper reach it.
#[utoipa::path(
    get, path = "/metrics", tag = "health", security(()),
    responses((status = 200, description = "Prometheus text format", body = String, content_type = "text/plain"))
)]
pub async fn metrics() -> impl IntoResponse {
    let text = recorder().map(PrometheusHandle::render).unwrap_or_default();
    ([(header::CONTENT_TYPE, "text/plain; version=0.0.4; charset=utf-8")], text)
}
