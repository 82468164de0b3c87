//! The plugins: those that serve, those that are refused, and files that nobody uses.

use std::sync::Arc;

use axum::extract::State;
use muster_api::v1;

use super::{Answered, Health, answered, present};

/// `GET /v1/plugins`.
pub(crate) async fn answer(State(health): State<Arc<Health>>) -> Answered<Vec<v1::PluginRow>> {
    answered(health, |health| Ok(plugins(health))).await
}

fn plugins(health: &Health) -> Vec<v1::PluginRow> {
    let mut rows: Vec<v1::PluginRow> = health
        .library
        .standings()
        .into_iter()
        .map(|health| v1::PluginRow {
            name: health.name,
            state: if health.plugin.is_some() {
                "serving"
            } else {
                "refused"
            }
            .to_owned(),
            version: health
                .plugin
                .as_ref()
                .map(|plugin| plugin.descriptor().version.clone()),
            contract: health
                .plugin
                .as_ref()
                .map(|plugin| plugin.descriptor().contract.clone()),
            digest: health
                .plugin
                .map(|plugin| plugin.digest().short())
                .unwrap_or_default(),
            since: health.since.map(present::instant),
            targets: health.targets,
            trouble: health
                .trouble
                .map(|trouble| format!("{} ({})", trouble.text, trouble.code)),
        })
        .collect();
    rows.extend(health.library.unused().into_iter().filter_map(|path| {
        Some(v1::PluginRow {
            name: path.file_stem()?.to_string_lossy().into_owned(),
            state: "unused".to_owned(),
            version: None,
            contract: None,
            digest: String::new(),
            since: None,
            targets: Vec::new(),
            trouble: None,
        })
    }));
    rows
}
