//! Requests to the app.

use tokio::time::Instant;

use crate::call::CallState;
use crate::credential;
use crate::http::send::{Incoming, Outgoing, Refusal, Sender};

/// Secrets that one request can seal.
const SEALS_MAX: usize = 16;

impl CallState {
    /// Makes a request for the plugin. What a person has to mend is kept as well: a plugin that reports it in
    /// its own words, or not at all, cannot hide it.
    pub(crate) async fn request(
        &mut self,
        outgoing: Outgoing,
    ) -> wasmtime::Result<Result<Incoming, Refusal>> {
        let answered = self.send(outgoing).await?;
        match &answered {
            Err(Refusal::Denied(text)) => {
                self.requests.denial = Some(text.clone());
            }
            Err(Refusal::NoCredential(text)) => {
                self.requests.no_credential = Some(text.clone());
            }
            Ok(_)
            | Err(
                Refusal::NotSent(_)
                | Refusal::SentNoReply(_)
                | Refusal::TooLarge(_)
                | Refusal::BudgetSpent(_),
            ) => {}
        }
        Ok(answered)
    }

    async fn send(&mut self, outgoing: Outgoing) -> wasmtime::Result<Result<Incoming, Refusal>> {
        // While it waits it is not busy: the slow lane is for others.
        self.lane.leave();
        self.may_work()?;
        let Some(place) = self.place.clone() else {
            let text = "a plugin that is asked what it is cannot make requests";
            return Ok(Err(Refusal::Denied(text.to_owned())));
        };
        self.requests.count += 1;
        let requests_max = place.context.limits.requests;
        if self.requests.count > requests_max {
            let text =
                format!("a call may make {requests_max} requests, and this was one more (NET-006)");
            return Ok(Err(Refusal::BudgetSpent(text)));
        }
        if outgoing.seal.len() > SEALS_MAX {
            let text = format!(
                "a request may seal {SEALS_MAX} secrets, and this one asks for more (NET-003)"
            );
            return Ok(Err(Refusal::Denied(text)));
        }
        let mut handles = Vec::with_capacity(outgoing.seal.len());
        for _ in &outgoing.seal {
            let random = self.random(16)?;
            handles.push(format!("sealed:{}", credential::word(&random)));
        }
        let sender = Sender {
            context: &place.context,
            lane: &self.lane,
            lanes: &self.lanes,
            plugin: &place.plugin,
            placeholders: &self.placeholders,
            remaining: self.remaining(),
            handles,
            departures: &self.requests.departures,
        };
        self.requests.out_since = Some(Instant::now());
        let sent = sender.send(outgoing).await;
        if let Some(since) = self.requests.out_since.take() {
            self.requests.longest = self.requests.longest.max(since.elapsed());
        }
        Ok(sent)
    }
}
