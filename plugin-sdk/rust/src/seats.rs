//! Whether a refusal in words says that no seat is left: [`says_none_is_left`].
//!
//! An app without a case of its own for it says so in a sentence, and so it says many other things about
//! licences: that the plan has no such feature, or that a value must be `full` or `limited`. Only words that
//! stand together count. What is taken for a missing seat waits for one to be bought, in silence.

/// What is counted.
const SEATS: [&str; 14] = [
    "seat",
    "seats",
    "license",
    "licenses",
    "licence",
    "licences",
    "quota",
    "quotas",
    "user-limit",
    "seat-limit",
    "license-limit",
    "licence-limit",
    "member-limit",
    "plan-limit",
];

/// Words before it that say that there is none.
const NONE: [&str; 9] = [
    "no",
    "not-enough",
    "aren't-enough",
    "insufficient",
    "out-of",
    "zero",
    "0",
    "without",
    "lacks",
];

/// Words after it that say that there is none.
const USED_UP: [&str; 12] = [
    "reached",
    "exceeded",
    "exhausted",
    "depleted",
    "consumed",
    "used-up",
    "in-use",
    "taken",
    "assigned",
    "full",
    "unavailable",
    "not-available",
];

/// Words before it that say that there would be too many.
const TOO_MANY: [&str; 5] = ["exceed", "exceeds", "exceeded", "exceeding", "all"];

/// Words that may stand between.
const BETWEEN: [&str; 40] = [
    "more",
    "free",
    "available",
    "remaining",
    "unused",
    "unassigned",
    "further",
    "additional",
    "paid",
    "user",
    "archived",
    "enough",
    "sufficient",
    "limit",
    "count",
    "has",
    "have",
    "been",
    "is",
    "are",
    "was",
    "were",
    "already",
    "of",
    "the",
    "your",
    "this",
    "all",
    "maximum",
    "number",
    "total",
    "purchased",
    "allowed",
    "licensed",
    "allocation",
    "for",
    "account",
    "organization",
    "workspace",
    "currently",
];

/// Most words between.
const BETWEEN_MAX: usize = 5;

/// Whether a text says plainly that no seat, licence or quota is left.
pub fn says_none_is_left(text: &str) -> bool {
    let words = words(text);
    let is_seat = |word: &String| SEATS.contains(&word.as_str());
    words
        .iter()
        .enumerate()
        .filter(|(_, word)| is_seat(word))
        .any(|(index, _)| {
            let before = words.get(..index).unwrap_or_default();
            let after = words.get(index + 1..).unwrap_or_default();
            let missing = nearest(before.iter().rev());
            let used = nearest(after.iter());
            let is_missing =
                missing.is_some_and(|word| NONE.contains(&word) || TOO_MANY[..4].contains(&word));
            let is_used = used.is_some_and(|word| USED_UP.contains(&word));
            is_missing || is_used
        })
}

/// The nearest word that is more than one that may stand between.
fn nearest<'w>(words: impl Iterator<Item = &'w String>) -> Option<&'w str> {
    words
        .take(BETWEEN_MAX + 1)
        .map(String::as_str)
        .find(|word| !BETWEEN.contains(word))
}

/// The words of a text, where those that mean one thing are one.
fn words(text: &str) -> Vec<String> {
    let is_part = |char: char| char.is_alphanumeric() || char == '\'';
    let mut words: Vec<String> = Vec::new();
    for sentence in text.split(['.', ';', ':', ',']) {
        for word in sentence
            .split(|char| !is_part(char))
            .filter(|word| !word.is_empty())
        {
            let word = word.to_lowercase();
            let joined = words.last().map(|last| format!("{last}-{word}"));
            let is_one = |joined: &String| {
                SEATS.contains(&joined.as_str())
                    || NONE.contains(&joined.as_str())
                    || USED_UP.contains(&joined.as_str())
            };
            match joined.filter(is_one) {
                Some(joined) => {
                    words.pop();
                    words.push(joined);
                }
                None => words.push(word),
            }
        }
        // No word of another sentence stands together with these.
        words.push(String::new());
    }
    words
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn f15_what_says_plainly_that_none_is_left_is_understood() {
        for text in [
            "No licenses available",
            "Seat limit reached for this subscription",
            "seat limit reached: 3 of 3 seats are in use",
            "User quota exceeded",
            "There are no more free seats.",
            "You do not have enough: out of licences",
            "There aren't enough available licenses for the specified product-SKU pair",
            "Insufficient archived user licenses",
            "All seats are in use",
            "This would exceed the number of licenses purchased",
            "Domain user limit reached.",
            "Your licenses are exhausted",
        ] {
            assert!(says_none_is_left(text), "{text}");
        }
    }

    #[test]
    fn c52_what_only_speaks_of_licences_is_something_else() {
        for text in [
            "not available on your current subscription",
            "licenseType must be one of full, limited",
            "license must be one of full, limited",
            "Your license does not include SCIM",
            "The full name exceeds the limit of 40 characters for seat holders",
            "No user with this license type may be suspended",
            "Your subscription has reached its end",
            "The quota of your API key: too many requests, none accepted",
            "",
        ] {
            assert!(!says_none_is_left(text), "{text}");
        }
    }
}
