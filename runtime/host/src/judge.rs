//! From what a call gave to what the core is told: an answer, or the problem that is at the root.

use std::time::Duration;

use muster_core::connector::Problem;
use tokio::time::Instant;

use crate::call::{Called, Ended, Requests};
use crate::conduct::Mark;
use crate::contract::{Answer, Reported};
use crate::failure::plugin_failed;
use crate::target::Target;

/// Longest time for which an app's wish to be left alone is honoured without asking again.
const PAUSE_MAX: Duration = Duration::from_mins(10);

impl Target {
    /// What a call returned, as an answer or as a problem. What the host itself refused counts for more
    /// than what the plugin makes of it: only the host knows the line that would grant it. An answer
    /// that breaks the contract is the plugin's failure like any other, and here is the one place
    /// where it is noted how a call went.
    pub(crate) fn judge<T>(&self, called: Called<Answer<T>>) -> Result<T, Problem> {
        let Called {
            result,
            requests,
            by,
        } = called;
        let sent = requests.has_left();
        let problem = match result {
            Ok(Answer::Given(answer)) => {
                by.note(Mark::Good);
                return Ok(answer);
            }
            Ok(Answer::Garbage(garbage)) => {
                by.note(Mark::Failed(&garbage.to_string()));
                return Err(plugin_failed(garbage, sent));
            }
            Ok(Answer::Reported(Reported { problem, bucket })) => {
                if let Problem::RateLimited { after_ms } = problem {
                    self.slow_down(after_ms, bucket.as_deref());
                }
                problem
            }
            Err(Ended::Failed(text)) => plugin_failed(text, sent),
            // It says nothing about the plugin.
            Err(Ended::Kept(text)) => return Err(root_cause(kept(text, sent), &requests)),
        };
        let problem = root_cause(problem, &requests);
        match &problem {
            Problem::PluginFailed { text, .. } => by.note(Mark::Failed(text)),
            blamed if requests.count == 0 && is_of_the_app(blamed) => {
                by.note(Mark::Blamed(&blamed.text()));
            }
            _ => by.note(Mark::Good),
        }
        Err(problem)
    }

    /// Lets calls leave again although an app asked to be left alone: a person asks for one.
    pub fn resume(&self) {
        self.context.rates.resume();
    }

    fn slow_down(&self, after_ms: Option<u32>, bucket: Option<&str>) {
        let Some(after_ms) = after_ms else {
            return;
        };
        let pause = Duration::from_millis(u64::from(after_ms)).min(PAUSE_MAX);
        let budgets = self.context.budgets(&self.plugin(), bucket);
        if let Some((bucket, _)) = budgets.first() {
            self.context.rates.pause(bucket, pause, Instant::now());
        }
    }
}

/// The app did not answer in time, or no place was free to ask it.
pub(crate) fn kept(text: String, sent: bool) -> Problem {
    if sent {
        Problem::OutcomeUnknown(text)
    } else {
        Problem::Transient {
            text,
            after_ms: None,
        }
    }
}

/// Whether only the app can know such a thing.
fn is_of_the_app(problem: &Problem) -> bool {
    !matches!(
        problem,
        Problem::Denied(_) | Problem::CursorExpired | Problem::TokenExpired
    )
}

/// The problem that a person or the driver has to deal with first.
fn root_cause(problem: Problem, requests: &Requests) -> Problem {
    let is_network = |missing: &[String]| missing.iter().any(|name| name.starts_with("network:"));
    let is_open = matches!(problem, Problem::OutcomeUnknown(_));
    match (problem, &requests.denial, &requests.no_credential) {
        (Problem::Forbidden(missing), Some(denial), _) if is_network(&missing) => {
            Problem::Denied(denial.clone())
        }
        (_, Some(denial), _) if !requests.has_left() && !is_open => Problem::Denied(denial.clone()),
        (_, None, Some(refused)) if !requests.has_left() && !is_open => {
            Problem::Unauthenticated(refused.clone())
        }
        (problem, ..) => problem,
    }
}
