//! The name that was probably meant, for hints.

/// Longest name that is compared, in characters: nobody mistypes more than that.
const CHARS_MAX: usize = 64;

/// The known name that a wrong one was probably meant to be: the same but for the case of letters, else the
/// one that fewest slips of a finger lead to, where they are few for the name's length.
pub fn nearest<'k>(wrong: &str, known: impl IntoIterator<Item = &'k str>) -> Option<&'k str> {
    let lower = folded(wrong);
    if lower.len() > CHARS_MAX {
        return None;
    }
    let slips_max = (lower.len() / 3).max(1);
    known
        .into_iter()
        .filter(|name| *name != wrong)
        .map(|name| (slips(&lower, &folded(name)), name))
        .filter(|(slips, name)| *slips <= slips_max && *slips < name.chars().count())
        .min_by_key(|(slips, _)| *slips)
        .map(|(_, name)| name)
}

fn folded(name: &str) -> Vec<char> {
    name.chars()
        .flat_map(char::to_lowercase)
        .take(CHARS_MAX + 1)
        .collect()
}

/// How many letters have to be added, left out, exchanged for another, or swapped with their neighbour.
fn slips(one: &[char], other: &[char]) -> usize {
    let width = other.len() + 1;
    let mut rows = vec![vec![0; width]; one.len() + 1];
    for (index, row) in rows.iter_mut().enumerate() {
        row[0] = index;
    }
    for (index, cell) in rows[0].iter_mut().enumerate() {
        *cell = index;
    }
    for a in 1..=one.len() {
        for b in 1..width {
            let differs = usize::from(one[a - 1] != other[b - 1]);
            let mut best = (rows[a - 1][b] + 1)
                .min(rows[a][b - 1] + 1)
                .min(rows[a - 1][b - 1] + differs);
            let is_swap =
                a > 1 && b > 1 && one[a - 1] == other[b - 2] && one[a - 2] == other[b - 1];
            if is_swap {
                best = best.min(rows[a - 2][b - 2] + 1);
            }
            rows[a][b] = best;
        }
    }
    rows[one.len()][other.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_probably_meant_is_a_slip_or_two_away() {
        let known = ["displayName", "userName", "Support", "Sales"];
        let meant = |wrong: &str| nearest(wrong, known);
        assert_eq!(meant("displayNam"), Some("displayName"));
        assert_eq!(meant("Suport"), Some("Support"));
        assert_eq!(meant("sales"), Some("Sales"));
        assert_eq!(meant("Slaes"), Some("Sales"));
        assert_eq!(meant("Finance"), None);
        assert_eq!(meant(""), None);
        assert_eq!(meant(&"x".repeat(1000)), None);
        assert_eq!(nearest("a", ["b"]), None, "one letter says nothing");
    }
}
