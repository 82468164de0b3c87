//! From a file to a plugin: what is refused and how, and what the cache is trusted with.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::sync::Arc;

use muster_core::coded::Coded as _;
use muster_core::connector::{AccountState, Change, ObjectRef, OutcomeKind};
use muster_host::{Host, HostOptions, LoadError, Slot, Target};

use crate::support::{App, bytes, context, guest, host, on};

/// A component with one name replaced by another one of the same length.
fn renamed(from: &str, to: &str) -> Vec<u8> {
    assert_eq!(from.len(), to.len());
    let mut component = bytes("puppet");
    let mut at = 0;
    let mut count = 0;
    while let Some(found) = component[at..]
        .windows(from.len())
        .position(|window| window == from.as_bytes())
    {
        at += found;
        component[at..at + to.len()].copy_from_slice(to.as_bytes());
        count += 1;
    }
    assert!(count > 0, "{from} is not in the component");
    component
}

async fn refused(component: Vec<u8>) -> LoadError {
    let error = host().load_bytes(component).await.unwrap_err();
    assert!(!error.hint().is_empty());
    error
}

#[tokio::test]
async fn what_is_no_plugin_is_refused_with_a_sentence() {
    let error = refused(b"hello".to_vec()).await;
    assert_eq!(error.code().as_str(), "PLG-002");
    assert!(error.to_string().contains("not WebAssembly"), "{error}");
    let error = refused(b"\0asm\x01\0\0\0".to_vec()).await;
    assert!(error.to_string().contains("core module"), "{error}");
    let error = refused(b"\0asm\x0d\0\x01\0".to_vec()).await;
    assert_eq!(error.code().as_str(), "PLG-004");
    assert!(error.to_string().contains("not a connector"), "{error}");
    let error = host().load("/nowhere/at/all.wasm").await.unwrap_err();
    assert_eq!(error.code().as_str(), "PLG-001");
    let error = refused(vec![
        0;
        usize::try_from(muster_host::FILE_BYTES_MAX).unwrap()
            + 1
    ])
    .await;
    assert_eq!(error.code().as_str(), "PLG-008");
}

#[tokio::test]
async fn an_unknown_import_is_named() {
    let component = renamed(
        "muster:connector/secrets@0.1.0",
        "evil-corp:devices/files-x@0.1.0".get(..30).unwrap(),
    );
    let error = refused(component).await;
    assert_eq!(error.code().as_str(), "PLG-003");
    assert!(
        error.to_string().contains("evil-corp:devices/files-x@0.1."),
        "{error}"
    );
    let component = renamed(
        "muster:connector/secrets@0.1.0",
        "wasi:http/outgoing-http@0.2.10",
    );
    let error = refused(component).await;
    assert!(
        error.to_string().contains("muster:connector/http"),
        "{error}"
    );
}

#[tokio::test]
async fn another_contract_is_refused_by_what_was_built_against_what() {
    let error = refused(renamed("@0.1.0", "@0.2.0")).await;
    assert_eq!(error.code().as_str(), "PLG-004");
    let text = error.to_string();
    assert!(
        text.contains("@0.2.0") && text.contains("offers 0.1.0"),
        "{text}"
    );
    let error = refused(renamed(
        "muster:connector/secrets@0.1.0",
        "muster:connector/vaultsx@0.1.0",
    ))
    .await;
    assert!(error.to_string().contains("vaultsx"), "{error}");
}

#[tokio::test]
async fn a_later_version_of_the_same_track_loads() {
    host()
        .load_bytes(renamed("@0.1.0", "@0.1.9"))
        .await
        .unwrap();
}

fn host_with(cache: &Path) -> Host {
    Host::new(HostOptions {
        cache: Some(cache.to_owned()),
        ..HostOptions::default()
    })
    .unwrap()
}

fn entries(cache: &Path) -> Vec<std::path::PathBuf> {
    let mut entries: Vec<_> = fs::read_dir(cache)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| {
            path.extension()
                .is_some_and(|extension| extension == "cwasm")
        })
        .collect();
    entries.sort();
    entries
}

#[tokio::test]
async fn a_forged_cache_file_is_not_used() {
    let folder = tempfile::tempdir().unwrap();
    let cache = folder.path().join("compiled");
    let plugin = host_with(&cache).load(guest("puppet")).await.unwrap();
    let mode = fs::metadata(&cache).unwrap().permissions().mode() & 0o777;
    assert_eq!(mode, 0o700);
    let [entry] = entries(&cache).try_into().unwrap();
    let good = fs::read(&entry).unwrap();

    // Sealed by another machine: its own key, the right name.
    let elsewhere = folder.path().join("elsewhere");
    host_with(&elsewhere).load(guest("puppet")).await.unwrap();
    let foreign = fs::read(&entries(&elsewhere)[0]).unwrap();
    // Changed in one place; cut; garbage; another plugin's entry under this name.
    let mut changed = good.clone();
    let middle = changed.len() / 2;
    changed[middle] ^= 1;
    let host = host_with(&cache);
    host.load_bytes(crate::support::another_version(bytes("puppet"), 9))
        .await
        .unwrap();
    let other = entries(&cache)
        .into_iter()
        .find(|path| *path != entry)
        .unwrap();
    for forged in [
        foreign,
        changed,
        good[..good.len() - 1].to_vec(),
        b"x".to_vec(),
        fs::read(other).unwrap(),
    ] {
        fs::write(&entry, &forged).unwrap();
        let loaded = host_with(&cache).load(guest("puppet")).await.unwrap();
        assert_eq!(loaded.digest(), plugin.digest());
        // It was compiled anew, and the forged entry replaced by a good one.
        assert_ne!(fs::read(&entry).unwrap(), forged);
    }
}

#[tokio::test]
async fn a_kept_plugin_is_not_compiled_again() {
    let folder = tempfile::tempdir().unwrap();
    let cache = folder.path().join("compiled");
    host_with(&cache).load(guest("puppet")).await.unwrap();
    let entry = entries(&cache).pop().unwrap();
    let written = || fs::metadata(&entry).unwrap().modified().unwrap();
    let first = written();
    host_with(&cache).load(guest("puppet")).await.unwrap();
    assert_eq!(written(), first);
}

#[tokio::test]
async fn a_cache_that_cannot_be_used_is_said_when_the_host_is_set_up() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("file");
    fs::write(&file, "x").unwrap();
    let Err(error) = Host::new(HostOptions {
        cache: Some(file),
        ..HostOptions::default()
    }) else {
        panic!("a file is no folder");
    };
    assert_eq!(error.code().as_str(), "PLG-021");
}

/// A plugin that was built against 0.1.0 and is kept as it was: every later 0.1 has to run it.
#[tokio::test]
async fn a_plugin_of_contract_0_1_0_loads_and_works() {
    let fixture = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../../tests/fixtures/plugins/contract-0.1.0.wasm");
    let host = host();
    let plugin = host.load(fixture).await.unwrap();
    assert_eq!(plugin.descriptor().contract, "0.1.0");
    assert_eq!(plugin.interface("accounts"), Some("0.1.0"));
    assert_eq!(plugin.interface("of-a-later-version"), None);
    let app = App::echo().await;
    let mut options = on(&app);
    options.settings.insert("url".to_owned(), app.base());
    let target = Target::new(&host, Arc::new(Slot::new(plugin)), options).unwrap();
    let person = ObjectRef {
        kind: "user".to_owned(),
        container: None,
        id: "E1".to_owned(),
        revision: None,
        name_hint: None,
    };
    let suspend = Change::EnsureState(person, AccountState::Suspended);
    let outcome = target.change(&suspend, &context(1)).await.unwrap();
    assert_eq!(outcome.kind, OutcomeKind::Done);
    assert_eq!(app.asked()[0].path, "/accounts/E1/state");
}
