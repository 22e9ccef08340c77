//! The clinic's page over HTTP: its files, the list as server-sent events, key images, acknowledgements.
//!
//! Takes in requests from a browser on this machine; hands on the board. Loads nothing from elsewhere, and answers
//! only under its own names ([`super::guard`]).

use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use axum::Router;
use axum::extract::{Path, Request, State};
use axum::http::{HeaderName, HeaderValue, StatusCode, header};
use axum::middleware::{self, Next};
use axum::response::sse::{Event, Sse};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Json, extract::DefaultBodyLimit};
use futures_util::{Stream, stream};
use tokio::net::TcpListener;
use tokio::sync::broadcast::Receiver;
use tokio::sync::broadcast::error::RecvError;

use super::board::Heard;
use super::guard::{Guard, HEADERS};
use super::listener::{Clinic, Refused, ToAcknowledge};

/// A page hears at least this often; one that hears nothing for three of them says that it is stale.
const BEAT: Duration = Duration::from_secs(4);
/// Changes that come together are told together.
const GATHER: Duration = Duration::from_millis(60);
/// Pages that may be open at a time.
const PAGES: usize = 32;
const SCRIPT: &str = "text/javascript; charset=utf-8";

/// Longest request body.
const BODY: usize = 4096;

/// Serves until the listener fails.
///
/// # Errors
/// When the listener fails.
pub async fn serve(listener: TcpListener, clinic: Clinic, allowed: &[String]) -> std::io::Result<()> {
    let guard = Guard::new(listener.local_addr()?, allowed);
    axum::serve(listener, router(clinic, guard)).await
}

/// Binds the page's address.
///
/// # Errors
/// When it cannot be bound.
pub async fn bind(address: SocketAddr) -> std::io::Result<TcpListener> {
    TcpListener::bind(address).await
}

#[derive(Clone)]
struct Served {
    clinic: Clinic,
    pages: Arc<AtomicUsize>,
}

fn router(clinic: Clinic, guard: Guard) -> Router {
    let served = Served { clinic, pages: Arc::default() };
    Router::new()
        .route("/", get(|| async { file("text/html; charset=utf-8", include_str!("page/index.html")) }))
        .route("/style.css", get(|| async { file("text/css; charset=utf-8", include_str!("page/style.css")) }))
        .route("/page.js", get(|| async { file(SCRIPT, include_str!("page/page.js")) }))
        .route("/drawing.js", get(|| async { file(SCRIPT, include_str!("page/drawing.js")) }))
        .route("/icon.svg", get(|| async { file("image/svg+xml", include_str!("page/icon.svg")) }))
        .route("/state", get(state))
        .route("/events", get(events))
        .route("/image/{site}/{device}/{study}", get(image))
        .route("/ack", post(acknowledge))
        .layer(DefaultBodyLimit::max(BODY))
        .layer(middleware::from_fn_with_state(Arc::new(guard), guarded))
        .with_state(served)
}

async fn guarded(State(guard): State<Arc<Guard>>, request: Request, next: Next) -> Response {
    let mut response = match guard.check(request.method(), request.headers()) {
        Ok(()) => next.run(request).await,
        Err(refusal) => (StatusCode::FORBIDDEN, refusal.to_string()).into_response(),
    };
    response.headers_mut().extend(HEADERS);
    response
}

fn file(content_type: &'static str, text: &'static str) -> ([(HeaderName, HeaderValue); 1], &'static str) {
    ([(header::CONTENT_TYPE, HeaderValue::from_static(content_type))], text)
}

async fn state(State(served): State<Served>) -> Response {
    Json(served.clinic.view()).into_response()
}

async fn image(State(served): State<Served>, Path((site, device, study)): Path<(String, String, String)>) -> Response {
    match served.clinic.board().image(&format!("{site}/{device}/{study}")) {
        Some(png) => ([(header::CONTENT_TYPE, HeaderValue::from_static("image/png"))], png).into_response(),
        None => (StatusCode::NOT_FOUND, "no picture of this study").into_response(),
    }
}

/// JSON only: another page cannot send that without asking first, and is never answered.
async fn acknowledge(State(served): State<Served>, Json(given): Json<ToAcknowledge>) -> Response {
    match served.clinic.acknowledge(&given) {
        Ok(()) => StatusCode::ACCEPTED.into_response(),
        Err(refused) => {
            let status = match refused {
                Refused::Unknown => StatusCode::NOT_FOUND,
                Refused::Revised => StatusCode::CONFLICT,
                Refused::Words(_) => StatusCode::UNPROCESSABLE_ENTITY,
                Refused::Offline => StatusCode::SERVICE_UNAVAILABLE,
            };
            (status, refused.to_string()).into_response()
        }
    }
}

async fn events(State(served): State<Served>) -> Response {
    if served.pages.fetch_add(1, Ordering::AcqRel) >= PAGES {
        served.pages.fetch_sub(1, Ordering::AcqRel);
        return (StatusCode::SERVICE_UNAVAILABLE, "too many pages are open").into_response();
    }
    let page = Page { changes: served.clinic.changes(), clinic: served.clinic, pages: served.pages, greeted: false };
    Sse::new(page.events()).into_response()
}

/// One open page.
struct Page {
    clinic: Clinic,
    changes: Receiver<Heard>,
    pages: Arc<AtomicUsize>,
    greeted: bool,
}

impl Page {
    /// The whole list at once, on every change, and with every beat: a page never has to piece it together.
    fn events(self) -> impl Stream<Item = Result<Event, Infallible>> {
        stream::unfold(self, |mut page| async move {
            if page.greeted {
                page.wait().await;
            }
            page.greeted = true;
            let view = page.clinic.view();
            let event = Event::default().event("view").json_data(&view).unwrap_or_else(|error| {
                tracing::error!(%error, "the list cannot be told");
                Event::default().comment("error")
            });
            Some((Ok(event), page))
        })
    }

    async fn wait(&mut self) {
        match tokio::time::timeout(BEAT, self.changes.recv()).await {
            Ok(Ok(_) | Err(RecvError::Lagged(_))) => {
                tokio::time::sleep(GATHER).await;
                while !matches!(self.changes.try_recv(), Err(error) if !is_lag(&error)) {}
            }
            // The listener has ended: the page must not hear more.
            Ok(Err(RecvError::Closed)) => std::future::pending().await,
            Err(_) => {}
        }
    }
}

const fn is_lag(error: &tokio::sync::broadcast::error::TryRecvError) -> bool {
    matches!(error, tokio::sync::broadcast::error::TryRecvError::Lagged(_))
}

impl Drop for Page {
    fn drop(&mut self) {
        self.pages.fetch_sub(1, Ordering::AcqRel);
    }
}
