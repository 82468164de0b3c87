//! A proxy that leads out: `CONNECT` for https, and whole addresses for http.
//!
//! The permissions stay those of the server at the end: its name has to be granted, and TLS is spoken with it
//! and not with the proxy. What the proxy itself may be is for IT to say, so its address is not checked.

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

/// Largest answer to `CONNECT`, in bytes.
const ANSWER_BYTES_MAX: usize = 16 << 10;

/// Asks the proxy at the other end to connect to a server. The text says why it does not.
pub(super) async fn tunnel(stream: &mut TcpStream, host: &str, port: u16) -> Result<(), String> {
    let host = if host.contains(':') {
        format!("[{host}]")
    } else {
        host.to_owned()
    };
    let asked = format!("CONNECT {host}:{port} HTTP/1.1\r\nhost: {host}:{port}\r\n\r\n");
    let broken = |error: std::io::Error| format!("it broke off: {error}");
    stream.write_all(asked.as_bytes()).await.map_err(broken)?;
    let mut answer = Vec::new();
    // Byte by byte, so that nothing of what follows is taken: the server may be the first to speak.
    while !answer.ends_with(b"\r\n\r\n") {
        if answer.len() == ANSWER_BYTES_MAX {
            return Err("its answer does not end".to_owned());
        }
        answer.push(stream.read_u8().await.map_err(broken)?);
    }
    let first = answer
        .split(|byte| *byte == b'\r')
        .next()
        .unwrap_or_default();
    let first = String::from_utf8_lossy(first);
    let status = first.split(' ').nth(1).unwrap_or_default();
    if first.starts_with("HTTP/1.") && status.len() == 3 && status.starts_with('2') {
        return Ok(());
    }
    Err(format!(
        "it answered `{}`",
        crate::failure::cut_to(&first, 100)
    ))
}
