//! Whether a rule can be true at all, read from its text: `department == "Sales" && department == "Finance"` is false
//! for everybody, and CEL says so without a word.
//!
//! The rule is taken apart into alternatives, each a list of demands on single names that all have to be met. What is no
//! comparison of a name with literals is taken to be possible, so a rule is only called impossible where it is.

use std::collections::{BTreeMap, BTreeSet};

use cel::common::ast::{CallExpr, Expr, LiteralValue};

use super::Expression;
use crate::identity::Phase;

/// Most alternatives that are looked at; a rule with more is taken to be possible.
const ALTERNATIVES_MAX: usize = 256;

/// The phases of those who can have anything.
const PHASES: [Phase; 3] = [Phase::Prehire, Phase::Active, Phase::Leave];

impl Expression {
    /// Why it can be true for nobody who is here; `None` if it may be.
    pub fn never_true(&self) -> Option<String> {
        let alternatives = alternatives(&self.program.expression().expr, true)?;
        let mut reason = None;
        for alternative in &alternatives {
            reason = Some(contradiction(alternative)?);
        }
        Some(reason.unwrap_or_else(|| "it is always false".to_owned()))
    }
}

#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
enum Known {
    Boolean(bool),
    Number(i64),
    Text(String),
}

/// What is asked of the value of a name.
#[derive(Clone, Debug)]
enum Asks {
    OneOf(BTreeSet<Known>),
    NoneOf(BTreeSet<Known>),
    Below(Known),
    AtMost(Known),
    Above(Known),
    AtLeast(Known),
}

#[derive(Clone, Debug)]
struct Demand {
    name: String,
    asks: Asks,
}

/// Demands that all have to be met.
type Alternative = Vec<Demand>;

/// The ways in which an expression comes out as `wanted`; none if it never does. `None` if there are too many.
fn alternatives(expression: &Expr, wanted: bool) -> Option<Vec<Alternative>> {
    let anything = || Some(vec![Alternative::new()]);
    let one = |name: &str, asks| {
        let name = name.to_owned();
        Some(vec![vec![Demand { name, asks }]])
    };
    match expression {
        Expr::Literal(LiteralValue::Boolean(value)) => Some(if *value.inner() == wanted {
            vec![Alternative::new()]
        } else {
            Vec::new()
        }),
        Expr::Ident(name) => one(name, Asks::OneOf([Known::Boolean(wanted)].into())),
        Expr::Call(call) => match (call.func_name.as_str(), call.args.as_slice()) {
            ("!_", [inner]) => alternatives(&inner.expr, !wanted),
            ("_&&_", [left, right]) => both(&left.expr, &right.expr, (wanted, wanted)),
            ("_||_", [left, right]) => both(&left.expr, &right.expr, (!wanted, wanted)),
            _ => match demand(call, wanted) {
                Some((name, asks)) => one(name, asks),
                None => anything(),
            },
        },
        _ => anything(),
    }
}

/// Both have to come out as wanted where `together`; else either.
fn both(left: &Expr, right: &Expr, (together, wanted): (bool, bool)) -> Option<Vec<Alternative>> {
    let (left, right) = (alternatives(left, wanted)?, alternatives(right, wanted)?);
    let count = if together {
        left.len().saturating_mul(right.len())
    } else {
        left.len() + right.len()
    };
    if count > ALTERNATIVES_MAX {
        return None;
    }
    if !together {
        return Some(left.into_iter().chain(right).collect());
    }
    let pairs = left.iter().flat_map(|one| {
        let with = right.iter();
        with.map(move |other| one.iter().chain(other).cloned().collect())
    });
    Some(pairs.collect())
}

/// What a comparison of a name with literals asks.
fn demand(call: &CallExpr, wanted: bool) -> Option<(&str, Asks)> {
    let [left, right] = call.args.as_slice() else {
        return None;
    };
    let operator = call.func_name.as_str();
    if operator == "@in" {
        let (Expr::Ident(name), Expr::List(list)) = (&left.expr, &right.expr) else {
            return None;
        };
        let items = list.elements.iter().map(|item| known(&item.expr));
        let items = items.collect::<Option<BTreeSet<Known>>>()?;
        return Some((name, among(items, wanted)));
    }
    let (name, value, is_turned) = match (&left.expr, &right.expr) {
        (Expr::Ident(name), value) => (name, known(value)?, false),
        (value, Expr::Ident(name)) => (name, known(value)?, true),
        _ => return None,
    };
    let asks = match (operator, is_turned, wanted) {
        ("_==_", _, wanted) => among([value].into(), wanted),
        ("_!=_", _, wanted) => among([value].into(), !wanted),
        ("_<_", false, true)
        | ("_>_", true, true)
        | ("_>=_", false, false)
        | ("_<=_", true, false) => Asks::Below(value),
        ("_<=_", false, true)
        | ("_>=_", true, true)
        | ("_>_", false, false)
        | ("_<_", true, false) => Asks::AtMost(value),
        ("_>_", false, true)
        | ("_<_", true, true)
        | ("_<=_", false, false)
        | ("_>=_", true, false) => Asks::Above(value),
        ("_>=_", false, true)
        | ("_<=_", true, true)
        | ("_<_", false, false)
        | ("_>_", true, false) => Asks::AtLeast(value),
        _ => return None,
    };
    Some((name, asks))
}

fn among(values: BTreeSet<Known>, wanted: bool) -> Asks {
    if wanted {
        Asks::OneOf(values)
    } else {
        Asks::NoneOf(values)
    }
}

fn known(expression: &Expr) -> Option<Known> {
    let Expr::Literal(literal) = expression else {
        return None;
    };
    match literal {
        LiteralValue::Boolean(value) => Some(Known::Boolean(*value.inner())),
        LiteralValue::Int(value) => Some(Known::Number(*value.inner())),
        LiteralValue::String(value) => Some(Known::Text(value.inner().to_owned())),
        LiteralValue::Bytes(_)
        | LiteralValue::Double(_)
        | LiteralValue::Null
        | LiteralValue::UInt(_) => None,
    }
}

/// What keeps demands from being met all at once.
fn contradiction(alternative: &Alternative) -> Option<String> {
    let mut by_name: BTreeMap<&str, Vec<&Asks>> = BTreeMap::new();
    for demand in alternative {
        by_name.entry(&demand.name).or_default().push(&demand.asks);
    }
    by_name.into_iter().find_map(|(name, asks)| {
        if are_apart(&asks) {
            return Some(format!("no `{name}` is all that it asks for at once"));
        }
        let here = PHASES.map(|phase| Known::Text(phase.as_str().to_owned()));
        let here = Asks::OneOf(here.into());
        let with_phases: Vec<&Asks> = asks.into_iter().chain([&here]).collect();
        (name == "phase" && are_apart(&with_phases))
            .then(|| "it asks for people who have left, and they have nothing".to_owned())
    })
}

fn are_apart(asks: &[&Asks]) -> bool {
    let mut listed = asks.iter().filter_map(|asks| match asks {
        Asks::OneOf(values) => Some(values),
        _ => None,
    });
    if let Some(values) = listed.next() {
        return !values
            .iter()
            .any(|value| asks.iter().all(|asks| asks.allows(value)));
    }
    // Without a list of values, only ends that lie across each other are apart.
    let lows = asks.iter().filter_map(|asks| match asks {
        Asks::Above(value) => Some((value, true)),
        Asks::AtLeast(value) => Some((value, false)),
        _ => None,
    });
    lows.into_iter().any(|(low, is_open)| {
        asks.iter().any(|asks| match asks {
            Asks::Below(high) => are_alike(low, high) && low >= high,
            Asks::AtMost(high) => are_alike(low, high) && (low > high || (is_open && low == high)),
            Asks::OneOf(_) | Asks::NoneOf(_) | Asks::Above(_) | Asks::AtLeast(_) => false,
        })
    })
}

impl Asks {
    fn allows(&self, value: &Known) -> bool {
        match self {
            Asks::OneOf(values) => values.contains(value),
            Asks::NoneOf(values) => !values.contains(value),
            // What cannot be compared is somebody else's remark.
            Asks::Below(limit) => !are_alike(value, limit) || value < limit,
            Asks::AtMost(limit) => !are_alike(value, limit) || value <= limit,
            Asks::Above(limit) => !are_alike(value, limit) || value > limit,
            Asks::AtLeast(limit) => !are_alike(value, limit) || value >= limit,
        }
    }
}

fn are_alike(one: &Known, other: &Known) -> bool {
    std::mem::discriminant(one) == std::mem::discriminant(other)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use crate::rule::Language;

    fn reason(source: &str) -> Option<String> {
        let names = ["department", "title", "level", "remote", "skills"];
        let names: BTreeSet<String> = names.map(str::to_owned).into();
        Language::default()
            .compile(source, &names)
            .unwrap()
            .never_true()
    }

    #[test]
    fn a_rule_that_contradicts_itself_can_be_true_for_nobody() {
        for source in [
            "false",
            "department == \"Sales\" && department == \"Finance\"",
            "department == \"Sales\" && title == \"x\" && department != \"Sales\"",
            "department in [\"A\", \"B\"] && !(department in [\"A\", \"B\", \"C\"])",
            "(department == \"A\" || department == \"B\") && department == \"C\"",
            "!(department == \"A\" || true)",
            "remote && !remote",
            "level > 5 && level < 3",
            "5 <= level && level < 5",
            "level == 4 && level >= 5",
            "phase == \"ended\"",
            "phase != \"active\" && phase != \"leave\" && phase != \"prehire\"",
        ] {
            assert!(reason(source).is_some(), "{source}");
        }
        assert_eq!(
            reason("department == \"A\" && department == \"B\"").unwrap(),
            "no `department` is all that it asks for at once"
        );
    }

    #[test]
    fn what_may_be_true_is_not_called_impossible() {
        for source in [
            "true",
            "department == \"Sales\" || department == \"Finance\"",
            "department == \"Sales\" && title == \"Sales\"",
            "level >= 5 && level <= 5",
            "level > 4 && level < 6",
            "\"php\" in skills && \"rust\" in skills",
            "department.startsWith(\"A\") && department.startsWith(\"B\")",
            "department != \"A\" && department != \"B\"",
            "phase == \"active\" || phase == \"ended\"",
            "remote ? false : true",
        ] {
            assert_eq!(reason(source), None, "{source}");
        }
    }
}
