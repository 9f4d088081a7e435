//! The last answer of each read, so that a fault can serve it once more as a stale one.
//! Input: reads and their answers. Output: the answer before. No I/O.

use parking_lot::Mutex;
use std::collections::HashMap;

use super::call::Call;
use super::message::{Answer, Request};

/// Answers by what was asked.
#[derive(Debug, Default)]
pub(crate) struct Recall(Mutex<HashMap<String, Answer>>);

impl Recall {
    pub fn remember(&self, call: &Call, request: &Request, answer: &Answer) {
        if !call.write {
            self.0.lock().insert(question(call, request), answer.clone());
        }
    }

    pub fn forget(&self) {
        self.0.lock().clear();
    }

    pub fn last(&self, call: &Call, request: &Request) -> Option<Answer> {
        self.0.lock().get(&question(call, request)).cloned()
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
