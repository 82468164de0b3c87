//! How many steps an expression takes at most for a person, counted before it is asked. A list within a
//! list within a list takes millions, and nothing may stand still for one rule of one person.
//!
//! The count looks at the expression and at how long the person's values are, never at a clock, so the
//! same person always gives the same answer.

use std::collections::{BTreeMap, BTreeSet};

use cel::common::ast::{CallExpr, ComprehensionExpr, EntryExpr, Expr, IdedExpr, LiteralValue};

/// Most steps that an expression may take for one person: some hundredths of a second.
pub const STEPS_MAX: u64 = 100_000;

/// What a search for a pattern counts as: the pattern is read anew each time.
const PATTERN_STEPS: u64 = 100;

/// How long a value can be.
#[derive(Clone, Copy, Default)]
pub(super) struct Size {
    /// Items, if it is a list.
    pub(super) items: u64,
    /// Bytes of all its texts.
    pub(super) bytes: u64,
}

impl Size {
    fn with(self, other: Self) -> Self {
        Self {
            items: self.items.saturating_add(other.items),
            bytes: self.bytes.saturating_add(other.bytes),
        }
    }
}

/// What an expression takes and gives, at most.
#[derive(Clone, Copy, Default)]
struct Bill {
    steps: u64,
    size: Size,
}

/// Counts the steps of an expression, where a name's value is as long as `size` says.
pub(super) fn steps(expression: &IdedExpr, size: &dyn Fn(&str) -> Size) -> u64 {
    let mut bound = BTreeMap::new();
    bill(&expression.expr, size, &mut bound).steps
}

/// Sizes of the variables that macros bind, the innermost last.
type Bound<'e> = BTreeMap<&'e str, Vec<Size>>;

fn bill<'e>(expression: &'e Expr, size: &dyn Fn(&str) -> Size, bound: &mut Bound<'e>) -> Bill {
    match expression {
        Expr::Unspecified => Bill::default(),
        Expr::Literal(literal) => {
            let bytes = match literal {
                LiteralValue::String(text) => text.inner().len() as u64,
                _ => 16,
            };
            Bill {
                steps: 1,
                size: Size { items: 0, bytes },
            }
        }
        Expr::Ident(name) => {
            let inner = bound.get(name.as_str()).and_then(|sizes| sizes.last());
            if let Some(size) = inner {
                Bill {
                    steps: 1,
                    size: *size,
                }
            } else {
                // A list is made anew each time that it is asked for.
                let size = size(name);
                let steps = size.items.saturating_add(1);
                Bill { steps, size }
            }
        }
        Expr::Select(select) => one_more(bill(&select.operand.expr, size, bound)),
        Expr::Call(call) => of_call(call, size, bound),
        Expr::List(list) => {
            let elements = list.elements.iter().map(|one| &one.expr);
            let mut all = sum(elements, size, bound);
            all.size.items = list.elements.len() as u64;
            all
        }
        Expr::Map(map) => sum(entries(&map.entries), size, bound),
        Expr::Struct(made) => sum(entries(&made.entries), size, bound),
        Expr::Comprehension(comprehension) => of_macro(comprehension, size, bound),
    }
}

fn one_more(bill: Bill) -> Bill {
    Bill {
        steps: bill.steps.saturating_add(1),
        ..bill
    }
}

fn entries(entries: &[cel::common::ast::IdedEntryExpr]) -> impl Iterator<Item = &Expr> {
    entries.iter().flat_map(|entry| match &entry.expr {
        EntryExpr::StructField(field) => vec![&field.value.expr],
        EntryExpr::MapEntry(entry) => vec![&entry.key.expr, &entry.value.expr],
    })
}

fn sum<'e>(
    parts: impl Iterator<Item = &'e Expr>,
    size: &dyn Fn(&str) -> Size,
    bound: &mut Bound<'e>,
) -> Bill {
    let mut all = Bill {
        steps: 1,
        size: Size::default(),
    };
    for part in parts {
        let part = bill(part, size, bound);
        all.steps = all.steps.saturating_add(part.steps);
        all.size = all.size.with(part.size);
    }
    all
}

fn of_call<'e>(call: &'e CallExpr, size: &dyn Fn(&str) -> Size, bound: &mut Bound<'e>) -> Bill {
    let target = call.target.iter().map(|target| &target.expr);
    let parts = target.chain(call.args.iter().map(|argument| &argument.expr));
    let mut all = sum(parts, size, bound);
    let bytes = all.size.bytes;
    match call.func_name.as_str() {
        "split" => all.size.items = bytes.saturating_add(1),
        // What is put in may come in at each byte.
        "replace" => {
            let put_in = call.args.get(1).map(|text| bill(&text.expr, size, bound));
            let put_in = put_in.unwrap_or_default().size.bytes;
            all.size.bytes = bytes.saturating_mul(put_in.saturating_add(1));
        }
        "matches" => all.steps = all.steps.saturating_add(PATTERN_STEPS),
        // Looked for one item after the other.
        "@in" | "_==_" | "_!=_" => all.steps = all.steps.saturating_add(all.size.items),
        _ => {}
    }
    // A long text is not read in one step.
    all.steps = all.steps.saturating_add(all.size.bytes / 65_536);
    all
}

fn of_macro<'e>(
    comprehension: &'e ComprehensionExpr,
    size: &dyn Fn(&str) -> Size,
    bound: &mut Bound<'e>,
) -> Bill {
    let range = bill(&comprehension.iter_range.expr, size, bound);
    let start = bill(&comprehension.accu_init.expr, size, bound);
    // What a person's list holds are texts. What a made list holds may be lists again.
    let is_of_person = matches!(&comprehension.iter_range.expr,
        Expr::Ident(name) if bound.get(name.as_str()).is_none_or(Vec::is_empty));
    let element = Size {
        items: if is_of_person { 0 } else { range.size.items },
        ..range.size
    };
    let inner = [
        Some((comprehension.iter_var.as_str(), element)),
        comprehension
            .iter_var2
            .as_deref()
            .map(|name| (name, element)),
        Some((comprehension.accu_var.as_str(), Size::default())),
    ];
    for (name, size) in inner.iter().flatten() {
        bound.entry(name).or_default().push(*size);
    }
    let round = sum(
        [&comprehension.loop_cond.expr, &comprehension.loop_step.expr].into_iter(),
        size,
        bound,
    );
    let end = bill(&comprehension.result.expr, size, bound);
    for (name, _) in inner.iter().flatten() {
        if let Some(sizes) = bound.get_mut(name) {
            sizes.pop();
        }
    }
    let rounds = range.size.items;
    let steps = [range.steps, start.steps, end.steps];
    let once = steps.into_iter().fold(0_u64, u64::saturating_add);
    Bill {
        steps: once.saturating_add(rounds.saturating_mul(round.steps)),
        size: Size {
            items: rounds,
            bytes: rounds.saturating_mul(round.size.bytes),
        },
    }
}

/// The names that an expression uses, but for those that its macros bind.
pub(super) fn free_names(expression: &IdedExpr) -> BTreeSet<String> {
    let mut names = BTreeSet::new();
    collect(&expression.expr, &mut Vec::new(), &mut names);
    names
}

fn collect<'e>(expression: &'e Expr, bound: &mut Vec<&'e str>, names: &mut BTreeSet<String>) {
    match expression {
        Expr::Unspecified | Expr::Literal(_) => {}
        Expr::Ident(name) => {
            if !name.starts_with('@') && !bound.contains(&name.as_str()) {
                names.insert(name.clone());
            }
        }
        Expr::Select(select) => collect(&select.operand.expr, bound, names),
        Expr::Call(call) => {
            if let Some(target) = &call.target {
                collect(&target.expr, bound, names);
            }
            for argument in &call.args {
                collect(&argument.expr, bound, names);
            }
        }
        Expr::List(list) => {
            for element in &list.elements {
                collect(&element.expr, bound, names);
            }
        }
        Expr::Map(map) => entries(&map.entries).for_each(|entry| collect(entry, bound, names)),
        Expr::Struct(made) => entries(&made.entries).for_each(|entry| collect(entry, bound, names)),
        Expr::Comprehension(comprehension) => {
            collect(&comprehension.iter_range.expr, bound, names);
            collect(&comprehension.accu_init.expr, bound, names);
            let outside = bound.len();
            bound.push(&comprehension.iter_var);
            bound.extend(comprehension.iter_var2.as_deref());
            bound.push(&comprehension.accu_var);
            for part in [
                &comprehension.loop_cond,
                &comprehension.loop_step,
                &comprehension.result,
            ] {
                collect(&part.expr, bound, names);
            }
            bound.truncate(outside);
        }
    }
}
