//! Backup codes anew: what a new joiner without a second factor, or somebody who lost it, gets in with.
//!
//! Google makes ten codes and shows them in another reply; the host takes all of them out of that reply before
//! it comes here. The handle of the first is `sealed`, those of the others are beside it.

use muster_sdk::{
    Credential, Host, ObjectRef, OpContext, Problem, Result, Rotated, Rotation, SideEffect,
};
use serde_json::Value;

use crate::GoogleWorkspace;
use crate::credential::{backup_codes_of, codes_path};
use crate::service::Google;

/// How many backup codes Google makes.
const CODES: usize = 10;

impl Rotation for GoogleWorkspace {
    fn rotate_credential(
        &self,
        host: &dyn Host,
        _: &OpContext,
        target: &ObjectRef,
    ) -> Result<Rotated> {
        let google = Google::of(host)?;
        google.user_of(target)?;
        let call = google
            .directory
            .post(codes_path(target).push("generate"))
            .about(target);
        let gone = || Problem::not_found(target.clone());
        google.write(call)?.ok_or_else(gone)?;
        // From here on the old codes are dead: whatever goes wrong leaves the outcome open.
        google
            .sealed_codes(target)
            .map_err(|problem| match problem {
                Problem::OutcomeUnknown(_) => problem,
                other => {
                    Problem::OutcomeUnknown(format!("new codes were made and not read: {other}"))
                }
            })
    }
}

impl Google<'_> {
    fn sealed_codes(&self, owner: &ObjectRef) -> Result<Rotated> {
        // Nothing but the codes is asked for, and each of them is sealed.
        let path = codes_path(owner).query("fields", "items(verificationCode)");
        let call = (0..CODES).fold(self.directory.get(path).about(owner), |call, number| {
            call.seal(format!("/items/{number}/verificationCode"))
        });
        let reply: Value = call.send_json(self.host)?;
        let items = reply
            .get("items")
            .and_then(Value::as_array)
            .map(Vec::as_slice);
        let items = items.unwrap_or_default();
        if items.len() != CODES {
            let text = format!(
                "{} backup codes came where there should be {CODES}",
                items.len()
            );
            return Err(Problem::OutcomeUnknown(text));
        }
        let handle = |item: &Value| {
            item.get("verificationCode")
                .and_then(Value::as_str)
                .unwrap_or_default()
                .to_owned()
        };
        let mut handles = items.iter().map(handle);
        let sealed = handles.next().unwrap_or_default();
        let others = handles
            .zip(2..)
            .map(|(handle, at)| (format!("x-sealed-{at}"), handle));
        let codes = Credential {
            created: Some(self.host.now()),
            ..backup_codes_of(owner)
        };
        Ok(Rotated {
            sealed,
            effects: vec![SideEffect::CredentialEnded(backup_codes_of(owner))],
            extra: others.collect(),
            credential: codes,
        })
    }
}
