//! Long work is answered line by line: how far it has come, at least every second, and then the answer or why there is
//! none. Whoever hangs up ends it; none of it changes anything.

use std::convert::Infallible;
use std::future::Future;
use std::time::Duration;

use axum::body::Body;
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use futures_util::stream;
use http::header;
use muster_api::error::Fault;
use muster_api::v1;
use serde::Serialize;
use tokio::sync::watch;

use super::refusal;

/// At most this often is told how far the work has come.
const PROGRESS_EVERY: Duration = Duration::from_millis(100);

/// At least this often, so that whoever waits knows that somebody is there.
const PROGRESS_AT_LEAST_EVERY: Duration = Duration::from_secs(1);

/// Where a long piece of work says how far it has come. Cheap to clone; nobody has to listen.
#[derive(Clone, Debug)]
pub struct ProgressSink(watch::Sender<v1::Progress>);

impl ProgressSink {
    /// A sink, and what is heard at the other end. Only the latest word is kept.
    pub fn channel() -> (Self, watch::Receiver<v1::Progress>) {
        let (sender, receiver) = watch::channel(v1::Progress::default());
        (Self(sender), receiver)
    }

    /// A sink that nobody listens to.
    pub fn none() -> Self {
        Self::channel().0
    }

    /// Says how far the work has come; `total` is 0 where that is not known.
    pub fn report(&self, stage: &str, done: u64, total: u64) {
        self.0.send_replace(v1::Progress {
            stage: stage.to_owned(),
            done,
            total,
        });
    }
}

/// Answers with one JSON object a line while `work` goes on, and with what it came to at the end.
pub(super) fn streamed<T: Serialize + Send + 'static>(
    work: impl Future<Output = Result<T, Fault>> + Send + 'static,
    progress: watch::Receiver<v1::Progress>,
) -> Response {
    let state = Some((Box::pin(work), progress));
    let lines = stream::unfold(state, |state| async move {
        let (mut work, mut progress) = state?;
        let told = async {
            // Not more often than anybody can read, and soon again even where nothing moves.
            tokio::time::sleep(PROGRESS_EVERY).await;
            let rest = PROGRESS_AT_LEAST_EVERY.saturating_sub(PROGRESS_EVERY);
            match tokio::time::timeout(rest, progress.changed()).await {
                Ok(Ok(())) | Err(_) => {}
                // The sink is gone and tells nothing any more, but the work may go on.
                Ok(Err(_)) => tokio::time::sleep(rest).await,
            }
            progress.borrow_and_update().clone()
        };
        let (line, next) = tokio::select! {
            ended = &mut work => (ended_line(ended), None),
            told = told => (line(&v1::Line::<T>::Progress(told)), Some((work, progress))),
        };
        Some((Ok::<Bytes, Infallible>(line), next))
    });
    let kind = [(header::CONTENT_TYPE, "application/x-ndjson")];
    (kind, Body::from_stream(lines)).into_response()
}

fn ended_line<T: Serialize>(ended: Result<T, Fault>) -> Bytes {
    match ended {
        Ok(answer) => line(&v1::Line::Done(answer)),
        Err(fault) => line(&v1::Line::<T>::Failed(refusal::error(&fault))),
    }
}

fn line<T: Serialize>(line: &v1::Line<T>) -> Bytes {
    // Our own types have no map with keys that JSON cannot write.
    let mut text = serde_json::to_vec(line).unwrap_or_default();
    text.push(b'\n');
    Bytes::from(text)
}
