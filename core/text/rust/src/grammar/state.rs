//! How far an answer has come in its grammar.

use std::sync::Arc;

use llguidance::api::StopReason;
use llguidance::Matcher;

use crate::grammar::place::dead_end;
use crate::vocabulary::HubVocabulary;

/// Why a step could not be made.
pub enum StepError {
    /// The caller asked for what is not possible.
    Refused(String),
    /// The grammar cannot be followed any further.
    Stuck(String),
}

/// One answer's progress. End tokens are counted here; the matcher sees only text.
pub struct HubGrammarState {
    vocabulary: Arc<HubVocabulary>,
    matcher: Matcher,
    ends: usize,
}

impl HubGrammarState {
    pub fn new(vocabulary: Arc<HubVocabulary>, matcher: Matcher) -> Self {
        Self { vocabulary, matcher, ends: 0 }
    }

    /// A state that goes on by itself from here; caches stay shared with this one.
    pub fn fork(&self) -> Self {
        Self { vocabulary: self.vocabulary.clone(), matcher: self.matcher.clone(), ends: self.ends }
    }

    /// Sets bit i % 32 of word i / 32 of `mask` where token i may come next.
    pub fn fill_mask(&mut self, mask: &mut [u32]) -> Result<(), StepError> {
        let words = self.vocabulary.width().div_ceil(32);
        if mask.len() != words {
            return Err(StepError::Refused(format!("the mask has {} words, {words} are wanted", mask.len())));
        }
        mask.fill(0);
        let may_end = self.may_end()?;
        if !self.must_end() {
            let allowed = self.matcher.compute_mask().map_err(stuck)?;
            mask.copy_from_slice(&allowed.as_slice()[..words]);
        }
        for &end in self.vocabulary.ends() {
            let (word, bit) = (end as usize / 32, 1 << (end % 32));
            mask[word] = if may_end { mask[word] | bit } else { mask[word] & !bit };
        }
        self.check_alternatives(mask)
    }

    /// A grammar may force text that no tokens spell: the one token that llguidance then names cannot come next either.
    fn check_alternatives(&mut self, mask: &[u32]) -> Result<(), StepError> {
        let mut words = mask.iter().enumerate().filter(|(_, &word)| word != 0);
        let possible = match (words.next(), words.next()) {
            (None, _) => false,
            (Some((index, word)), None) if word.count_ones() == 1 => {
                let token = index as u32 * 32 + word.trailing_zeros();
                self.vocabulary.ends().contains(&token) || self.matcher.validate_tokens(&[token]).map_err(stuck)? == 1
            }
            _ => true,
        };
        if possible {
            Ok(())
        } else {
            Err(StepError::Stuck("no token of the model can come next".to_owned()))
        }
    }

    /// Goes on by one token.
    pub fn accept(&mut self, id: u32) -> Result<(), StepError> {
        if id as usize >= self.vocabulary.width() {
            let width = self.vocabulary.width();
            return Err(StepError::Refused(format!("there is no token {id}, the model has {width}")));
        }
        let accepted = if self.vocabulary.ends().contains(&id) {
            let may_end = self.may_end()?;
            self.ends += usize::from(may_end);
            may_end
        } else if self.must_end() {
            false
        } else {
            self.matcher.try_consume_tokens(&[id]).map_err(stuck)? == 1
        };
        if !accepted {
            return Err(StepError::Refused(format!("token {} cannot come next", self.vocabulary.name(id))));
        }
        Ok(())
    }

    /// Takes the last `count` tokens back.
    pub fn rollback(&mut self, count: usize) -> Result<(), StepError> {
        let ends = count.min(self.ends);
        self.matcher.rollback(count - ends).map_err(stuck)?;
        self.ends -= ends;
        Ok(())
    }

    /// True where the answer is complete.
    pub fn may_end(&mut self) -> Result<bool, StepError> {
        Ok(self.must_end() || self.matcher.is_accepting().map_err(stuck)?)
    }

    /// True where only an end token may follow.
    pub fn must_end(&self) -> bool {
        self.ends > 0 || self.matcher.stop_reason() == StopReason::NoExtension
    }

    /// The tokens that must come next, as the tokenizer writes them; often none.
    pub fn forced(&mut self) -> Vec<u32> {
        if self.must_end() {
            return Vec::new();
        }
        self.matcher.compute_ff_tokens()
    }
}

fn stuck(error: anyhow::Error) -> StepError {
    StepError::Stuck(dead_end(&error.to_string()))
}
