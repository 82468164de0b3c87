//! Checks a target's options before anything is called: what is wrong is said at the start, with the
//! name that was probably meant, and not at the first request.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use muster_core::connector::Descriptor;
use muster_core::nearest::nearest;
use rustls::RootCertStore;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject as _;

use crate::engine::MEMORY_BYTES_MAX;
use crate::host::Inner;
use crate::http::trust::Trust;
use crate::options::CallLimits;
use crate::plugin::Setting;
use crate::target_context::TargetContext;
use crate::target_error::TargetError;

pub(crate) fn check_limits(limits: &CallLimits) -> Result<(), TargetError> {
    if limits.memory_bytes > MEMORY_BYTES_MAX {
        return Err(TargetError::Limit {
            name: "memory",
            value: format!("{} MiB", limits.memory_bytes >> 20),
            reason: "256 MiB are the most",
        });
    }
    for (name, time) in [
        ("time", limits.time),
        ("cpu", limits.cpu),
        ("request-time", limits.request_time),
    ] {
        if time.is_zero() || time > Duration::from_hours(1) {
            return Err(TargetError::Limit {
                name,
                value: format!("{} ms", time.as_millis()),
                reason: "it has to be more than nothing and at most an hour",
            });
        }
    }
    Ok(())
}

pub(crate) fn check_settings(
    given: &BTreeMap<String, String>,
    known: &[Setting],
) -> Result<(), TargetError> {
    for key in given.keys() {
        if !known.iter().any(|setting| setting.key == *key) {
            let nearest = nearest(key, known.iter().map(|setting| setting.key.as_str()));
            return Err(TargetError::UnknownSetting {
                key: key.clone(),
                nearest: nearest.map(str::to_owned),
            });
        }
    }
    for setting in known {
        match given.get(&setting.key).or(setting.default.as_ref()) {
            Some(value) => check_setting(setting, value)?,
            None if setting.is_required => {
                return Err(TargetError::MissingSetting {
                    key: setting.key.clone(),
                    description: setting.description.clone(),
                });
            }
            None => {}
        }
    }
    Ok(())
}

fn check_setting(setting: &Setting, value: &str) -> Result<(), TargetError> {
    let refuse = |reason: String| {
        Err(TargetError::Setting {
            key: setting.key.clone(),
            value: value.to_owned(),
            reason,
        })
    };
    if !setting.choices.is_empty() && !setting.choices.iter().any(|choice| choice == value) {
        return refuse(format!(
            "it has to be one of {}",
            setting.choices.join(", ")
        ));
    }
    match setting.value_type.as_str() {
        "url" if url::Url::parse(value).is_ok_and(|url| url.has_host()) => Ok(()),
        "url" => refuse("it has to be an address such as https://app.example.com".to_owned()),
        "boolean" if matches!(value, "true" | "false") => Ok(()),
        "boolean" => refuse("it has to be true or false".to_owned()),
        "number" if value.parse::<f64>().is_ok_and(f64::is_finite) => Ok(()),
        "number" => refuse("it has to be a number".to_owned()),
        "duration-ms" if value.parse::<u32>().is_ok() => Ok(()),
        "duration-ms" => refuse("it has to be a number of milliseconds".to_owned()),
        _ => Ok(()),
    }
}

pub(crate) fn check_slots(
    context: &TargetContext,
    descriptor: &Descriptor,
) -> Result<(), TargetError> {
    for (slot, credential) in &context.credentials {
        let Some(wanted) = descriptor
            .secret_slots
            .iter()
            .find(|wanted| wanted.name == *slot)
        else {
            let known = descriptor
                .secret_slots
                .iter()
                .map(|slot| slot.name.clone())
                .collect();
            return Err(TargetError::UnknownSlot {
                slot: slot.clone(),
                known,
            });
        };
        let scheme = credential.scheme.name();
        if !wanted.schemes.iter().any(|takes| takes == scheme) {
            return Err(TargetError::Credential {
                slot: slot.clone(),
                reason: format!(
                    "the app takes {}, not `{scheme}`",
                    wanted.schemes.join(", ")
                ),
            });
        }
    }
    let missing = descriptor
        .secret_slots
        .iter()
        .find(|wanted| wanted.is_required && !context.credentials.contains_key(&wanted.name));
    match (missing, &context.password_slot) {
        (Some(slot), _) => Err(TargetError::MissingSlot {
            slot: slot.name.clone(),
            description: slot.description.clone(),
        }),
        (None, Some(slot)) if !context.credentials.contains_key(slot) => {
            Err(TargetError::MissingSlot {
                slot: slot.clone(),
                description: "the password of new accounts comes from it".to_owned(),
            })
        }
        _ => Ok(()),
    }
}

/// Tokens are fetched from servers that are granted, and from no others: what a plugin's requests may not
/// reach, a credential does not reach either.
pub(crate) fn check_token_servers(context: &TargetContext) -> Result<(), TargetError> {
    for (slot, credential) in &context.credentials {
        let url = credential.scheme.token_url();
        let url = url.and_then(|url| url::Url::parse(url).ok());
        if let Some(url) = url.filter(|url| !context.grants(url)) {
            return Err(TargetError::TokenServer {
                slot: slot.clone(),
                text: context.denied_host(&url),
            });
        }
    }
    Ok(())
}

/// The certificates that are trusted: the machine's, and those of the target.
pub(crate) fn trust(host: &Inner, ca_file: Option<&Path>) -> Result<Trust, TargetError> {
    let shared = host.roots.get_or_init(|| Arc::new(machine_roots()));
    let Some(path) = ca_file else {
        return Ok(Trust {
            roots: Arc::clone(shared),
            own: Vec::new(),
        });
    };
    let refuse = |reason: String| TargetError::Certificates {
        path: path.to_owned(),
        reason,
    };
    let pem = std::fs::read(path).map_err(|error| refuse(error.to_string()))?;
    let mut roots = RootCertStore::clone(shared);
    let mut own = Vec::new();
    for certificate in CertificateDer::pem_slice_iter(&pem) {
        let certificate = certificate.map_err(|error| refuse(error.to_string()))?;
        roots
            .add(certificate.clone())
            .map_err(|error| refuse(error.to_string()))?;
        own.push(certificate);
    }
    if own.is_empty() {
        return Err(refuse("there is no certificate in it".to_owned()));
    }
    Ok(Trust {
        roots: Arc::new(roots),
        own,
    })
}

fn machine_roots() -> RootCertStore {
    let mut roots = RootCertStore::empty();
    let found = rustls_native_certs::load_native_certs();
    for error in &found.errors {
        tracing::debug!(error = %error, "could not read some of the machine's certificates");
    }
    let (taken, _) = roots.add_parsable_certificates(found.certs);
    if taken == 0 {
        tracing::info!("took Mozilla's certificates, because the machine has none");
        roots.extend(webpki_roots::TLS_SERVER_ROOTS.iter().cloned());
    }
    roots
}
