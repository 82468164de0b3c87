//! A figure: a ratio, the bound that it has to hold, and how both are shown.

#![expect(
    clippy::print_stdout,
    reason = "a measurement's result is what it prints"
)]

use serde_json::{Value, json};

/// Which way is good.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Better {
    Lower,
    Higher,
}

/// What was measured.
pub(crate) struct Figure {
    pub(crate) name: &'static str,
    pub(crate) ratio: f64,
    pub(crate) bound: f64,
    pub(crate) better: Better,
    /// Times and sizes, and what is in them.
    pub(crate) detail: String,
}

impl Figure {
    /// Whether the bound holds.
    fn holds(&self) -> bool {
        match self.better {
            Better::Lower => self.ratio <= self.bound,
            Better::Higher => self.ratio >= self.bound,
        }
    }

    fn verdict(&self) -> &'static str {
        if self.holds() { "holds" } else { "MISSED" }
    }

    fn sign(&self) -> &'static str {
        match self.better {
            Better::Lower => "<=",
            Better::Higher => ">=",
        }
    }

    /// Says it as soon as it is known.
    pub(crate) fn show(&self) {
        let Figure {
            name,
            ratio,
            bound,
            detail,
            ..
        } = self;
        println!(
            "  {name} {ratio:.3} ({} {bound}, {}): {detail}",
            self.sign(),
            self.verdict()
        );
    }

    fn json(&self) -> Value {
        let better = match self.better {
            Better::Lower => "lower",
            Better::Higher => "higher",
        };
        json!({
            "name": self.name,
            "ratio": (self.ratio * 10_000.0).round() / 10_000.0,
            "bound": self.bound,
            "better": better,
            "detail": self.detail,
        })
    }
}

/// Says what is measured next.
pub(crate) fn announce(name: &str) {
    println!("measuring: {name}");
}

/// Shows all figures together.
pub(crate) fn table(figures: &[Figure], scale: f64) {
    println!();
    println!(
        "{:<24} {:>8}  {:<8}  {:<7} detail",
        "figure", "ratio", "bound", ""
    );
    for figure in figures {
        println!(
            "{:<24} {:>8.3}  {} {:<5}  {:<7} {}",
            figure.name,
            figure.ratio,
            figure.sign(),
            figure.bound,
            figure.verdict(),
            figure.detail
        );
    }
    let missed = figures.iter().filter(|figure| !figure.holds()).count();
    println!();
    println!(
        "{missed} of {} bounds missed, at scale {scale}",
        figures.len()
    );
}

/// All figures as the report's JSON.
pub(crate) fn report(figures: &[Figure]) -> String {
    let figures: Vec<Value> = figures.iter().map(Figure::json).collect();
    format!("{:#}\n", Value::Array(figures))
}
