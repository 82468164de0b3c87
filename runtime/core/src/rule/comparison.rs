//! What an expression compares an attribute with, read from its text: to find a rule that can hold for nobody
//! before somebody waits for access.
//!
//! CEL answers `department == 5` with no for everybody, without a word. Only plain comparisons are read, a
//! name on one side and a literal on the other; whatever else an expression does is not judged here.

use crate::identity::ValueType;

/// A literal in an expression.
#[derive(Clone, PartialEq, Debug)]
pub enum Literal {
    /// A text, without its quotes.
    Text(String),
    /// A number, as it is written.
    Number(String),
    /// `true` or `false`.
    Boolean(bool),
}

/// A name that is compared with a literal.
#[derive(Clone, PartialEq, Debug)]
pub struct Comparison {
    /// The name.
    pub name: String,
    /// What it is compared with.
    pub literal: Literal,
    /// Whether it has to be the same for the comparison to hold: `==`, or one of the list after `in`.
    pub is_equality: bool,
    /// As it is written.
    pub shown: String,
}

impl Comparison {
    /// Why it can never hold for an attribute of this type; `None` if it can.
    pub fn never_holds(&self, value_type: ValueType) -> Option<String> {
        let fits = match (&self.literal, value_type) {
            // An empty cell is an empty text, whatever the type.
            (Literal::Text(text), _) if text.is_empty() => true,
            (Literal::Text(_), ValueType::Text | ValueType::Day)
            | (Literal::Number(_), ValueType::Integer)
            | (Literal::Boolean(_), ValueType::Boolean) => true,
            (Literal::Text(_) | Literal::Number(_) | Literal::Boolean(_), _) => false,
        };
        if fits {
            return None;
        }
        let (name, shown) = (&self.name, &self.shown);
        let write = match (value_type, &self.literal) {
            (ValueType::Text, Literal::Number(number)) => format!("write {name} == \"{number}\""),
            (ValueType::Text, _) => "write a text in quotes".to_owned(),
            (ValueType::Integer, _) => "write a number without quotes".to_owned(),
            (ValueType::Boolean, _) => format!("write {name} or !{name}"),
            (ValueType::Day, _) => "write a day as \"2026-12-31\"".to_owned(),
            (ValueType::List, Literal::Text(text)) => format!("write \"{text}\" in {name}"),
            (ValueType::List, _) => "a list has texts in it".to_owned(),
        };
        let kind = match value_type {
            ValueType::Text => "a text",
            ValueType::Boolean => "yes or no",
            ValueType::Integer => "a number",
            ValueType::Day => "a day",
            ValueType::List => "a list",
        };
        Some(format!(
            "`{shown}` can never hold: `{name}` is {kind}; {write}"
        ))
    }
}

/// The comparisons of an expression.
pub fn comparisons(source: &str) -> Vec<Comparison> {
    let tokens = tokens(source);
    let mut found = Vec::new();
    for (index, token) in tokens.iter().enumerate() {
        let Token::Operator(operator) = token else {
            continue;
        };
        let is_equality = match operator.as_str() {
            "==" | "in" => true,
            "!=" | "<" | "<=" | ">" | ">=" => false,
            _ => continue,
        };
        if operator == "in" {
            found.extend(in_list(&tokens, index));
            continue;
        }
        let (before, after) = (index.checked_sub(1), index + 1);
        let (Some(left), Some(right)) = (before.and_then(|at| tokens.get(at)), tokens.get(after))
        else {
            continue;
        };
        let ((Token::Name(name), Token::Literal(literal))
        | (Token::Literal(literal), Token::Name(name))) = (left, right)
        else {
            continue;
        };
        let is_whole = before.is_none_or(|at| at == 0 || !joins(tokens.get(at - 1)))
            && !joins(tokens.get(after + 1));
        if is_whole {
            let (left, right) = (left.shown(), right.shown());
            found.push(Comparison {
                name: name.clone(),
                literal: literal.clone(),
                is_equality,
                shown: format!("{left} {operator} {right}"),
            });
        }
    }
    found
}

/// `department in ["Sales", "Finance"]`: one comparison for each literal of the list.
fn in_list(tokens: &[Token], index: usize) -> Vec<Comparison> {
    let name = index.checked_sub(1).and_then(|at| tokens.get(at));
    let is_whole = index < 2 || !joins(tokens.get(index - 2));
    let (Some(Token::Name(name)), Some(Token::Operator(open)), true) =
        (name, tokens.get(index + 1), is_whole)
    else {
        return Vec::new();
    };
    if open != "[" {
        return Vec::new();
    }
    let mut found = Vec::new();
    for token in tokens.iter().skip(index + 2) {
        match token {
            Token::Literal(literal) => found.push(Comparison {
                name: name.clone(),
                literal: literal.clone(),
                is_equality: true,
                shown: format!("{name} in [{}]", token.shown()),
            }),
            Token::Operator(comma) if comma == "," => {}
            Token::Operator(close) if close == "]" => return found,
            // Something is worked out in the list.
            Token::Operator(_) | Token::Name(_) => return Vec::new(),
        }
    }
    found
}

/// Whether a neighbour makes a name or literal a part of something larger.
fn joins(token: Option<&Token>) -> bool {
    match token {
        Some(Token::Operator(operator)) => {
            matches!(
                operator.as_str(),
                "." | "+" | "-" | "*" | "/" | "%" | "call"
            )
        }
        Some(Token::Name(_) | Token::Literal(_)) => true,
        None => false,
    }
}

#[derive(Clone, PartialEq, Debug)]
enum Token {
    Name(String),
    Literal(Literal),
    Operator(String),
}

impl Token {
    fn shown(&self) -> String {
        match self {
            Token::Name(text) | Token::Operator(text) => text.clone(),
            Token::Literal(Literal::Text(text)) => format!("\"{text}\""),
            Token::Literal(Literal::Number(number)) => number.clone(),
            Token::Literal(Literal::Boolean(yes)) => yes.to_string(),
        }
    }
}

fn tokens(source: &str) -> Vec<Token> {
    let chars: Vec<char> = source.chars().collect();
    let mut tokens = Vec::new();
    let mut at = 0;
    while let Some(&char) = chars.get(at) {
        let from = at;
        if char.is_whitespace() {
            at += 1;
        } else if char == '"' || char == '\'' {
            let (text, end) = quoted(&chars, at);
            at = end;
            tokens.push(Token::Literal(Literal::Text(text)));
        } else if char.is_ascii_digit() {
            at += run(&chars, at, |char| {
                char.is_ascii_alphanumeric() || char == '.'
            });
            let number = chars.get(from..at).unwrap_or_default().iter().collect();
            tokens.push(Token::Literal(Literal::Number(number)));
        } else if char.is_alphabetic() || char == '_' {
            at += run(&chars, at, |char| char.is_alphanumeric() || char == '_');
            let word: String = chars.get(from..at).unwrap_or_default().iter().collect();
            // `r"..."` and `b"..."` are quoted in ways that are not read here.
            let is_prefix = matches!(chars.get(at), Some('"' | '\'')) && word.len() <= 2;
            if is_prefix {
                at = quoted(&chars, at).1;
            }
            tokens.push(match word.as_str() {
                _ if is_prefix => Token::Operator("call".to_owned()),
                "in" => Token::Operator(word),
                "true" => Token::Literal(Literal::Boolean(true)),
                "false" => Token::Literal(Literal::Boolean(false)),
                _ if matches!(chars.get(at), Some('(' | '[')) => Token::Operator("call".to_owned()),
                _ => Token::Name(word),
            });
        } else {
            let two: String = chars.get(at..at + 2).unwrap_or_default().iter().collect();
            let is_two = matches!(two.as_str(), "==" | "!=" | "<=" | ">=" | "&&" | "||");
            at += if is_two { 2 } else { 1 };
            tokens.push(Token::Operator(if is_two { two } else { char.to_string() }));
        }
    }
    tokens
}

fn run(chars: &[char], from: usize, goes_on: impl Fn(char) -> bool) -> usize {
    let rest = chars.get(from..).unwrap_or_default().iter();
    rest.take_while(|char| goes_on(**char)).count().max(1)
}

/// The text of a literal, and where it ends.
fn quoted(chars: &[char], from: usize) -> (String, usize) {
    let quote = chars.get(from).copied();
    let (mut text, mut at) = (String::new(), from + 1);
    while let Some(&char) = chars.get(at) {
        at += 1;
        if Some(char) == quote {
            break;
        }
        if char == '\\'
            && let Some(&escaped) = chars.get(at)
        {
            text.push(escaped);
            at += 1;
        } else {
            text.push(char);
        }
    }
    (text, at)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(source: &str) -> Vec<String> {
        let found = comparisons(source).into_iter();
        found.map(|one| one.shown).collect()
    }

    #[test]
    fn plain_comparisons_are_found_wherever_they_stand() {
        let source =
            "(department == \"Sales\" || 'Ops' == department) && !(level >= 3) && x in ['a', 'b']";
        let expected = [
            "department == \"Sales\"",
            "\"Ops\" == department",
            "level >= 3",
            "x in [\"a\"]",
            "x in [\"b\"]",
        ];
        assert_eq!(found(source), expected);
    }

    #[test]
    fn what_is_worked_out_first_is_not_judged() {
        for source in [
            "size(name) == 5",
            "department.lowerAscii() == \"sales\"",
            "level + 1 == 5",
            "name == \"a\" + other",
            "\"a\" in skills",
            "skills[0] == \"a\"",
            "department in [\"a\" + x]",
            "x == r\"a\"",
            "map.department == 5",
        ] {
            assert_eq!(found(source), Vec::<String>::new(), "{source}");
        }
    }

    #[test]
    fn c70_a_comparison_of_two_types_can_never_hold() {
        let why = |source: &str, value_type| {
            let found = comparisons(source);
            assert_eq!(found.len(), 1, "{source}");
            found[0].never_holds(value_type)
        };
        let text = why("department == 5", ValueType::Text).unwrap();
        assert!(text.contains("write department == \"5\""), "{text}");
        assert!(why("level == \"5\"", ValueType::Integer).is_some());
        assert!(why("remote == \"yes\"", ValueType::Boolean).is_some());
        assert!(
            why("skills == \"php\"", ValueType::List)
                .unwrap()
                .contains("\"php\" in skills")
        );
        assert!(why("first_day < 2026", ValueType::Day).is_some());
        assert!(why("department != 5", ValueType::Text).is_some());
        for (source, value_type) in [
            ("level == \"\"", ValueType::Integer),
            ("level == 5", ValueType::Integer),
            ("remote == true", ValueType::Boolean),
            ("first_day < \"2026-01-01\"", ValueType::Day),
        ] {
            assert_eq!(why(source, value_type), None, "{source}");
        }
    }
}
