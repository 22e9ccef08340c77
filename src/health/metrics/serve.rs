//! HTTP requests from this machine in, the metrics page out. Never listens on an address that others can reach.

use std::convert::Infallible;
use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::time::timeout;

/// A request head that is longer is refused, bytes.
const LONGEST_HEAD: usize = 4096;
/// A client that takes longer is dropped.
const PATIENCE: Duration = Duration::from_secs(2);

/// Why metrics are not served.
#[derive(Debug, thiserror::Error)]
pub enum ServeError {
    /// Others could reach the address.
    #[error("{0} is not a loopback address: metrics are served on 127.0.0.1 or ::1 only")]
    NotLoopback(SocketAddr),
    /// The port cannot be opened.
    #[error("cannot listen on {address}")]
    Listen {
        /// The address asked for.
        address: SocketAddr,
        /// What the system said.
        source: io::Error,
    },
}

/// Opens the port.
///
/// # Errors
/// When `address` is not a loopback address or is taken.
pub async fn bind(address: SocketAddr) -> Result<TcpListener, ServeError> {
    if !address.ip().is_loopback() {
        return Err(ServeError::NotLoopback(address));
    }
    TcpListener::bind(address).await.map_err(|source| ServeError::Listen { address, source })
}

/// Answers `GET /metrics` with what `page` gives, one client after the other, for ever.
///
/// # Errors
/// When the listener itself fails; a client's failure ends that client only.
pub async fn serve(listener: TcpListener, page: impl Fn() -> String) -> io::Result<Infallible> {
    loop {
        let (stream, _) = listener.accept().await?;
        match timeout(PATIENCE, answer(stream, &page)).await {
            Ok(Ok(())) => {}
            Ok(Err(error)) => tracing::debug!(%error, "a metrics client failed"),
            Err(_) => tracing::debug!("a metrics client took too long"),
        }
    }
}

async fn answer(mut stream: TcpStream, page: &impl Fn() -> String) -> io::Result<()> {
    let mut head = Vec::with_capacity(512);
    let whole = loop {
        if head.windows(4).any(|end| end == b"\r\n\r\n") {
            break true;
        }
        if head.len() >= LONGEST_HEAD || stream.read_buf(&mut head).await? == 0 {
            break false;
        }
    };
    let reply = reply(if whole { request_line(&head) } else { "" }, page);
    stream.write_all(reply.as_bytes()).await?;
    stream.shutdown().await
}

fn request_line(head: &[u8]) -> &str {
    let end = head.iter().position(|byte| *byte == b'\r').unwrap_or(0);
    std::str::from_utf8(&head[..end]).unwrap_or_default()
}

fn reply(request_line: &str, page: &impl Fn() -> String) -> String {
    let mut words = request_line.split(' ');
    let (status, body) = match (words.next(), words.next(), words.next()) {
        (Some("GET"), Some("/metrics"), Some("HTTP/1.0" | "HTTP/1.1")) => ("200 OK", page()),
        (Some("GET"), Some(_), Some(_)) => ("404 Not Found", "the metrics are at /metrics\n".into()),
        (Some(_), Some(_), Some(_)) => ("405 Method Not Allowed", "only GET is answered\n".into()),
        _ => ("400 Bad Request", "this is not HTTP\n".into()),
    };
    format!(
        "HTTP/1.1 {status}\r\nContent-Type: text/plain; version=0.0.4; charset=utf-8\r\nContent-Length: {}\r\nConnection: close\r\n\r\n{body}",
        body.len()
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_get_of_the_metrics_is_answered_with_them() {
        let page = || "spinewatch_up 1\n".to_owned();
        let status = |line: &str| reply(line, &page).lines().next().unwrap_or_default().to_owned();
        assert_eq!(status("GET /metrics HTTP/1.1"), "HTTP/1.1 200 OK");
        assert_eq!(status("GET /metrics HTTP/1.0"), "HTTP/1.1 200 OK");
        assert_eq!(status("GET / HTTP/1.1"), "HTTP/1.1 404 Not Found");
        assert_eq!(status("POST /metrics HTTP/1.1"), "HTTP/1.1 405 Method Not Allowed");
        assert_eq!(status("GET /metrics"), "HTTP/1.1 400 Bad Request");
        assert_eq!(status(""), "HTTP/1.1 400 Bad Request");
        assert!(
            reply("GET /metrics HTTP/1.1", &page)
                .ends_with("Content-Length: 16\r\nConnection: close\r\n\r\nspinewatch_up 1\n")
        );
    }
}
