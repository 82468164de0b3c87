//! What the daemon counts, in the text form that Prometheus reads.
//!
//! Labels carry ids and names of the configuration only, never a person. A family is told whole by
//! whoever owns the numbers, so nothing is registered and nothing can be forgotten at the end.

use std::fmt::Write;

/// A family of samples under one name.
#[derive(Clone, PartialEq, Debug)]
pub(crate) struct Family {
    /// The name, such as `muster_operations_open`. Counters end in `_total`.
    pub(crate) name: &'static str,
    /// What it counts, as a sentence.
    pub(crate) help: &'static str,
    /// How it moves.
    pub(crate) kind: Kind,
    /// The samples.
    pub(crate) samples: Vec<Sample>,
}

/// How a family moves.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Kind {
    /// Only ever up, until the daemon restarts.
    Counter,
    /// Up and down.
    Gauge,
}

/// One number with its labels.
#[derive(Clone, PartialEq, Debug)]
pub(crate) struct Sample {
    /// Label and value.
    pub(crate) labels: Vec<(&'static str, String)>,
    /// The number.
    pub(crate) value: f64,
}

impl Family {
    /// A family with one sample and no labels.
    pub(crate) fn single(name: &'static str, help: &'static str, kind: Kind, value: f64) -> Self {
        Self {
            name,
            help,
            kind,
            samples: vec![Sample {
                labels: Vec::new(),
                value,
            }],
        }
    }

    /// A family with one label.
    pub(crate) fn by(
        name: &'static str,
        help: &'static str,
        kind: Kind,
        label: &'static str,
        values: impl IntoIterator<Item = (String, f64)>,
    ) -> Self {
        let samples = values
            .into_iter()
            .map(|(name, value)| Sample {
                labels: vec![(label, name)],
                value,
            })
            .collect();
        Self {
            name,
            help,
            kind,
            samples,
        }
    }
}

/// The text that `/metrics` answers with.
pub(crate) fn text(families: &[Family]) -> String {
    let mut text = String::new();
    for family in families {
        let kind = match family.kind {
            Kind::Counter => "counter",
            Kind::Gauge => "gauge",
        };
        let (name, help) = (family.name, family.help);
        // Writing to a String cannot fail.
        writeln!(text, "# HELP {name} {help}\n# TYPE {name} {kind}").ok();
        for sample in &family.samples {
            write_sample(&mut text, name, sample);
        }
    }
    text
}

fn write_sample(text: &mut String, name: &str, sample: &Sample) {
    text.push_str(name);
    for (index, (label, value)) in sample.labels.iter().enumerate() {
        let open = if index == 0 { '{' } else { ',' };
        write!(text, "{open}{label}=\"{}\"", escaped(value)).ok();
    }
    if !sample.labels.is_empty() {
        text.push('}');
    }
    writeln!(text, " {}", sample.value).ok();
}

fn escaped(value: &str) -> String {
    value
        .replace('\\', "\\\\")
        .replace('"', "\\\"")
        .replace('\n', "\\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn labels_are_escaped_and_numbers_are_plain() {
        let families = [
            Family::single("muster_up", "Whether it is up.", Kind::Gauge, 1.0),
            Family::by(
                "muster_operations_open",
                "Operations that have not ended.",
                Kind::Gauge,
                "target",
                [("a\"b\\c\nd".to_owned(), 2.5)],
            ),
        ];
        let expected = "# HELP muster_up Whether it is up.\n\
                        # TYPE muster_up gauge\n\
                        muster_up 1\n\
                        # HELP muster_operations_open Operations that have not ended.\n\
                        # TYPE muster_operations_open gauge\n\
                        muster_operations_open{target=\"a\\\"b\\\\c\\nd\"} 2.5\n";
        assert_eq!(text(&families), expected);
    }
}
