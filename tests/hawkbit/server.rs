//! A hawkBit server that follows the DDI documentation (eclipse.dev/hawkbit/rest-api/ddi) and does wrong what it is told to.

use std::collections::{BTreeMap, VecDeque};
use std::convert::Infallible;
use std::sync::{Arc, Mutex, MutexGuard};

use axum::Router;
use axum::body::Body;
use axum::extract::{Path, Request, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::middleware::{self, Next};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post, put};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

pub const TENANT: &str = "DEFAULT";
pub const CONTROLLER: &str = "ct-1";

/// As hawkBit knows it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Status {
    Running,
    WaitsForConfirmation,
    Canceling,
    Canceled,
    Finished,
    Error,
}

#[derive(Clone, Debug)]
pub struct Action {
    pub status: Status,
    pub part: &'static str,
    pub bytes: Vec<u8>,
    pub sha256: String,
    pub download: &'static str,
    pub update: &'static str,
    pub window: Option<&'static str>,
    /// Execution, result and details of each feedback.
    pub told: Vec<(String, String, String)>,
}

impl Action {
    pub fn new(bytes: Vec<u8>) -> Self {
        let sha256 = Sha256::digest(&bytes).iter().fold(String::new(), |text, byte| text + &format!("{byte:02x}"));
        let (download, update) = ("forced", "forced");
        Self { status: Status::Running, part: "os", bytes, sha256, download, update, window: None, told: Vec::new() }
    }

    fn is_active(&self) -> bool {
        matches!(self.status, Status::Running | Status::WaitsForConfirmation | Status::Canceling)
    }

    pub fn executions(&self) -> Vec<&str> {
        self.told.iter().map(|(execution, ..)| execution.as_str()).collect()
    }

    pub fn last(&self) -> (&str, &str, &str) {
        self.told.last().map_or(("", "", ""), |(execution, finished, detail)| (execution, finished, detail))
    }
}

/// What is wrong with the next answer to a request whose path holds the word.
#[derive(Clone, Debug)]
pub enum Fault {
    Status(u16),
    Body(&'static str),
    Endless,
    /// The request is carried out, and the device never learns that it was.
    AnswerLost,
}

#[derive(Default)]
pub struct World {
    pub url: String,
    pub sleep: String,
    pub actions: BTreeMap<u64, Action>,
    pub wants_attributes: bool,
    pub attributes: Option<Value>,
    pub faults: VecDeque<(&'static str, Fault)>,
    /// Bytes after which the connection of the next downloads breaks.
    pub cuts: VecDeque<usize>,
    /// After so many polls the running action is cancelled.
    pub cancel_after: Option<u32>,
    /// Every request must carry it.
    pub authorization: Option<String>,
    pub requests: Vec<String>,
    pub ranges: Vec<String>,
}

#[derive(Clone)]
pub struct Hawkbit(Arc<Mutex<World>>);

impl Hawkbit {
    pub fn start() -> Self {
        let listener = std::net::TcpListener::bind(("127.0.0.1", 0)).unwrap();
        listener.set_nonblocking(true).unwrap();
        let url = format!("http://127.0.0.1:{}", listener.local_addr().unwrap().port());
        let hawkbit = Self(Arc::new(Mutex::new(World { url, sleep: "00:10:00".into(), ..World::default() })));
        let router = router(hawkbit.clone());
        std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
            runtime.block_on(async {
                let listener = tokio::net::TcpListener::from_std(listener).unwrap();
                axum::serve(listener, router).await.unwrap();
            });
        });
        hawkbit
    }

    pub fn world(&self) -> MutexGuard<'_, World> {
        self.0.lock().unwrap()
    }

    pub fn url(&self) -> String {
        self.world().url.clone()
    }

    pub fn offer(&self, id: u64, action: Action) {
        self.world().actions.insert(id, action);
    }

    pub fn action(&self, id: u64) -> Action {
        self.world().actions[&id].clone()
    }

    pub fn change(&self, id: u64, change: impl FnOnce(&mut Action)) {
        change(self.world().actions.get_mut(&id).unwrap());
    }

    pub fn fault(&self, path: &'static str, fault: Fault) {
        self.world().faults.push_back((path, fault));
    }
}

fn router(hawkbit: Hawkbit) -> Router {
    let base = format!("/{TENANT}/controller/v1/{CONTROLLER}");
    Router::new()
        .route(&base, get(controller))
        .route(&format!("{base}/configData"), put(config_data))
        .route(&format!("{base}/deploymentBase/{{id}}"), get(deployment))
        .route(&format!("{base}/deploymentBase/{{id}}/feedback"), post(feedback))
        .route(&format!("{base}/cancelAction/{{id}}"), get(cancel))
        .route(&format!("{base}/cancelAction/{{id}}/feedback"), post(cancel_feedback))
        .route(&format!("{base}/confirmationBase/{{id}}/feedback"), post(confirm))
        .route("/files/{id}", get(file))
        .layer(middleware::from_fn_with_state(hawkbit.clone(), guarded))
        .with_state(hawkbit)
}

async fn guarded(State(hawkbit): State<Hawkbit>, request: Request, next: Next) -> Response {
    let fault = {
        let mut world = hawkbit.world();
        let path = request.uri().path().to_owned();
        world.requests.push(format!("{} {path}", request.method()));
        let given = request.headers().get(header::AUTHORIZATION).map(|value| value.to_str().unwrap().to_owned());
        if world.authorization.is_some() && given != world.authorization {
            return StatusCode::UNAUTHORIZED.into_response();
        }
        match world.faults.front() {
            Some((word, _)) if path.contains(word) => world.faults.pop_front().map(|(_, fault)| fault),
            _ => None,
        }
    };
    match fault {
        None => next.run(request).await,
        Some(Fault::Status(status)) => StatusCode::from_u16(status).unwrap().into_response(),
        Some(Fault::Body(text)) => text.into_response(),
        Some(Fault::Endless) => {
            let chunks = futures_util::stream::repeat(Ok::<_, Infallible>(vec![b' '; 1 << 16]));
            Body::from_stream(chunks).into_response()
        }
        Some(Fault::AnswerLost) => {
            next.run(request).await;
            StatusCode::BAD_GATEWAY.into_response()
        }
    }
}

async fn controller(State(hawkbit): State<Hawkbit>) -> Response {
    let mut world = hawkbit.world();
    if let Some(polls) = &mut world.cancel_after {
        *polls = polls.saturating_sub(1);
        if *polls == 0 {
            world.cancel_after = None;
            world.actions.values_mut().for_each(|action| action.status = Status::Canceling);
        }
    }
    let base = format!("{}/{TENANT}/controller/v1/{CONTROLLER}", world.url);
    let mut links = serde_json::Map::new();
    if let Some((id, action)) = world.actions.iter().find(|(_, action)| action.is_active()) {
        let rel = match action.status {
            Status::Canceling => "cancelAction",
            Status::WaitsForConfirmation => "confirmationBase",
            _ => "deploymentBase",
        };
        links.insert(rel.into(), json!({ "href": format!("{base}/{rel}/{id}?c=-2127183556") }));
    }
    if world.wants_attributes {
        links.insert("configData".into(), json!({ "href": format!("{base}/configData") }));
    }
    axum::Json(json!({ "config": { "polling": { "sleep": world.sleep } }, "_links": links })).into_response()
}

async fn config_data(State(hawkbit): State<Hawkbit>, body: String) {
    let mut world = hawkbit.world();
    world.attributes = Some(serde_json::from_str(&body).unwrap());
    world.wants_attributes = false;
}

async fn deployment(State(hawkbit): State<Hawkbit>, Path(id): Path<u64>) -> Response {
    let world = hawkbit.world();
    let Some(action) = world.actions.get(&id) else { return StatusCode::NOT_FOUND.into_response() };
    if matches!(action.status, Status::Canceling | Status::Canceled | Status::WaitsForConfirmation) {
        return StatusCode::NOT_FOUND.into_response();
    }
    let href = format!("{}/files/{id}", world.url);
    let link = if href.starts_with("https") { "download" } else { "download-http" };
    let mut deployment = json!({
        "download": action.download, "update": action.update,
        "chunks": [{ "part": action.part, "name": "spinewatch", "version": "0.2.0", "artifacts": [{
            "filename": "../spinewatch.raucb", "size": action.bytes.len(),
            "hashes": { "sha1": "x", "md5": "y", "sha256": action.sha256 },
            "_links": { link: { "href": href } },
        }] }],
    });
    if let Some(window) = action.window {
        deployment["maintenanceWindow"] = window.into();
    }
    axum::Json(json!({ "id": id.to_string(), "deployment": deployment })).into_response()
}

async fn feedback(State(hawkbit): State<Hawkbit>, Path(id): Path<u64>, body: String) -> StatusCode {
    let mut world = hawkbit.world();
    let Some(action) = world.actions.get_mut(&id) else { return StatusCode::NOT_FOUND };
    if action.status == Status::WaitsForConfirmation {
        return StatusCode::NOT_FOUND;
    }
    if !action.is_active() {
        return StatusCode::GONE;
    }
    let told = told(&body);
    let only_download = action.update == "skip" && action.window.is_none();
    match (told.0.as_str(), told.1.as_str()) {
        ("closed", "failure") => action.status = Status::Error,
        ("closed", _) => action.status = Status::Finished,
        ("downloaded", _) if only_download => action.status = Status::Finished,
        _ => {}
    }
    action.told.push(told);
    StatusCode::OK
}

async fn cancel(State(hawkbit): State<Hawkbit>, Path(id): Path<u64>) -> Response {
    match hawkbit.world().actions.get(&id) {
        Some(action) if matches!(action.status, Status::Canceling | Status::Canceled) => {
            axum::Json(json!({ "id": id.to_string(), "cancelAction": { "stopId": id.to_string() } })).into_response()
        }
        _ => StatusCode::NOT_FOUND.into_response(),
    }
}

async fn cancel_feedback(State(hawkbit): State<Hawkbit>, Path(id): Path<u64>, body: String) -> StatusCode {
    let mut world = hawkbit.world();
    let Some(action) = world.actions.get_mut(&id) else { return StatusCode::NOT_FOUND };
    let told = told(&body);
    match told.0.as_str() {
        "closed" => action.status = Status::Canceled,
        "rejected" => action.status = Status::Running,
        _ => {}
    }
    action.told.push(told);
    StatusCode::OK
}

async fn confirm(State(hawkbit): State<Hawkbit>, Path(id): Path<u64>, body: String) -> StatusCode {
    let body: Value = serde_json::from_str(&body).unwrap();
    assert_eq!(body["confirmation"], "confirmed");
    hawkbit.change(id, |action| action.status = Status::Running);
    StatusCode::OK
}

/// The members that hawkBit insists on, or none at all.
fn told(body: &str) -> (String, String, String) {
    let body: Value = serde_json::from_str(body).unwrap();
    let status = &body["status"];
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    (text(&status["execution"]), text(&status["result"]["finished"]), text(&status["details"][0]))
}

async fn file(State(hawkbit): State<Hawkbit>, Path(id): Path<u64>, headers: HeaderMap) -> Response {
    let mut world = hawkbit.world();
    let bytes = world.actions[&id].bytes.clone();
    let range = headers.get(header::RANGE).map(|range| range.to_str().unwrap().to_owned());
    let from: usize = range
        .as_ref()
        .map_or(0, |range| range.strip_prefix("bytes=").unwrap().strip_suffix('-').unwrap().parse().unwrap());
    world.ranges.extend(range.clone());
    if from >= bytes.len() {
        return StatusCode::RANGE_NOT_SATISFIABLE.into_response();
    }
    let sent = world.cuts.pop_front().unwrap_or(usize::MAX).min(bytes.len() - from);
    let pieces: Vec<_> = bytes[from..from + sent].chunks(4096).map(|piece| Ok(piece.to_vec())).collect();
    let broken = (from + sent < bytes.len()).then(|| Err(std::io::Error::other("the cable was pulled")));
    let stream = futures_util::stream::iter(pieces.into_iter().chain(broken));
    let length = (bytes.len() - from).to_string();
    let mut response = ([(header::CONTENT_LENGTH, length)], Body::from_stream(stream)).into_response();
    if range.is_some() {
        *response.status_mut() = StatusCode::PARTIAL_CONTENT;
        let range = format!("bytes {from}-{}/{}", bytes.len() - 1, bytes.len());
        response.headers_mut().insert(header::CONTENT_RANGE, range.parse().unwrap());
    }
    response
}
