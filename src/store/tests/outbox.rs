//! The outbox in the store: what is due, in which order, and what became of each copy.

use super::*;
use crate::alert::outbox::{Due, MailId, Message, Settled};

pub(super) fn mail(id: &str, to: &[&str], secs: i64) -> NewMail {
    NewMail {
        alert: None,
        message: Message {
            message_id: format!("{id}@x"),
            in_reply_to: (id != "m1").then(|| "m1@x".into()),
            from: "sekimori <s@x>".into(),
            to: to.iter().map(|t| (*t).to_owned()).collect(),
            subject: format!("件名 {id}"),
            body: "本文\n".into(),
            date: at(secs),
            urgent: id.starts_with('u'),
            attachments: Vec::new(),
        },
    }
}

fn queued(mails: &[NewMail]) -> Place {
    let mut p = made();
    for one in mails {
        assert!(p.store.queue(one).unwrap());
    }
    p
}

/// Message-ID and recipient of what is due, without the domain.
fn due(p: &Place, secs: i64, max: usize) -> Vec<String> {
    let show = |d: &Due| format!("{} {}", d.message.message_id.trim_end_matches("@x"), d.recipient);
    p.store.due_mails(at(secs), max).unwrap().iter().map(show).collect()
}

fn retry(secs: i64, blocked: bool) -> Settled {
    Settled::Retry {
        at: at(secs),
        why: "later".into(),
        blocked,
    }
}

#[test]
fn a_mail_is_given_back_as_it_was_rendered_for_each_of_its_recipients() {
    let both = mail("m2", &["a@x", "b@x"], 0);
    let p = queued(std::slice::from_ref(&both));
    let due = p.store.due_mails(at(0), 10).unwrap();
    assert_eq!(due.len(), 2);
    for (one, recipient) in due.iter().zip(["a@x", "b@x"]) {
        assert_eq!(one.message, both.message);
        assert_eq!(
            (one.recipient.as_str(), one.attempts, one.refused_since, one.critical),
            (recipient, 0, None, false)
        );
    }
    let first = mail("m1", &["a@x"], 0);
    let p = queued(std::slice::from_ref(&first));
    assert_eq!(p.store.due_mails(at(0), 10).unwrap()[0].message.in_reply_to, None);
}

#[test]
fn the_same_message_is_queued_once() {
    let mut p = queued(&[mail("m1", &["a@x"], 0)]);
    assert!(!p.store.queue(&mail("m1", &["b@x"], 5)).unwrap());
    assert_eq!(due(&p, 10, 10), ["m1 a@x"]);
    let committed = commit_with(&mut p.store, &Parts::default(), &mut |desk| {
        desk.mail(&mail("m1", &["a@x"], 0))?;
        desk.mail(&mail("m2", &["a@x"], 0))
    });
    assert_eq!(committed.unwrap().mails, 1);
}

#[test]
fn a_recipient_named_twice_gets_one_copy() {
    let mut p = queued(&[mail("m1", &["a@x", "b@x", "a@x"], 0)]);
    assert_eq!(due(&p, 0, 12), ["m1 a@x", "m1 b@x"]);
    p.store
        .settle(MailId(1), "a@x", &Settled::Sent { answer: "250".into() }, at(1))
        .unwrap();
    assert_eq!(due(&p, 5, 12), ["m1 b@x"]);
}

#[test]
fn urgent_mails_go_first_then_the_oldest_and_nothing_before_its_time() {
    let p = queued(&[
        mail("m1", &["a@x"], 0),
        mail("m2", &["b@x"], 0),
        mail("u3", &["c@x"], 5),
        mail("u4", &["d@x"], 0),
    ]);
    assert_eq!(due(&p, -1, 10), [""; 0]);
    assert_eq!(due(&p, 4, 10), ["u4 d@x", "m1 a@x", "m2 b@x"]);
    assert_eq!(due(&p, 5, 10), ["u3 c@x", "u4 d@x", "m1 a@x", "m2 b@x"]);
    assert_eq!(due(&p, 5, 2), ["u3 c@x", "u4 d@x"]);
    assert_eq!(p.store.next_mail_due().unwrap(), Some(at(0)));
}

#[test]
fn a_backlog_for_one_recipient_leaves_room_for_the_others() {
    let mut mails: Vec<NewMail> = (0..30).map(|i| mail(&format!("m{i}x"), &["full@x"], 0)).collect();
    mails.push(mail("u99", &["full@x"], 0));
    mails.push(mail("n1", &["other@x"], 0));
    let p = queued(&mails);
    assert_eq!(due(&p, 0, 8), ["u99 full@x", "m0x full@x", "n1 other@x"]);
    assert_eq!(due(&p, 0, 1).len(), 1);
    assert_eq!(due(&p, 0, 3), ["u99 full@x", "n1 other@x"]);
    assert_eq!(due(&p, 0, 64).len(), 17);
}

#[test]
fn each_recipient_has_an_outcome_of_its_own() {
    let mut p = queued(&[mail("m1", &["a@x", "b@x", "c@x", "d@x"], 0)]);
    let id = p.store.due_mails(at(0), 64).unwrap()[0].mail;
    for to in ["a@x", "b@x", "c@x"] {
        p.store.begin_attempt(id, to).unwrap();
    }
    p.store
        .settle(
            id,
            "a@x",
            &Settled::Sent {
                answer: "250 ok".into(),
            },
            at(1),
        )
        .unwrap();
    p.store
        .settle(id, "b@x", &Settled::Dead { why: "550".into() }, at(1))
        .unwrap();
    p.store.settle(id, "c@x", &retry(60, false), at(1)).unwrap();
    assert_eq!(due(&p, 59, 64), ["m1 d@x"]);
    let later = p.store.due_mails(at(60), 64).unwrap();
    assert_eq!(later.len(), 2);
    assert_eq!((later[0].attempts, later[0].refused_since), (1, Some(at(1))), "c@x");
    assert_eq!((later[1].attempts, later[1].refused_since), (0, None), "d@x");
    let counts = p.store.mail_counts().unwrap();
    assert_eq!(
        (counts.waiting, counts.sent, counts.dead, counts.oldest),
        (2, 1, 1, Some(at(0)))
    );
}

#[test]
fn tries_are_counted_before_and_refusals_since_the_first() {
    let mut p = queued(&[mail("m1", &["a@x"], 0)]);
    for (n, settled) in [
        (1, retry(10, true)),
        (2, retry(20, false)),
        (3, retry(30, true)),
        (4, retry(40, false)),
    ] {
        p.store.begin_attempt(MailId(1), "a@x").unwrap();
        p.store.settle(MailId(1), "a@x", &settled, at(n * 10 - 5)).unwrap();
        let one = &p.store.due_mails(at(n * 10), 4).unwrap()[0];
        // The relay being away does not count against the mail, nor does it wipe out what was said before.
        let since = if n == 1 { None } else { Some(at(15)) };
        assert_eq!((one.attempts, one.refused_since), (u32::try_from(n).unwrap(), since));
    }
}

#[test]
fn what_waits_for_the_relay_goes_at_once_when_it_is_back_and_what_it_put_off_does_not() {
    let mut p = queued(&[mail("m1", &["a@x", "b@x"], 0), mail("m2", &["c@x"], 0)]);
    p.store.settle(MailId(1), "a@x", &retry(1_000, true), at(0)).unwrap();
    p.store.settle(MailId(1), "b@x", &retry(900, false), at(0)).unwrap();
    p.store
        .settle(MailId(2), "c@x", &Settled::Sent { answer: String::new() }, at(0))
        .unwrap();
    assert_eq!(p.store.next_mail_due().unwrap(), Some(at(900)));
    p.store.wake_mails(at(50)).unwrap();
    assert_eq!(p.store.next_mail_due().unwrap(), Some(at(50)));
    assert_eq!(due(&p, 50, 8), ["m1 a@x"]);
    p.store.wake_mails(at(5_000)).unwrap();
    assert_eq!(
        p.store.next_mail_due().unwrap(),
        Some(at(50)),
        "waking never puts a mail off"
    );
}

#[test]
fn nothing_waiting_is_nothing_due() {
    let p = queued(&[]);
    assert_eq!(p.store.next_mail_due().unwrap(), None);
    assert_eq!(p.store.mail_counts().unwrap(), MailCounts::default());
    assert!(p.store.message(MailId(9)).is_err());
}
