//! Answers from a tape.

use std::collections::{HashMap, VecDeque};
use std::fs::File;
use std::io::Read as _;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use super::tape::{self, Asked, Said, TAPE_BYTES_MAX, TapeError};

/// A tape that requests are answered from. Each exchange on it answers one request that agrees with its own
/// in everything; those that agree with each other answer in the tape's order.
#[derive(Debug)]
pub struct Player {
    path: PathBuf,
    answers: Mutex<HashMap<Asked, Answers>>,
}

/// What is left of the answers to one request.
#[derive(Debug, Default)]
struct Answers {
    left: VecDeque<Said>,
    /// How many there were.
    count: usize,
}

impl Player {
    /// Reads a tape.
    ///
    /// # Errors
    ///
    /// Where it cannot be read, or is no tape of a version that is known.
    pub fn open(path: impl AsRef<Path>) -> Result<Self, TapeError> {
        let path = path.as_ref().to_owned();
        let text = match read(&path) {
            Ok(Some(text)) => text,
            Ok(None) => return Err(TapeError::TooLarge { path }),
            Err(source) => return Err(TapeError::Read { path, source }),
        };
        let exchanges = match tape::parse(&text) {
            Ok(exchanges) => exchanges,
            Err((line, reason)) => return Err(TapeError::Line { path, line, reason }),
        };
        let mut answers: HashMap<Asked, Answers> = HashMap::new();
        for (asked, said) in exchanges {
            let answers = answers.entry(asked).or_default();
            answers.left.push_back(said);
            answers.count += 1;
        }
        Ok(Self {
            path,
            answers: Mutex::new(answers),
        })
    }

    /// The next answer to a request; an error is a sentence without a full stop.
    pub(super) fn answer(&self, asked: &Asked) -> Result<Said, String> {
        let mut answers = self.answers.lock().unwrap_or_else(PoisonError::into_inner);
        let (tape, Asked { method, url, .. }) = (self.path.display(), asked);
        let Some(found) = answers.get_mut(asked) else {
            let is_near = |other: &&Asked| other.method == *method && other.url == *url;
            let near = match answers.keys().filter(is_near).count() {
                0 => "",
                _ => {
                    ", only to requests to that address with other headers, another body or another credential"
                }
            };
            return Err(format!(
                "the tape {tape} has no answer to {method} {url}{near}"
            ));
        };
        found.left.pop_front().ok_or_else(|| {
            format!(
                "the tape {tape} answers {method} {url} so often and no more: {}",
                found.count
            )
        })
    }
}

/// Reads a file whole; `None` if it is larger than a tape may be.
fn read(path: &Path) -> std::io::Result<Option<String>> {
    let mut file = File::open(path)?;
    if file.metadata()?.len() > TAPE_BYTES_MAX {
        return Ok(None);
    }
    let mut text = String::new();
    file.read_to_string(&mut text)?;
    Ok(Some(text))
}

#[cfg(test)]
mod tests {
    use super::*;

    const TAPE: &str = r#"{"tape":1}
{"request":{"method":"GET","url":"https://a.example/x","headers":[["B","2"],["A","1"]]},"reply":{"status":200,"body":"one"}}
{"request":{"method":"GET","url":"https://a.example/y"},"fault":{"not-sent":"no connection"}}
{"request":{"method":"GET","url":"https://a.example/x","headers":[["a","1"],["b","2"]]},"reply":{"status":200,"body":"two"}}
"#;

    fn asked(path: &str, headers: &[(&str, &str)]) -> Asked {
        let header = |(name, value): &(&str, &str)| ((*name).to_owned(), (*value).to_owned());
        let mut asked = Asked {
            method: "GET".to_owned(),
            url: format!("https://a.example/{path}"),
            headers: headers.iter().map(header).collect(),
            body: Vec::new(),
            credential: None,
        };
        asked.in_order();
        asked
    }

    #[test]
    fn each_exchange_answers_once_and_what_is_not_there_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.tape");
        std::fs::write(&path, TAPE).unwrap();
        let player = Player::open(&path).unwrap();
        let body = |said| match said {
            Said::Reply(reply) => reply.body,
            other => panic!("{other:?}"),
        };
        let x = asked("x", &[("b", "2"), ("a", "1")]);
        assert_eq!(body(player.answer(&x).unwrap()), "one");
        assert!(matches!(
            player.answer(&asked("y", &[])),
            Ok(Said::NotSent(_))
        ));
        assert_eq!(body(player.answer(&x).unwrap()), "two");
        let over = player.answer(&x).unwrap_err();
        assert!(over.contains("no more: 2"), "{over}");
        let near = player.answer(&asked("x", &[])).unwrap_err();
        assert!(near.contains("other headers"), "{near}");
        let unknown = player.answer(&asked("z", &[])).unwrap_err();
        assert!(
            unknown.ends_with("has no answer to GET https://a.example/z"),
            "{unknown}"
        );
    }

    #[test]
    fn a_tape_larger_than_any_is_not_read() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("large.tape");
        let file = File::create(&path).unwrap();
        file.set_len(TAPE_BYTES_MAX + 1).unwrap();
        assert!(matches!(
            Player::open(&path),
            Err(TapeError::TooLarge { .. })
        ));
    }
}
