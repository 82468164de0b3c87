//! `cargo xtask bench`: what Muster costs, each figure as a ratio against a peer in the same run.
//!
//! Ours and the peer take turns, so that whatever else the machine does meets both; the median of
//! the rounds' ratios counts, and times stand only in the detail. `docs/design/performance.md` says
//! what each figure means, its bound, and what was done to hold it.
//!
//! `MUSTER_BENCH_SCALE=0.1` makes everything ten times smaller. Arguments choose figures by the
//! beginning of their names. The report goes to `MUSTER_BENCH_REPORT`.

mod call;
mod crowd;
mod export;
mod figure;
mod import;
mod leaver;
mod memory;
mod operations;
mod place;
mod reexport;
mod rounds;
mod standing;
mod swap;

use std::path::PathBuf;

use anyhow::Context as _;

use figure::Figure;

/// How much is measured; 1 is what the bounds are said for.
#[derive(Clone, Copy)]
pub(crate) struct Scale(f64);

impl Scale {
    /// So many at scale 1; never none.
    pub(crate) fn of(self, count: u32) -> u32 {
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "a count of things, and rounding it is harmless"
        )]
        let scaled = (f64::from(count) * self.0).round() as u32;
        scaled.max(1)
    }
}

/// One measurement: the beginning of its figures' names, and the work.
type Part = (&'static str, fn(Scale) -> anyhow::Result<Vec<Figure>>);

/// In the order of the report. What needs a quiet disk comes before what leaves it much to write.
const PARTS: [Part; 9] = [
    ("call", call::measure),
    ("swap", swap::measure),
    ("reexport", reexport::measure),
    ("operations", operations::measure),
    ("crowd", crowd::measure),
    ("import", import::measure),
    ("leaver", leaver::measure),
    ("memory", memory::measure),
    ("standing", standing::measure),
];

fn main() -> anyhow::Result<()> {
    let scale = match variable("MUSTER_BENCH_SCALE") {
        None => 1.0,
        Some(text) => text
            .to_string_lossy()
            .parse()
            .context("MUSTER_BENCH_SCALE is a number such as 0.1")?,
    };
    anyhow::ensure!(scale > 0.0, "MUSTER_BENCH_SCALE has to be above 0");
    let chosen: Vec<String> = std::env::args().skip(1).collect();
    let is_chosen =
        |name: &str| chosen.is_empty() || chosen.iter().any(|start| name.starts_with(start));
    let mut figures = Vec::new();
    for (name, measure) in PARTS.into_iter().filter(|(name, _)| is_chosen(name)) {
        figure::announce(name);
        let measured =
            measure(Scale(scale)).with_context(|| format!("could not measure {name}"))?;
        measured.iter().for_each(Figure::show);
        figures.extend(measured);
    }
    figure::table(&figures, scale);
    if let Some(path) = variable("MUSTER_BENCH_REPORT").map(PathBuf::from) {
        std::fs::write(&path, figure::report(&figures))
            .with_context(|| format!("could not write {}", path.display()))?;
    }
    Ok(())
}

fn variable(name: &str) -> Option<std::ffi::OsString> {
    std::env::var_os(name).filter(|value| !value.is_empty())
}
