//! Layout 1 of questions about who somebody is.

use muster_core::question as core;
use serde::{Deserialize, Serialize};

use super::parts::Who;
use crate::codec::{Unreadable, instant, micros};
use crate::kept;

#[derive(Serialize, Deserialize)]
enum Doubt<'a> {
    #[serde(rename = "s", borrow)]
    SamePerson(Who<'a>),
    #[serde(rename = "o")]
    OtherPerson(&'a str),
    #[serde(rename = "n")]
    NotYet(i64),
}

/// A question.
#[derive(Serialize, Deserialize)]
pub(crate) struct Question<'a>(#[serde(borrow)] Who<'a>, #[serde(borrow)] Doubt<'a>);

impl<'a> Question<'a> {
    pub(crate) fn of(question: &'a core::Question) -> Self {
        let doubt = match &question.doubt {
            core::Doubt::SamePerson(other) => Doubt::SamePerson(Who::of(other)),
            core::Doubt::OtherPerson(text) => Doubt::OtherPerson(text),
            core::Doubt::NotYet(starts_at) => Doubt::NotYet(micros(*starts_at)),
        };
        Question(Who::of(&question.person), doubt)
    }

    pub(crate) fn into_core(self) -> Result<core::Question, Unreadable> {
        Ok(core::Question {
            person: self.0.into_core()?,
            doubt: match self.1 {
                Doubt::SamePerson(other) => core::Doubt::SamePerson(other.into_core()?),
                Doubt::OtherPerson(text) => core::Doubt::OtherPerson(text.to_owned()),
                Doubt::NotYet(starts_at) => core::Doubt::NotYet(instant(starts_at)?),
            },
        })
    }
}

/// A question with when it was asked, and whether it was answered.
#[derive(Serialize, Deserialize)]
pub(crate) struct QuestionKept<'a> {
    #[serde(borrow)]
    question: Question<'a>,
    at: i64,
    is_answered: bool,
}

impl<'a> QuestionKept<'a> {
    pub(crate) fn of(kept: &'a kept::Question) -> Self {
        QuestionKept {
            question: Question::of(&kept.question),
            at: micros(kept.at),
            is_answered: kept.is_answered,
        }
    }

    pub(crate) fn into_core(self) -> Result<kept::Question, Unreadable> {
        Ok(kept::Question {
            question: self.question.into_core()?,
            at: instant(self.at)?,
            is_answered: self.is_answered,
        })
    }
}
