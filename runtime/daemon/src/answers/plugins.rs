//! The plugins: those that serve, those that are refused, and files that nobody uses.

use std::sync::Arc;

use axum::extract::State;
use muster_api::v1;

use super::{Answered, Standing, answered, present};

/// `GET /v1/plugins`.
pub(crate) async fn answer(State(standing): State<Arc<Standing>>) -> Answered<Vec<v1::PluginRow>> {
    answered(standing, |standing| Ok(plugins(standing))).await
}

fn plugins(standing: &Standing) -> Vec<v1::PluginRow> {
    let mut rows: Vec<v1::PluginRow> = standing
        .library
        .standings()
        .into_iter()
        .map(|standing| v1::PluginRow {
            name: standing.name,
            state: if standing.plugin.is_some() {
                "serving"
            } else {
                "refused"
            }
            .to_owned(),
            version: standing
                .plugin
                .as_ref()
                .map(|plugin| plugin.descriptor().version.clone()),
            contract: standing
                .plugin
                .as_ref()
                .map(|plugin| plugin.descriptor().contract.clone()),
            digest: standing
                .plugin
                .map(|plugin| crate::plugins::short(plugin.digest()))
                .unwrap_or_default(),
            since: standing.since.map(present::instant),
            targets: standing.targets,
            trouble: standing
                .trouble
                .map(|trouble| format!("{} ({})", trouble.text, trouble.code)),
        })
        .collect();
    rows.extend(standing.library.unused().into_iter().filter_map(|path| {
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
