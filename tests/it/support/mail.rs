//! Mails as people read them.

use regex::{Captures, Regex};

use super::smtp::base64_decoded;

/// A mail's headers, unfolded and decoded, and its text: the first part, where a checkpoint stands behind it.
pub(crate) fn readable(mail: &str) -> String {
    let mail = mail.replace("\r\n", "\n");
    let (head, body) = mail.split_once("\n\n").unwrap();
    let head = head.replace("\n ", " ");
    let boundary = head
        .split_once("boundary=\"")
        .and_then(|(_, rest)| rest.split('"').next());
    let (part, body) = match boundary {
        Some(boundary) => body
            .split(&format!("--{boundary}"))
            .nth(1)
            .and_then(|part| part.split_once("\n\n"))
            .unwrap(),
        None => (head.as_str(), body),
    };
    let body = if part.contains("Content-Transfer-Encoding: base64") {
        text(body)
    } else {
        body.to_owned()
    };
    let word = Regex::new(r"(?i)=\?utf-8\?b\?([^?]*)\?= *").unwrap();
    let head = word.replace_all(&head, |w: &Captures<'_>| text(&w[1]));
    format!("{head}\n\n{body}")
}

fn text(encoded: &str) -> String {
    String::from_utf8(base64_decoded(encoded)).unwrap()
}
