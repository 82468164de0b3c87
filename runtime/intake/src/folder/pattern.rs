//! Which names in the drop folder a feed takes: `*` stands for any characters, `?` for one; case does not
//! count, because a name that differs in case is the same export to everybody but a computer.

use std::ffi::OsStr;

/// A pattern for names.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Pattern(Vec<char>);

/// A pattern that no name can fit.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
#[error("a pattern is a name with `*` and `?` in it, and has no `/`")]
pub struct InvalidPattern;

impl Pattern {
    /// Every name.
    pub fn all() -> Self {
        Self(vec!['*'])
    }

    /// Takes a pattern.
    ///
    /// # Errors
    /// It is empty, or a path.
    pub fn new(text: &str) -> Result<Self, InvalidPattern> {
        if text.is_empty() || text.contains(['/', '\0']) {
            return Err(InvalidPattern);
        }
        Ok(Self(text.to_lowercase().chars().collect()))
    }

    /// Whether a name fits. Takes time in proportion to name times pattern at most.
    pub fn fits(&self, name: &OsStr) -> bool {
        let name: Vec<char> = name.to_string_lossy().to_lowercase().chars().collect();
        let (mut at, mut of) = (0, 0);
        // Where the last `*` stands, and the part of the name that it does not cover yet.
        let mut star: Option<(usize, usize)> = None;
        while at < name.len() {
            match self.0.get(of) {
                Some('*') => {
                    star = Some((of, at));
                    of += 1;
                }
                Some(char) if *char == '?' || name.get(at) == Some(char) => {
                    (at, of) = (at + 1, of + 1);
                }
                _ => {
                    let Some((before, covered)) = star else {
                        return false;
                    };
                    star = Some((before, covered + 1));
                    (at, of) = (covered + 1, before + 1);
                }
            }
        }
        self.0
            .get(of..)
            .unwrap_or_default()
            .iter()
            .all(|char| *char == '*')
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn c04_a_pattern_fits_what_it_says_and_nothing_else() {
        let fits = |pattern: &str, name: &str| Pattern::new(pattern).unwrap().fits(name.as_ref());
        assert!(fits("*", "anything"));
        assert!(fits("workers*.csv", "workers.csv") && fits("workers*.csv", "Workers_30.11.CSV"));
        assert!(
            !fits("workers*.csv", "workers.csv.bak") && !fits("workers*.csv", "my-workers.csv")
        );
        assert!(fits("a?c", "abc") && !fits("a?c", "ac") && !fits("a?c", "abbc"));
        assert!(fits("*a*b*", "xaxbx") && !fits("*a*b*", "xbxax"));
        let long = "a".repeat(255);
        assert!(!fits(&format!("{}b", "a*".repeat(100)), &long));
        assert!(Pattern::new("").is_err() && Pattern::new("a/b").is_err());
    }
}
