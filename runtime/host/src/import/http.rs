//! `muster:connector/http`: requests to the app.

use std::time::Duration;

use tokio::time::Instant;

use crate::call::CallState;
use crate::contract::v0_1::bindings::muster::connector::http::{
    Host, HttpFault, Request, Response,
};
use crate::credential;
use crate::http::send::{Incoming, Outgoing, Refusal, Sender};

/// Secrets that one request can seal.
const SEALS_MAX: usize = 16;

impl Host for CallState {
    async fn send(&mut self, request: Request) -> wasmtime::Result<Result<Response, HttpFault>> {
        // While it waits it is not busy: the slow lane is for others.
        self.lane.leave();
        self.may_work()?;
        let Some(place) = self.place.clone() else {
            let text = "a plugin that is asked what it is cannot make requests";
            return Ok(Err(HttpFault::DeniedByPolicy(text.to_owned())));
        };
        self.requests.count += 1;
        let requests_max = place.site.limits.requests;
        if self.requests.count > requests_max {
            let text =
                format!("a call may make {requests_max} requests, and this was one more (NET-006)");
            return Ok(Err(HttpFault::BudgetSpent(text)));
        }
        if request.seal.len() > SEALS_MAX {
            let text = format!(
                "a request may seal {SEALS_MAX} secrets, and this one asks for more (NET-003)"
            );
            return Ok(Err(self.fault(Refusal::Denied(text))));
        }
        let mut handles = Vec::with_capacity(request.seal.len());
        for _ in &request.seal {
            let random = self.random(16)?;
            handles.push(format!("sealed:{}", credential::word(&random)));
        }
        let sender = Sender {
            site: &place.site,
            lane: &self.lane,
            lanes: &self.lanes,
            plugin: &place.plugin,
            placeholders: &self.placeholders,
            remaining: self.remaining(),
            handles,
            departures: &self.requests.departures,
        };
        self.requests.out_since = Some(Instant::now());
        let sent = sender.send(outgoing(request)).await;
        if let Some(since) = self.requests.out_since.take() {
            self.requests.longest = self.requests.longest.max(since.elapsed());
        }
        Ok(match sent {
            Ok(Incoming {
                status,
                headers,
                body,
            }) => Ok(Response {
                status,
                headers,
                body,
                extra: Vec::new(),
            }),
            Err(refusal) => Err(self.fault(refusal)),
        })
    }
}

impl CallState {
    /// What the plugin is told. What a person has to mend is kept as well: a plugin that reports it
    /// in its own words, or not at all, cannot hide it.
    fn fault(&mut self, refusal: Refusal) -> HttpFault {
        match refusal {
            Refusal::Denied(text) => {
                self.requests.denial = Some(text.clone());
                HttpFault::DeniedByPolicy(text)
            }
            Refusal::NoCredential(text) => {
                self.requests.no_credential = Some(text.clone());
                HttpFault::NotSent(text)
            }
            Refusal::NotSent(text) => HttpFault::NotSent(text),
            Refusal::SentNoReply(text) => HttpFault::SentNoReply(text),
            Refusal::TooLarge(text) => HttpFault::TooLarge(text),
            Refusal::BudgetSpent(text) => HttpFault::BudgetSpent(text),
        }
    }
}

fn outgoing(request: Request) -> Outgoing {
    Outgoing {
        method: request.method,
        url: request.url,
        headers: request.headers,
        body: request.body,
        credential: request.credential,
        bucket: request.bucket,
        timeout: request
            .timeout_ms
            .map(|ms| Duration::from_millis(u64::from(ms))),
        seal: request.seal,
    }
}
