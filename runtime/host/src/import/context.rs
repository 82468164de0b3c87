//! What surrounds a call: settings, randomness, the log and scratch space.

use std::time::Instant;

use crate::call::CallState;
use crate::failure::cut_to;

/// Remarks that one call can make; the rest is dropped.
const REMARKS_MAX: u32 = 200;

/// Longest remark with its fields, in bytes.
const REMARK_BYTES_MAX: usize = 8 << 10;

/// Most random bytes at once.
const RANDOM_BYTES_MAX: u32 = 4096;

/// Longest name in scratch space, in bytes.
const KEY_BYTES_MAX: usize = 256;

/// How loud a remark is.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Level {
    Debug,
    Info,
    Warn,
    Error,
}

impl CallState {
    /// The target's settings, as this version of the plugin sees them.
    pub(crate) fn given_settings(&self) -> Vec<(String, String)> {
        let place = self.place.as_ref();
        place
            .map(|place| place.context.settings(&place.plugin))
            .unwrap_or_default()
    }

    /// Random bytes that the plugin asked for.
    pub(crate) fn random_for_guest(&mut self, count: u32) -> wasmtime::Result<Vec<u8>> {
        self.work(|state| CallState::random(state, count.min(RANDOM_BYTES_MAX) as usize))
    }

    /// Puts a remark of the plugin into the log.
    pub(crate) fn remark(
        &mut self,
        level: Level,
        message: &str,
        fields: &[(String, String)],
    ) -> wasmtime::Result<()> {
        self.remarks.count += 1;
        if self.remarks.count > REMARKS_MAX {
            return self.may_work();
        }
        let since = Instant::now();
        // Cut long before it is searched for secrets, and again after: a part of a secret that the
        // first cut leaves is beyond the second one.
        let mut text = cut_to(message, 4 * REMARK_BYTES_MAX);
        for (name, value) in fields {
            if text.len() > REMARK_BYTES_MAX {
                break;
            }
            text.push(' ');
            text.push_str(&cut_to(name, REMARK_BYTES_MAX));
            text.push('=');
            text.push_str(&cut_to(value, REMARK_BYTES_MAX));
        }
        let mut target = "";
        let mut plugin = "";
        let place = self.place.clone();
        if let Some(place) = &place {
            let forms = self.placeholders.iter();
            let forms: Vec<_> = forms.flat_map(|made| made.forms.iter().cloned()).collect();
            text = place.context.redactor.text(text, &forms);
            target = &place.context.name;
            plugin = &place.plugin.descriptor().name;
        }
        let text = cut_to(&text, REMARK_BYTES_MAX);
        match level {
            Level::Debug => tracing::debug!(target_name = target, plugin, remark = text),
            Level::Info => tracing::info!(target_name = target, plugin, remark = text),
            Level::Warn => tracing::warn!(target_name = target, plugin, remark = text),
            Level::Error => {
                tracing::error!(target_name = target, plugin, remark = text);
                self.remarks.last_error = Some(cut_to(&text, 512));
            }
        }
        self.lane.count_work(since);
        self.may_work()
    }

    /// Reads what an earlier call of the same listing or operation has put aside.
    pub(crate) fn was_put_aside(&mut self, key: &str) -> wasmtime::Result<Option<Vec<u8>>> {
        self.work(|state| {
            let place = state.place.as_ref();
            Ok(place.and_then(|place| place.context.scratch.get(state.scope, key)))
        })
    }

    /// Puts something aside for the next call of this listing or operation.
    pub(crate) fn put_aside(
        &mut self,
        key: String,
        value: Vec<u8>,
    ) -> wasmtime::Result<Result<(), String>> {
        if key.len() > KEY_BYTES_MAX {
            return Ok(Err(format!("a name may have {KEY_BYTES_MAX} bytes")));
        }
        self.work(|state| {
            Ok(match &state.place {
                Some(place) => place.context.scratch.set(state.scope, key, value),
                None => Err("a plugin that is asked what it is has no scratch space".to_owned()),
            })
        })
    }
}
