//! Use of secrets without seeing them.

use crate::call::CallState;
use crate::credential::{self, PLACEHOLDER_RANDOM, Placeholder, Scheme};
use crate::failure::cut_to;

/// Placeholders that one call can have.
const PLACEHOLDERS_MAX: usize = 8;

/// Most bytes that can be signed at once.
const SIGNED_BYTES_MAX: usize = 8 << 20;

impl CallState {
    /// A word that stands for the secret in a slot, within this call.
    pub(crate) fn stand_in_for(&mut self, slot: &str) -> wasmtime::Result<Result<String, String>> {
        let Some(place) = self.place.clone() else {
            return Ok(Err(no_target()));
        };
        let Some(credential) = place.context.credentials.get(slot) else {
            return Ok(Err(self.no_slot(slot)));
        };
        if self.placeholders.len() == PLACEHOLDERS_MAX {
            return Ok(Err(format!(
                "a call can have {PLACEHOLDERS_MAX} placeholders"
            )));
        }
        let made = self.work(|state| {
            let random = state.random(PLACEHOLDER_RANDOM)?;
            Ok(Placeholder::new(slot, credential, &random))
        })?;
        Ok(made.map(|placeholder| {
            let word = placeholder.word.clone();
            self.placeholders.push(placeholder);
            word
        }))
    }

    /// Signs with the key in a slot.
    pub(crate) fn sign_with(
        &mut self,
        slot: &str,
        algorithm: &str,
        data: &[u8],
    ) -> wasmtime::Result<Result<Vec<u8>, String>> {
        let Some(place) = self.place.clone() else {
            return Ok(Err(no_target()));
        };
        let Some(credential) = place.context.credentials.get(slot) else {
            return Ok(Err(self.no_slot(slot)));
        };
        let Scheme::SigningKey { key } = &credential.scheme else {
            return Ok(Err(format!(
                "the slot `{slot}` holds a `{}` credential; only a `signing-key` signs",
                credential.scheme.name()
            )));
        };
        if data.len() > SIGNED_BYTES_MAX {
            return Ok(Err(format!(
                "more than {} MiB cannot be signed",
                SIGNED_BYTES_MAX >> 20
            )));
        }
        self.work(|_| Ok(credential::sign(key.expose(), algorithm, data)))
    }

    fn no_slot(&mut self, slot: &str) -> String {
        let Some(place) = &self.place else {
            return no_target();
        };
        let slot = cut_to(slot, 100);
        let text = place.context.denied_slot(
            &slot,
            &format!("no credential is configured for the slot `{slot}`"),
        );
        self.requests.denial = Some(text.clone());
        text
    }
}

fn no_target() -> String {
    "a plugin that is asked what it is has no secrets".to_owned()
}
