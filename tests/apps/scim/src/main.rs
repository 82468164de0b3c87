//! `muster-demo-scim`: starts the service and prints its SCIM address, one line, on stdout.

use std::net::{Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::Context;
use clap::Parser;
use muster_demo_scim::{Options, Service, serve};
use tokio::net::TcpListener;
use tokio::signal::unix::{SignalKind, signal};

/// A small SCIM 2.0 service that forgets everything when it ends
#[derive(Parser)]
#[command(name = "muster-demo-scim", version)]
struct Arguments {
    /// The port on the loopback; 0 takes a free one
    #[arg(long, default_value_t = 0)]
    port: u16,
    /// The bearer token that every SCIM request must carry
    #[arg(long)]
    token: Option<String>,
    /// The path that SCIM lives below
    #[arg(long, default_value = "/scim/v2")]
    base_path: String,
    /// Resources on a page of a listing, at most
    #[arg(long, default_value_t = 200)]
    page_max: usize,
    /// Offer the cursors of RFC 9865 too
    #[arg(long)]
    cursors: bool,
    /// A JSON file with users and groups to begin with
    #[arg(long)]
    seed: Option<PathBuf>,
    /// A file that gets everything kept, as JSON, when the service ends
    #[arg(long)]
    dump: Option<PathBuf>,
}

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let arguments = Arguments::parse();
    let service = Arc::new(Service::new(Options {
        token: arguments.token,
        base_path: arguments.base_path.trim_end_matches('/').to_owned(),
        page_max: arguments.page_max,
        has_cursors: arguments.cursors,
    }));
    if let Some(path) = &arguments.seed {
        seed(&service, path)?;
    }
    let listener = TcpListener::bind(SocketAddr::from((Ipv4Addr::LOCALHOST, arguments.port)))
        .await
        .with_context(|| format!("could not listen on port {}", arguments.port))?;
    let address = listener
        .local_addr()
        .context("could not ask for the chosen port")?;
    announce(&format!("http://{address}{}", service.options().base_path));

    let mut terminated = signal(SignalKind::terminate()).context("could not wait for signals")?;
    tokio::select! {
        () = serve(listener, Arc::clone(&service)) => {}
        _ = tokio::signal::ctrl_c() => {}
        _ = terminated.recv() => {}
    }
    if let Some(path) = arguments.dump {
        let snapshot = serde_json::to_vec_pretty(&service.snapshot())?;
        std::fs::write(&path, snapshot)
            .with_context(|| format!("could not write {}", path.display()))?;
    }
    Ok(())
}

fn seed(service: &Service, path: &Path) -> anyhow::Result<()> {
    let text = std::fs::read(path).with_context(|| format!("could not read {}", path.display()))?;
    let seed =
        serde_json::from_slice(&text).with_context(|| format!("{} is no JSON", path.display()))?;
    service
        .seed(&seed)
        .with_context(|| format!("{} was refused", path.display()))
}

#[expect(
    clippy::print_stdout,
    reason = "the address is what this program prints"
)]
fn announce(address: &str) {
    println!("{address}");
}
