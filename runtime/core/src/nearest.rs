//! The name that was probably meant, for hints.

/// Longest name that is compared, in characters: nobody mistypes more than that.
const CHARS_MAX: usize = 64;

/// How much of a name has to be written to count as its beginning, in characters.
const BEGINNING_MIN: usize = 3;

/// The known name that a wrong one was probably meant to be: the same but for the case of letters, else the
/// one that it begins, else the one that fewest slips of a finger lead to, where they are few for the name's
/// length.
pub fn nearest<'k>(wrong: &str, known: impl IntoIterator<Item = &'k str>) -> Option<&'k str> {
    let lower = folded(wrong);
    let length = lower.chars().count();
    if length > CHARS_MAX {
        return None;
    }
    let slips_max = (length / 3).max(1);
    let slips = |name: &str| {
        let name = folded(name);
        if length >= BEGINNING_MIN && name.starts_with(&lower) {
            usize::from(name != lower)
        } else {
            // A letter that was added, left out, exchanged for another, or swapped with its neighbour.
            strsim::osa_distance(&lower, &name)
        }
    };
    known
        .into_iter()
        .filter(|name| *name != wrong)
        .map(|name| (slips(name), name))
        .filter(|(slips, name)| *slips <= slips_max && *slips < name.chars().count())
        .min_by_key(|(slips, _)| *slips)
        .map(|(_, name)| name)
}

fn folded(name: &str) -> String {
    name.chars()
        .flat_map(char::to_lowercase)
        .take(CHARS_MAX + 1)
        .collect()
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
        assert_eq!(meant("supp"), Some("Support"), "its beginning");
        assert_eq!(meant("Finance"), None);
        assert_eq!(meant(""), None);
        assert_eq!(meant(&"x".repeat(1000)), None);
        assert_eq!(nearest("a", ["b"]), None, "one letter says nothing");
    }
}
