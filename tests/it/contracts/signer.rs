//! The vendors' libraries, kept running to sign webhooks.

use std::io::{BufRead, BufReader, Write};
use std::process::{ChildStdin, Stdio};
use std::sync::mpsc::{Receiver, channel};

use serde_json::{Value, json};

use super::{Killed, STARTING, python, script};

pub struct Signer {
    _child: Killed,
    questions: ChildStdin,
    answers: Receiver<String>,
}

/// What is posted, before it is signed.
#[derive(Clone)]
pub enum Body {
    Form(Vec<(String, String)>),
    Json(String),
}

impl Body {
    pub fn form(fields: &[(&str, &str)]) -> Body {
        Body::Form(fields.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect())
    }

    pub fn content_type(&self) -> &'static str {
        match self {
            Body::Form(_) => "application/x-www-form-urlencoded; charset=UTF-8",
            Body::Json(_) => "application/json",
        }
    }

    pub fn bytes(&self) -> Vec<u8> {
        match self {
            Body::Form(fields) => {
                url::form_urlencoded::Serializer::new(String::new()).extend_pairs(fields).finish().into_bytes()
            }
            Body::Json(text) => text.clone().into_bytes(),
        }
    }
}

impl Signer {
    pub fn start() -> Signer {
        let mut child = python()
            .arg(script("signer.py"))
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("python starts");
        let questions = child.stdin.take().unwrap();
        let out = BufReader::new(child.stdout.take().unwrap());
        let (sender, answers) = channel();
        std::thread::spawn(move || out.lines().map_while(Result::ok).try_for_each(|line| sender.send(line)));
        Signer { _child: Killed(child), questions, answers }
    }

    pub fn ask(&mut self, question: &Value) -> Value {
        writeln!(self.questions, "{question}").unwrap();
        let answer = self.answers.recv_timeout(STARTING).expect("the signer answers in time");
        let answer: Value = serde_json::from_str(&answer).unwrap();
        assert!(answer["error"].is_null(), "{answer}");
        answer
    }

    /// The headers of a signed POST.
    pub fn sign(&mut self, scheme: &str, key: &str, url: &str, body: &Body, at: i64) -> Vec<(String, String)> {
        let mut question = json!({ "scheme": scheme, "key": key, "url": url, "at": at });
        match body {
            Body::Form(fields) => question["form"] = json!(fields),
            Body::Json(text) => question["body"] = json!(text),
        }
        let answer = self.ask(&question);
        let headers = answer["headers"].as_object().unwrap().iter();
        headers.map(|(name, value)| (name.clone(), value.as_str().unwrap().to_owned())).collect()
    }
}
