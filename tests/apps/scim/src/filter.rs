//! Filters of RFC 7644, section 3.4.2.2: reading them, with the attributes resolved on the way.
//!
//! A filter that names an unknown attribute is refused: a service that ignores it would answer with
//! everything, which is the mistake that costs people their accounts. Length and depth are bounded.

use serde_json::Value;

use crate::error::ScimError;
use crate::resource::ResourceType;
use crate::schema::{self, Path};

/// The longest filter that is read, in bytes.
pub(crate) const LENGTH_MAX: usize = 8 * 1024;
/// How deep parentheses and `not` may nest.
pub(crate) const DEPTH_MAX: u32 = 32;

/// A condition on a resource, or on one of several values of an attribute.
#[derive(Debug, Clone)]
pub(crate) enum Filter {
    And(Box<Filter>, Box<Filter>),
    Or(Box<Filter>, Box<Filter>),
    Not(Box<Filter>),
    Present(Path),
    Compare {
        path: Path,
        operator: Operator,
        literal: Value,
    },
    /// `emails[type eq "work"]`: one value meets the condition.
    Within {
        path: Path,
        condition: Box<Filter>,
    },
}

/// How a value is compared with a literal.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Operator {
    Equal,
    NotEqual,
    Contains,
    StartsWith,
    EndsWith,
    Greater,
    GreaterOrEqual,
    Less,
    LessOrEqual,
}

impl Operator {
    fn read(word: &str) -> Option<Self> {
        Some(match word.to_ascii_lowercase().as_str() {
            "eq" => Self::Equal,
            "ne" => Self::NotEqual,
            "co" => Self::Contains,
            "sw" => Self::StartsWith,
            "ew" => Self::EndsWith,
            "gt" => Self::Greater,
            "ge" => Self::GreaterOrEqual,
            "lt" => Self::Less,
            "le" => Self::LessOrEqual,
            _ => return None,
        })
    }
}

/// Reads a whole filter.
pub(crate) fn parse(resource_type: ResourceType, text: &str) -> Result<Filter, ScimError> {
    if text.len() > LENGTH_MAX {
        return Err(ScimError::bad(
            "invalidFilter",
            format!("the filter is longer than {LENGTH_MAX} bytes"),
        ));
    }
    let mut parser = Parser {
        resource_type,
        within: None,
        rest: text,
        depth: 0,
    };
    let filter = parser.either()?;
    parser.skip_spaces();
    if parser.rest.is_empty() {
        Ok(filter)
    } else {
        Err(parser.refused("the filter should end"))
    }
}

/// Reads `attribute[condition]` at the start of a PATCH path; also what comes after the bracket.
pub(crate) fn parse_value_path(
    resource_type: ResourceType,
    text: &str,
) -> Result<(Path, Filter, &str), ScimError> {
    let mut parser = Parser {
        resource_type,
        within: None,
        rest: text,
        depth: 0,
    };
    let path = parser.path()?;
    let condition = parser.bracket(path)?;
    Ok((path, condition, parser.rest))
}

struct Parser<'text> {
    resource_type: ResourceType,
    /// The attribute whose brackets are being read: names inside are its parts.
    within: Option<Path>,
    rest: &'text str,
    depth: u32,
}

impl<'text> Parser<'text> {
    fn either(&mut self) -> Result<Filter, ScimError> {
        let mut left = self.both()?;
        while self.take_word("or") {
            left = Filter::Or(Box::new(left), Box::new(self.both()?));
        }
        Ok(left)
    }

    fn both(&mut self) -> Result<Filter, ScimError> {
        let mut left = self.one()?;
        while self.take_word("and") {
            left = Filter::And(Box::new(left), Box::new(self.one()?));
        }
        Ok(left)
    }

    fn one(&mut self) -> Result<Filter, ScimError> {
        self.depth += 1;
        if self.depth > DEPTH_MAX {
            return Err(ScimError::bad(
                "invalidFilter",
                "the filter nests too deeply",
            ));
        }
        let filter = if self.take_word("not") {
            Filter::Not(Box::new(self.group()?))
        } else if self.peek() == Some('(') {
            self.group()?
        } else {
            self.comparison()?
        };
        self.depth -= 1;
        Ok(filter)
    }

    fn group(&mut self) -> Result<Filter, ScimError> {
        self.expect('(')?;
        let filter = self.either()?;
        self.expect(')')?;
        Ok(filter)
    }

    fn comparison(&mut self) -> Result<Filter, ScimError> {
        let path = self.path()?;
        if self.rest.starts_with('[') {
            let condition = Box::new(self.bracket(path)?);
            return Ok(Filter::Within { path, condition });
        }
        if self.take_word("pr") {
            return Ok(Filter::Present(path));
        }
        self.skip_spaces();
        let word = self
            .rest
            .split(|c: char| !c.is_ascii_alphabetic())
            .next()
            .unwrap_or_default();
        let operator = Operator::read(word).ok_or_else(|| self.refused("an operator"))?;
        self.rest = &self.rest[word.len()..];
        let literal = self.literal()?;
        Ok(Filter::Compare {
            path,
            operator,
            literal,
        })
    }

    fn bracket(&mut self, path: Path) -> Result<Filter, ScimError> {
        if self.within.is_some() || !path.attribute.is_multi || path.sub.is_some() {
            return Err(self.refused("no bracket"));
        }
        self.expect('[')?;
        self.within = Some(path);
        let condition = self.either()?;
        self.within = None;
        self.expect(']')?;
        Ok(condition)
    }

    fn path(&mut self) -> Result<Path, ScimError> {
        self.skip_spaces();
        let is_name =
            |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | ':' | '_' | '-' | '$');
        let end = self
            .rest
            .find(|c: char| !is_name(c))
            .unwrap_or(self.rest.len());
        let (name, rest) = self.rest.split_at(end);
        let path = match self.within {
            Some(outer) => {
                let sub = outer.attribute.sub(name);
                sub.map(|sub| Path {
                    sub: Some(sub),
                    ..outer
                })
            }
            None => schema::resolve(self.resource_type, name),
        };
        let path = path.ok_or_else(|| {
            ScimError::bad(
                "invalidFilter",
                format!("there is no attribute {name:?} to filter by"),
            )
        })?;
        self.rest = rest;
        Ok(path)
    }

    /// A JSON literal: string, number, boolean or null.
    fn literal(&mut self) -> Result<Value, ScimError> {
        self.skip_spaces();
        let mut values = serde_json::Deserializer::from_str(self.rest).into_iter::<Value>();
        let read = values.next();
        let end = values.byte_offset();
        match read {
            Some(Ok(value)) if !value.is_object() && !value.is_array() => {
                self.rest = &self.rest[end..];
                Ok(value)
            }
            // A bare word right before a bracket makes serde_json look further than the literal.
            _ => self.bare_literal(),
        }
    }

    fn bare_literal(&mut self) -> Result<Value, ScimError> {
        let end = self.rest.find([')', ']', ' ']).unwrap_or(self.rest.len());
        let (word, rest) = self.rest.split_at(end);
        let value = serde_json::from_str(word).map_err(|_| self.refused("a value in quotes"))?;
        self.rest = rest;
        Ok(value)
    }

    fn skip_spaces(&mut self) {
        self.rest = self.rest.trim_start_matches(' ');
    }

    fn peek(&mut self) -> Option<char> {
        self.skip_spaces();
        self.rest.chars().next()
    }

    fn expect(&mut self, wanted: char) -> Result<(), ScimError> {
        self.skip_spaces();
        match self.rest.strip_prefix(wanted) {
            Some(rest) => {
                self.rest = rest;
                Ok(())
            }
            None => Err(self.refused(&format!("{wanted:?}"))),
        }
    }

    /// Takes a word that stands by itself: followed by a space, a bracket or the end.
    fn take_word(&mut self, word: &str) -> bool {
        self.skip_spaces();
        let Some(head) = self.rest.get(..word.len()) else {
            return false;
        };
        let rest: &'text str = &self.rest[word.len()..];
        let ends = rest
            .chars()
            .next()
            .is_none_or(|c| matches!(c, ' ' | '(' | ')' | ']'));
        if head.eq_ignore_ascii_case(word) && ends {
            self.rest = rest;
            return true;
        }
        false
    }

    fn refused(&self, wanted: &str) -> ScimError {
        let place: String = self.rest.chars().take(20).collect();
        ScimError::bad("invalidFilter", format!("expected {wanted} at {place:?}"))
    }
}

#[cfg(test)]
mod tests {
    use super::{DEPTH_MAX, Filter, LENGTH_MAX, parse};
    use crate::resource::ResourceType;

    #[test]
    fn and_binds_closer_than_or() {
        let text = r#"userName eq "a" or userName eq "b" and active eq true"#;
        let Filter::Or(_, right) = parse(ResourceType::User, text).unwrap() else {
            panic!("expected or on top");
        };
        assert!(matches!(*right, Filter::And(..)));
    }

    #[test]
    fn a_filter_that_cannot_be_read_is_refused() {
        for text in [
            "",
            "userName",
            "userName eq",
            "userName eq zoe",
            r#"userName is "zoe""#,
            r#"shoeSize eq "44""#,
            r#"(userName eq "zoe""#,
            r#"emails[type eq "work" and value pr"#,
            r#"userName eq "zoe" userName pr"#,
            r#"emails[emails[type eq "x"]]"#,
        ] {
            let refused = parse(ResourceType::User, text).unwrap_err();
            assert_eq!(refused.scim_type, Some("invalidFilter"), "{text}");
        }
    }

    #[test]
    fn length_and_depth_are_bounded() {
        let long = format!("userName eq \"{}\"", "a".repeat(LENGTH_MAX));
        assert!(parse(ResourceType::User, &long).is_err());
        let nested =
            |depth: usize| format!("{}userName pr{}", "(".repeat(depth), ")".repeat(depth));
        let depth_max = usize::try_from(DEPTH_MAX).unwrap();
        assert!(parse(ResourceType::User, &nested(depth_max - 1)).is_ok());
        assert!(parse(ResourceType::User, &nested(depth_max)).is_err());
    }
}
