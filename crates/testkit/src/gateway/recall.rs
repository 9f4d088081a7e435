//! The last answer of each read, so that a fault can serve it once more as a stale one.
//! Input: reads and their answers. Output: the answer before. No I/O.

use std::collections::HashMap;
use std::sync::Mutex;

use super::call::Call;
use super::locked;
use super::message::{Answer, Request};

/// Answers by what was asked.
#[derive(Debug, Default)]
pub(crate) struct Recall(Mutex<HashMap<String, Answer>>);

impl Recall {
    pub fn remember(&self, call: &Call, request: &Request, answer: &Answer) {
        if !call.write {
            locked(&self.0).insert(question(call, request), answer.clone());
        }
    }

    pub fn forget(&self) {
        locked(&self.0).clear();
    }

    pub fn last(&self, call: &Call, request: &Request) -> Option<Answer> {
        locked(&self.0).get(&question(call, request)).cloned()
    }
}

fn question(call: &Call, request: &Request) -> String {
    format!(
        "{} {} {} {}",
        call.service,
        request.method,
        request.uri,
        String::from_utf8_lossy(&request.body)
    )
}
